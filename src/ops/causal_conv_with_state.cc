// Causal depthwise convolution over time with carried inputs.
#include <cmath>

#include "ops/window.h"

namespace hone {
namespace {

enum Input : size_t { kX, kW, kBias, kPast };

Result<Types> infer(const Infer& c) {
  const std::string& activation = c.text("activation");
  if (activation != "none" && activation != "silu" && activation != "swish")
    return attribute_error(c, "activation cannot be \"" + activation + "\"");
  for (size_t i : {kX, kW, kPast})
    if (c.has(i)) TRY(expect_rank(c, i, 3));
  if (c.has(kBias)) TRY(expect_rank(c, kBias, 1));
  const Dim batch = TRY(same_extent(c, extent(c, kX, 0), extent(c, kPast, 0), "batches"));
  Dim channels = TRY(same_extent(c, extent(c, kX, 1), extent(c, kW, 0), "channels"));
  channels = TRY(same_extent(c, channels, extent(c, kPast, 1), "channels"));
  channels = TRY(same_extent(c, channels, extent(c, kBias, 0), "channels of x and bias"));
  TRY(same_extent(c, extent(c, kW, 1), Dim(1), "axis 1 of the weights and 1"));
  const Dim kernel = extent(c, kW, 2);
  if (const auto k = kernel.constant(); k && *k < 1)
    return shape_error(c, "the kernel must have at least one element");
  const Dim carried = TRY(
      same_extent(c, kernel - Dim(1), extent(c, kPast, 2), "the kernel less one and past_state"));
  Types types{Type(c.dtype(0), Shape({batch, channels, extent(c, kX, 2)}))};
  if (c.outputs() > 1) types.emplace_back(c.dtype(0), Shape({batch, channels, carried}));
  return types;
}

Status reference(Call& c) {
  const Tensor &x = c.in(kX), &w = c.in(kW);
  Tensor& y = *TRY(c.out(0));
  Tensor* present = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
  const int64_t channels = x.shape()[1], length = x.shape()[2], kernel = w.shape()[2];
  const bool silu = c.text("activation") != "none";
  std::vector<double> line(size_t(length + kernel - 1));
  for (int64_t row = 0; row < x.shape()[0] * channels; ++row) {
    for (int64_t i = 0; i < kernel - 1; ++i)
      line[size_t(i)] = c.has(kPast) ? load_real(c.in(kPast), row * (kernel - 1) + i) : 0;
    for (int64_t i = 0; i < length; ++i)
      line[size_t(kernel - 1 + i)] = load_real(x, row * length + i);
    for (int64_t i = 0; i < length; ++i) {
      double sum = c.has(kBias) ? load_real(c.in(kBias), row % channels) : 0;
      for (int64_t k = 0; k < kernel; ++k)
        sum += load_real(w, row % channels * kernel + k) * line[size_t(i + k)];
      store_real(y, row * length + i, silu ? sum / (1 + std::exp(-sum)) : sum);
    }
    for (int64_t i = 0; present && i < kernel - 1; ++i)
      store_real(*present, row * (kernel - 1) + i, line[size_t(length + i)]);
  }
  return ok();
}

}  // namespace

const OpDef& causal_conv_with_state_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "causal_conv_with_state",
      .doc =
          "Depthwise convolution of x [N, C, T] with weights [C, 1, k] over past_state [N, C, "
          "k - 1] (or zeros) followed by x, plus bias [C], and silu if asked: y [N, C, T] and "
          "the last k - 1 inputs.",
      .inputs = {{"x", kFloats, 'T'},
                 {"weights", kFloats, 'T'},
                 {"bias", kFloats, 'T', kOptional},
                 {"past_state", kFloats, 'T', kOptional}},
      .outputs = {{"y", kFloats, 'T'}, {"present_state", kFloats, 'T', kOptional}},
      .attrs = {{"activation", AttrKind::text, false, "none",
                 "\"none\", \"silu\" or \"swish\", which are the same"}},
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            const Dim count = element_count(c.shape(kX));
            cost.macs = count * extent(c, kW, 2);
            cost.flops = cost.macs * Dim(2);
            if (c.has(kBias)) cost.flops = cost.flops + count;
            if (c.text("activation") != "none") cost.flops = cost.flops + count * Dim(4);
            return cost;
          },
      .reference = reference,
      .examples = {R"(graph causal_conv(x: f32[2,3,5], w: f32[3,1,4], b: f32[3],
                                        past: f32[2,3,3]) -> (y, present) {
        y, present = causal_conv_with_state(x, w, b, past) <activation="silu">
      })"},
  };
  return def;
}

}  // namespace hone
