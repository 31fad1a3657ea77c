#include "ops/quantization.h"

#include <algorithm>
#include <cmath>

#include "ops/window.h"

namespace hone {

Status check_scales(const Infer& c, size_t scale, size_t zero_point) {
  const int64_t block = c.integer("block_size");
  if (block < 0 || block > INT32_MAX)
    return attribute_error(
        c, "block_size must be between 0 and 2^31 - 1, is " + std::to_string(block));
  const Shape &x = c.shape(0), &s = c.shape(scale);
  if (c.has(zero_point) && s.ranked && c.shape(zero_point).ranked) {
    const Shape& z = c.shape(zero_point);
    const bool single = element_count(s).is(1) && element_count(z).is(1);
    if (!single) {
      TRY(expect_rank(c, zero_point, s.rank()));
      for (size_t i = 0; i < s.rank(); ++i)
        TRY(same_extent(c, s.dims[i], z.dims[i], "extents of scale and zero point"));
    }
  }
  if (!x.ranked || !s.ranked || element_count(s).is(1)) return ok();
  if (s.rank() == 0) return ok();
  const size_t axis = size_t(TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  if (block == 0) {
    if (s.rank() != 1)
      return shape_error(
          c, "without block_size the scale must have at most one axis, has shape " + s.str());
    TRY(same_extent(c, x.dims[axis], s.dims[0], "extents along the axis of x and scale"));
    return ok();
  }
  TRY(expect_rank(c, scale, x.rank()));
  for (size_t i = 0; i < x.rank(); ++i)
    TRY(same_extent(c, i == axis ? ceil_div(x.dims[i], Dim(block)) : x.dims[i], s.dims[i],
                    "extents of the blocks of x and of the scale"));
  return ok();
}

ScaleIndex::ScaleIndex(const Call& c, size_t scale) {
  const Extents &x = c.in(0).shape(), &s = c.in(scale).shape();
  count_ = c.in(scale).count();
  if (count_ == 1 || c.in(0).count() == 0) return;
  const int64_t axis = c.integer("axis");
  const size_t at = size_t(axis < 0 ? axis + int64_t(x.size()) : axis);
  const AxisSplit split = split_at(x, int64_t(at));
  axis_ = split.axis;
  inner_ = split.inner;
  blocked_ = c.integer("block_size") > 0;
  if (blocked_) {
    block_ = c.integer("block_size");
    scales_ = s[at];
  }
}

double round_to(DType dtype, double x) {
  switch (dtype) {
    case DType::f32: return float(x);
    case DType::f16: return f16_to_f32(f32_to_f16(float(x)));
    case DType::bf16: return bf16_to_f32(f32_to_bf16(float(x)));
    default: return x;
  }
}

Type range_type() { return Type(DType::f32, Shape({2})); }

Status store_range(Call& c, const Tensor& x, size_t i) {
  if (c.outputs() <= i) return ok();
  double least = 0, most = 0;
  for (int64_t k = 0; k < x.count(); ++k) {
    least = std::min(least, load_real(x, k));
    most = std::max(most, load_real(x, k));
  }
  Tensor& range = *TRY(c.out(i));
  store_real(range, 0, least);
  store_real(range, 1, most);
  return ok();
}

IntegerRange range_of(DType dtype) {
  const int width = bits(dtype);
  if (is_unsigned(dtype)) return {0, (int64_t{1} << width) - 1};
  return {-(int64_t{1} << (width - 1)), (int64_t{1} << (width - 1)) - 1};
}

int64_t requantize(DType dtype, double x, int64_t zero_point) {
  const auto [least, most] = range_of(dtype);
  if (std::isnan(x)) return least;
  const double q = std::nearbyint(x) + double(zero_point);
  return int64_t(std::min(double(most), std::max(double(least), q)));
}

}  // namespace hone
