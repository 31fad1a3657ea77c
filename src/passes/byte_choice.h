// Whether a product of bytes is computed as one, or as a product of the real numbers that they
// stand for: what is faster on this machine.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "ir/builder.h"
#include "passes/pass.h"

namespace hone {

// A product of bytes with constant weights.
struct ByteProduct {
  std::string_view bytes, reals;  // the operators: quantized_conv and channels_last_conv
  TensorType x;                   // bytes; for block_linear the real numbers
  Extents panels, real_panels;    // of the weights, packed for either
  int64_t columns = 0;            // of the result
  std::optional<DType> result;    // none: f32
  Builder::Given attrs;           // of both operators
  int64_t macs = 0;
  int64_t rows = INT64_MAX;  // of the result, where they are known and few
  // Of block_linear.
  int64_t bits = 0, block = 0;

  std::string str() const;  // what its time depends on
};

class ByteChoice {
 public:
  // The option `prefer` of the pass says what is taken where nobody measures: bytes, bytes for
  // results of a few rows, or reals; without `width`, the columns of panels of real numbers, nobody
  // is asked.
  static Result<ByteChoice> make(PassContext& c);
  bool bytes(ByteProduct p);
  // Of real numbers; 0: not known.
  int64_t width() const { return width_; }

 private:
  ByteChoice(PassContext& c, int64_t rows, int64_t width)
      : context_(c), rows_(rows), width_(width) {}
  bool decide(const ByteProduct& p);

  PassContext& context_;
  int64_t rows_;  // of results for which bytes are preferred, at most
  int64_t width_;
  std::map<std::string, bool> decided_;
};

}  // namespace hone
