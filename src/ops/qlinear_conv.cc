// Convolution of quantized tensors.
#include <algorithm>

#include "ops/quantization.h"
#include "ops/window.h"

namespace hone {
namespace {

enum Input : size_t { kX, kXScale, kXZero, kW, kWScale, kWZero, kYScale, kYZero, kBias };

Result<Types> infer(const Infer& c) {
  Convolution conv = TRY(make_convolution(c, kX, kW, kBias));
  for (size_t i : {kXScale, kXZero, kYScale, kYZero})
    TRY(same_extent(c, element_count(c.shape(i)), Dim(1), "parameters of x and y"));
  for (size_t i : {kWScale, kWZero}) {
    const Dim count = element_count(c.shape(i));
    if (!count.is(1)) TRY(same_extent(c, count, extent(c, kW, 0), "parameters of the weights"));
  }
  return Types{Type(c.dtype(kYZero), std::move(conv.out))};
}

Status reference(Call& c) {
  const Tensor &x = c.in(kX), &w = c.in(kW);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  std::vector<double> xs = reals(x), ws = reals(w);
  for (double& v : xs) v -= load_real(c.in(kXZero), 0);
  const bool each_zero = c.in(kWZero).count() > 1, each_scale = c.in(kWScale).count() > 1;
  const int64_t size = w.count() / w.shape()[0];
  for (size_t i = 0; i < ws.size(); ++i)
    ws[i] -= load_real(c.in(kWZero), each_zero ? int64_t(i) / size : 0);
  const std::vector<double> sums =
      convolve(xs, x.shape(), ws, w.shape(), TRY(make_convolution(c, kX, kW, kBias)));
  const auto [outer, filters, inner] = split_at(y.shape(), 1);
  const auto x_scale = float(load_real(c.in(kXScale), 0));
  const auto y_scale = float(load_real(c.in(kYScale), 0));
  const int64_t zero = load_integer(c.in(kYZero), 0);
  for (int64_t i = 0; i < y.count(); ++i) {
    const int64_t m = i / inner % filters;
    const float factor = x_scale * float(load_real(c.in(kWScale), each_scale ? m : 0)) / y_scale;
    // Modulo 2^32.
    const auto bias = uint32_t(c.has(kBias) ? load_integer(c.in(kBias), m) : 0);
    const auto sum = int32_t(uint32_t(int64_t(sums[size_t(i)])) + bias);
    const float scaled = float(sum) * factor;
    store_integer(y, i, requantize(y.dtype(), double(scaled), zero));
  }
  return ok();
}

}  // namespace

const OpDef& qlinear_conv_op() {
  static const OpDef def{
      .name = "qlinear_conv",
      .doc =
          "conv on quantized tensors: saturate(round((sum (x - x_zero_point)(weights - "
          "weights_zero_point) + bias) * (x_scale weights_scale / y_scale)) + y_zero_point), "
          "half to even, the factor and its product computed in f32. Parameters of the weights are "
          "scalars or "
          "have one element for each output channel; bias is i32.",
      .inputs = {{"x", kQuantizedBytes, 'X'},
                 {"x_scale", DType::f32},
                 {"x_zero_point", kQuantizedBytes, 'X'},
                 {"weights", kQuantizedBytes, 'W'},
                 {"weights_scale", DType::f32},
                 {"weights_zero_point", kQuantizedBytes, 'W'},
                 {"y_scale", DType::f32},
                 {"y_zero_point", kQuantizedBytes, 'Y'},
                 {"bias", DType::i32, 0, Port::Presence::optional}},
      .outputs = {{"y", kQuantizedBytes, 'Y'}},
      .attrs = window_attrs(false, {{"group", AttrKind::integer, false, int64_t{1}}}),
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = convolution_cost(c, out, kW, kBias);
            cost.flops = cost.flops + element_count(out[0].tensor.shape) * Dim(4);
            return cost;
          },
      .reference = reference,
      .examples = {R"(graph qlinear_conv_channels(x: u8[1,2,4,4], w: i8[3,2,3,3],
                                                  b: i32[3]) -> (y) {
        y = qlinear_conv(x, f32{0.1}, u8{3}, w, f32[3]{0.2, 0.1, 0.3}, i8[3]{0, 0, 0}, f32{0.5},
                         u8{20}, b) <pads=[1, 1, 1, 1]>
      })"},
  };
  return def;
}

}  // namespace hone
