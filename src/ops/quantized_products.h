// What the operators of the lowered form on bytes share: packed weights, and how their exact sums
// become real numbers or bytes again.
#pragma once

#include "ops/common.h"

namespace hone {

// Panels of weights: [panels, groups, 16, 4], groups of four consecutive bytes, padded to 16
// groups.
inline constexpr int64_t kPanelColumns = 16, kPanelGroup = 4, kGroupUnit = 16;
inline int64_t padded_groups(int64_t depth) {
  constexpr int64_t kUnit = kGroupUnit * kPanelGroup;
  return (depth / kUnit + (depth % kUnit != 0)) * kGroupUnit;
}

// x, panels, bias, residual, scale, x_zero_point, weight_sums, weight_zero_point, y_zero_point,
// offset.
namespace quantized {
inline constexpr size_t kBias = 2, kResidual = 3, kScale = 4, kZero = 5, kSums = 6, kWeightZero = 7,
                        kResultZero = 8, kOffset = 9;
}
std::vector<Port> quantized_product_inputs();
// Those of the activation, and `multiplier`.
std::vector<AttrDef> rescaling_attrs(std::vector<AttrDef> others);

Status expect_packed_bytes(const Infer& c);
Status expect_rescaling(const Infer& c, const Dim& columns, const Shape& out);
DType rescaled_dtype(const Infer& c);

// The way of the reference.
class Rescaling {
 public:
  // With the true sums of the columns of W: where weight_sums say otherwise, the result is what
  // kernels make of it, which add unsigned bytes.
  Rescaling(const Call& c, std::vector<int64_t> sums);
  int64_t centred_x(int64_t x) const { return x - x_zero_; }
  int64_t centred_weight(int64_t w, int64_t column) const;
  // The sum of element i of y, in this column.
  void store(Tensor& y, int64_t i, int64_t column, int32_t sum) const;

 private:
  const Call& c_;
  std::vector<int64_t> sums_;
  int64_t x_zero_ = 0;
};

}  // namespace hone
