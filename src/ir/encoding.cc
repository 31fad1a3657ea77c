// Printing of encodings.
#include "ir/encoding.h"

namespace hone {

std::string Encoding::str() const {
  if (is_dense()) return "";
  std::string out = "affine(";
  out += name(storage);
  if (axis >= 0) out += ", axis=" + std::to_string(axis);
  if (block > 0) out += ", block=" + std::to_string(block);
  if (has_zero_point) out += ", zero_point";
  return out + ')';
}

}  // namespace hone
