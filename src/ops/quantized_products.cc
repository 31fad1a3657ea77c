#include "ops/quantized_products.h"

#include "ops/activation.h"
#include "ops/quantization.h"
#include "ops/window.h"

namespace hone {

using namespace quantized;

std::vector<Port> quantized_product_inputs() {
  static constexpr auto kOptional = Port::Presence::optional;
  return {{"x", kQuantizedBytes, 'X'},
          {"panels", DType::i8},
          {"bias", DType::f32, 0, kOptional},
          {"residual", DType::f32, 0, kOptional},
          {"scale", DType::f32},
          {"x_zero_point", kQuantizedBytes, 'X', kOptional},
          {"weight_sums", DType::i32},
          {"weight_zero_point", DType::i8, 0, kOptional},
          {"y_zero_point", kQuantizedBytes, 0, kOptional},
          {"offset", DType::i32, 0, kOptional}};
}

std::vector<AttrDef> rescaling_attrs(std::vector<AttrDef> others) {
  others.push_back({"multiplier", AttrKind::real, false, 1.0f});
  return activation_attrs(std::move(others));
}

Status expect_packed_bytes(const Infer& c) {
  TRY(expect_rank(c, 1, 4));
  const int64_t columns = c.integer("columns");
  const auto panels = extent(c, 1, 0).constant();
  const auto room = panels ? checked_mul(*panels, kPanelColumns) : std::nullopt;
  const bool whole = extent(c, 1, 2).is(kPanelColumns) && extent(c, 1, 3).is(kPanelGroup) &&
                     extent(c, 1, 1).constant().value_or(1) % kGroupUnit == 0;
  if (c.shape(1).ranked &&
      (!whole || columns < 0 ||
       (panels && (!room || columns > *room || columns <= *room - kPanelColumns))))
    return attribute_error(
        c, std::to_string(columns) + " columns do not take panels of shape " + c.shape(1).str());
  return ok();
}

Status expect_rescaling(const Infer& c, const Dim& columns, const Shape& out) {
  for (size_t i : {kBias, kSums, kWeightZero, kOffset})
    if (c.has(i)) TRY(expect_vector(c, i, columns));
  for (size_t i : {kZero, kResultZero})
    if (c.has(i) && c.shape(i).ranked && !element_count(c.shape(i)).is(1))
      return shape_error(c, "a zero point of shape " + c.shape(i).str() + ", not one element");
  if (c.shape(kScale).ranked && !element_count(c.shape(kScale)).is(1))
    TRY(expect_vector(c, kScale, columns));
  if (!c.has(kResidual)) return ok();
  const Shape& residual = c.shape(kResidual);
  if (!residual.ranked || !out.ranked) return ok();
  TRY(expect_rank(c, kResidual, out.rank()));
  for (size_t i = 0; i < out.rank(); ++i)
    TRY(same_extent(c, residual.dims[i], out.dims[i], "residual and result"));
  return ok();
}

DType rescaled_dtype(const Infer& c) {
  return c.has(kResultZero) ? c.dtype(kResultZero) : DType::f32;
}

Rescaling::Rescaling(const Call& c, std::vector<int64_t> sums) : c_(c), sums_(std::move(sums)) {
  if (c.has(kZero)) x_zero_ = load_integer(c.in(kZero), 0);
}

int64_t Rescaling::centred_weight(int64_t w, int64_t column) const {
  return c_.has(kWeightZero) ? w - load_integer(c_.in(kWeightZero), column) : w;
}

void Rescaling::store(Tensor& y, int64_t i, int64_t column, int32_t sum) const {
  const int64_t zero = x_zero_ + (c_.dtype(0) == DType::i8 ? 128 : 0);
  const int64_t wrong = sums_[size_t(column)] - load_integer(c_.in(kSums), column);
  sum = int32_t(uint32_t(sum) + uint32_t(zero * wrong));
  if (c_.has(kOffset))
    sum = int32_t(uint32_t(sum) + uint32_t(load_integer(c_.in(kOffset), column)));
  // Every step is rounded to f32, as kernels do it: bytes come out equal.
  const Tensor& scale = c_.in(kScale);
  const auto real = [&](size_t input, int64_t at) { return float(load_real(c_.in(input), at)); };
  float x = float(sum) * real(kScale, scale.count() == 1 ? 0 : column);
  if (c_.has(kBias)) x += real(kBias, column);
  if (c_.has(kResidual)) x += real(kResidual, i);
  x = float(activated(c_, double(x)));
  if (!c_.has(kResultZero)) return store_real(y, i, x);
  const float scaled = x * float(c_.real("multiplier"));
  store_integer(y, i, requantize(y.dtype(), double(scaled), load_integer(c_.in(kResultZero), 0)));
}

}  // namespace hone
