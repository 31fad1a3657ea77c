// What the operators on quantized tensors share: scales along an axis or in blocks, rounding.
#pragma once

#include <array>

#include "ops/common.h"

namespace hone {

inline constexpr DTypes kScales = DType::f32 | DType::f16 | DTypes(DType::bf16);
inline constexpr DTypes kQuantizedBytes = DType::u8 | DTypes(DType::i8);

// Checks scale (and zero point, which may be absent) against x, input 0, for attributes axis and
// block_size: one element, one for each slice along the axis, or one for each block along it.
Status check_scales(const Infer& c, size_t scale, size_t zero_point);
// The flat index into the scale of each element of x.
class ScaleIndex {
 public:
  ScaleIndex(const Call& c, size_t scale);
  int64_t operator()(int64_t element) const {
    if (count_ == 1) return 0;
    const int64_t along = element / inner_ % axis_ / block_;
    return blocked_ ? (element / (inner_ * axis_) * scales_ + along) * inner_ + element % inner_
                    : along;
  }

 private:
  int64_t count_ = 1, axis_ = 1, inner_ = 1, block_ = 1, scales_ = 1;
  bool blocked_ = false;
};

// x rounded once to a float dtype; other dtypes leave it as it is.
double round_to(DType dtype, double x);
// The least and the largest number of x, and 0: [2] in f32, as output i where there is one.
Type range_type();
Status store_range(Call& c, const Tensor& x, size_t i);

// Rounds half to even, adds the zero point and saturates to the integer dtype. NaN gives the
// smallest value.
int64_t requantize(DType dtype, double x, int64_t zero_point);
// The range of an integer dtype of at most 16 bits.
struct IntegerRange {
  int64_t least, most;
};
IntegerRange range_of(DType dtype);

// Rows of f32 as quantize_blocks makes bytes of them, with every step rounded to f32, as kernels do
// it: bytes come out equal. `scales` may be null.
void quantize_rows(const Tensor& x, int64_t block, Tensor& y, Tensor* scales);

// Operators that can give their result y in such bytes too, as results 1 and 2, have the attribute
// `quantized_block`, 0 for none. Adds their types; and computes them from result 0.
inline const AttrDef kQuantizedBlock{"quantized_block", AttrKind::integer, false, int64_t{0},
                                     "also gives y as quantize_blocks makes bytes of it"};
inline const std::array<Port, 2> kQuantizedPorts{
    Port{"codes", DType::i8, 0, Port::Presence::optional},
    Port{"scales", DType::f32, 0, Port::Presence::optional}};
Status add_quantized(const Infer& c, Types& types);
Status store_quantized(Call& c);

}  // namespace hone
