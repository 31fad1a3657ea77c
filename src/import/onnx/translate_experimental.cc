// Experimental operators that ONNX dropped again but that converters of 2018 and 2019 wrote:
// Affine, Crop, ImageScaler, ParametricSoftplus, ScaledTanh.
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Outputs = Result<std::vector<ValueId>>;

Result<ValueId> scalar_like(NodeContext& c, double value) {
  return c.builder().scalar(c.input_type(0).tensor.dtype, value);
}

// alpha * x + beta
Outputs affine(NodeContext& c) {
  const ValueId alpha = TRY(scalar_like(c, TRY(c.real("alpha", 1.0f))));
  const ValueId beta = TRY(scalar_like(c, TRY(c.real("beta", 0.0f))));
  const ValueId scaled = TRY(c.emit1("mul", {c.input(0), alpha}));
  return c.emit("add", {scaled, beta});
}

// border: left, top, right, bottom; with scale (height, width) the size of what remains is given.
Outputs crop(NodeContext& c) {
  const Integers border = TRY(c.integers("border"));
  const Integers scale = TRY(c.integers("scale", Integers{}));
  if (border.size() != 4 || (!scale.empty() && scale.size() != 2))
    return c.unsupported("border must have 4 and scale 2 elements");
  for (int64_t n : border)
    if (n < 0 || n > INT32_MAX) return c.unsupported("borders must be between 0 and 2^31");
  for (int64_t n : scale)
    if (n < 0 || n > INT32_MAX) return c.unsupported("extents must be between 0 and 2^31");
  const auto end = [&](size_t k) {
    if (!scale.empty()) return border[1 - k] + scale[k];
    return border[3 - k] == 0 ? INT64_MAX : -border[3 - k];
  };
  Builder& b = c.builder();
  return c.emit("slice", {c.input(0), b.integers({border[1], border[0]}),
                          b.integers({end(0), end(1)}), b.integers({2, 3})});
}

// scale * x + bias, with one bias for each channel of x [N, C, H, W]
Outputs image_scaler(NodeContext& c) {
  const ValueId scale = TRY(scalar_like(c, TRY(c.real("scale", 1.0f))));
  const Reals bias = TRY(c.reals("bias", Reals{}));
  const ValueId scaled = TRY(c.emit1("mul", {c.input(0), scale}));
  if (bias.empty()) return std::vector<ValueId>{scaled};
  const auto channels = int64_t(bias.size());
  // Of the dtype of `scale`: one that has real numbers.
  Tensor each = TRY(Tensor::make(c.type_of(scale).tensor.dtype, {channels, 1, 1}));
  for (int64_t i = 0; i < channels; ++i) store_real(each, i, bias[size_t(i)]);
  return c.emit("add", {scaled, c.builder().constant(each)});
}

// alpha * log(exp(beta * x) + 1)
Outputs parametric_softplus(NodeContext& c) {
  const ValueId alpha = TRY(scalar_like(c, TRY(c.real("alpha"))));
  const ValueId beta = TRY(scalar_like(c, TRY(c.real("beta"))));
  const ValueId scaled = TRY(c.emit1("mul", {c.input(0), beta}));
  const ValueId inner = TRY(c.emit1("softplus", {scaled}));
  return c.emit("mul", {inner, alpha});
}

// alpha * tanh(beta * x)
Outputs scaled_tanh(NodeContext& c) {
  const ValueId alpha = TRY(scalar_like(c, TRY(c.real("alpha"))));
  const ValueId beta = TRY(scalar_like(c, TRY(c.real("beta"))));
  const ValueId scaled = TRY(c.emit1("mul", {c.input(0), beta}));
  const ValueId inner = TRY(c.emit1("tanh", {scaled}));
  return c.emit("mul", {inner, alpha});
}

constexpr Translation kTable[] = {
    {"", "Affine", 1, "", affine, first_inputs(1)},
    {"", "Crop", 1, "", crop, first_inputs(1)},
    {"", "ImageScaler", 1, "", image_scaler, first_inputs(1)},
    {"", "ParametricSoftplus", 1, "", parametric_softplus, first_inputs(1)},
    {"", "ScaledTanh", 1, "", scaled_tanh, first_inputs(1)},
};

}  // namespace

std::span<const Translation> experimental_translations() { return kTable; }

}  // namespace hone::onnx
