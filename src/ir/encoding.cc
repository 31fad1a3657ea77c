// Encodings by name, and their printing.
#include "ir/encoding.h"

namespace hone {

Encoding Encoding::of_blocks(const BlockFormat& format) {
  Encoding e;
  e.kind = Kind::blocks;
  e.format = &format;
  return e;
}

std::optional<Encoding> Encoding::of_halves(DType dtype) {
  if (dtype != DType::f16 && dtype != DType::bf16) return std::nullopt;
  return of_blocks(*block_format(name(dtype)));
}

std::optional<DType> Encoding::halves() const {
  if (kind != Kind::blocks || format->elements != 1) return std::nullopt;
  for (const DType dtype : {DType::f16, DType::bf16})
    if (format->name == name(dtype)) return dtype;
  return std::nullopt;
}

std::string Encoding::str() const {
  if (is_dense()) return "";
  if (kind == Kind::blocks) return "blocks(" + std::string(format->name) + ')';
  std::string out = "affine(";
  out += name(storage);
  if (axis >= 0) out += ", axis=" + std::to_string(axis);
  if (block > 0) out += ", block=" + std::to_string(block);
  if (has_zero_point) out += ", zero_point";
  return out + ')';
}

}  // namespace hone
