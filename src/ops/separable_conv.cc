// A depthwise convolution with the products of pixels around it, as one operator: what convolutions
// whose intermediate results are large are lowered to.
#include "ops/separable_conv.h"

#include <algorithm>

#include "base/checked.h"
#include "ops/channels_last.h"

namespace hone {
namespace {

using namespace separable;

Result<Windows> windows_of(const Infer& c) {
  TRY(window_positions(c));
  return make_windows(c, std::span(c.shape(kX).dims).subspan(1, 2), {});
}

// [1, ceil(columns / w), depth, w].
Status expect_panels(const Infer& c, size_t input, const Dim& depth, const Dim& columns) {
  TRY(expect_rank(c, input, 4));
  TRY(same_extent(c, extent(c, input, 0), Dim(1), "groups and panels"));
  TRY(same_extent(c, extent(c, input, 2), depth, "the contracted extents"));
  const auto panels = extent(c, input, 1).constant(), width = extent(c, input, 3).constant();
  const auto n = columns.constant();
  if (!panels || !width || !n) return ok();
  const auto room = checked_mul(*panels, *width);
  if (room && *n <= *room && *n > *room - *width) return ok();
  return shape_error(
      c, std::to_string(*n) + " columns do not take panels of shape " + c.shape(input).str());
}

// What is not computed is not activated.
Status expect_no_activation(const Infer& c, const ActivationNames& names, std::string_view what) {
  if (c.text(names.activation) == "none") return ok();
  return attribute_error(c,
                         std::string(names.activation) + " is given without " + std::string(what));
}

Result<Types> infer(const Infer& c) {
  const Shape& x = c.shape(kX);
  if (!x.ranked || x.rank() != 4) return shape_error(c, "x must have 4 axes, has shape " + x.str());
  TRY(expect_rank(c, kWeights, 2));
  TRY(same_extent(c, extent(c, kWeights, 0), Dim(TRY(window_positions(c))),
                  "positions of the kernel"));
  Dim channels = extent(c, kWeights, 1);
  if (c.has(kExpansion)) {
    TRY(expect_panels(c, kExpansion, extent(c, kX, 3), channels));
  } else {
    if (c.has(kExpansionBias))
      return shape_error(c, "a bias is given for an expansion that is not");
    TRY(expect_no_activation(c, kExpanded, "an expansion"));
    channels = TRY(same_extent(c, extent(c, kX, 3), channels, "channels of x and weights"));
  }
  TRY(expect_bias(c, kExpansionBias, channels));
  TRY(expect_activation(c, kExpanded));
  TRY(expect_activation(c, kConvolved));
  Shape out({extent(c, kX, 0)});
  for (const Window& w : TRY(windows_of(c))) out.dims.push_back(w.out);
  const int64_t filters = c.integer("filters");
  if (filters < 0 || (filters > 0) != c.has(kProjection))
    return attribute_error(c, std::to_string(filters) + " filters, and " +
                                  (c.has(kProjection) ? "a projection" : "no projection"));
  out.dims.push_back(filters > 0 ? Dim(filters) : channels);
  if (filters > 0) {
    TRY(expect_panels(c, kProjection, channels, filters));
  } else {
    if (c.has(kDepthwiseBias))
      return shape_error(c, "without a projection, the depthwise bias is that of the result");
    TRY(expect_no_activation(c, kConvolved, "a projection"));
  }
  TRY(expect_bias(c, kDepthwiseBias, channels));
  TRY(expect_epilogue(c, out));
  return Types{Type(c.dtype(kX), std::move(out))};
}

Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  const Shape& y = out[0].tensor.shape;
  const Dim channels = extent(c, kWeights, 1);
  const Dim results = y.dims[0] * y.dims[1] * y.dims[2];
  cost.macs = results * channels * extent(c, kWeights, 0);
  if (c.has(kExpansion)) cost.macs = cost.macs + element_count(c.shape(kX)) * channels;
  if (c.has(kProjection)) cost.macs = cost.macs + element_count(y) * channels;
  cost.flops = cost.macs * Dim(2) +
               element_count(y) * Dim(int64_t(c.has(kBias)) + int64_t(c.has(kResidual)));
  return cost;
}

// activation(xs · panels + bias), of each pixel.
std::vector<double> products(const std::vector<double>& xs, const Tensor& panels, int64_t columns) {
  const int64_t depth = panels.shape()[2], width = panels.shape()[3];
  const std::vector<double> ws = reals(panels);
  const int64_t pixels = depth > 0 ? int64_t(xs.size()) / depth : 0;
  std::vector<double> y(size_t(pixels * columns));
  for (int64_t i = 0; i < pixels; ++i)
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t d = 0; d < depth; ++d)
        y[size_t(i * columns + j)] +=
            xs[size_t(i * depth + d)] * ws[size_t((j / width * depth + d) * width + j % width)];
  return y;
}

void finish(const Call& c, std::vector<double>& sums, size_t bias, const ActivationNames& names,
            int64_t channels) {
  for (size_t i = 0; i < sums.size(); ++i) {
    if (c.has(bias)) sums[i] += load_real(c.in(bias), int64_t(i) % channels);
    sums[i] = activated(c, sums[i], names);
  }
}

std::vector<double> convolved(const std::vector<double>& xs, const Tensor& weights,
                              const Windows& windows, int64_t images) {
  const int64_t channels = weights.shape()[1];
  const int64_t in_size = checked_product(in_extents(windows)).value_or(0);
  const int64_t out_size = checked_product(out_extents(windows)).value_or(0);
  const std::vector<double> ws = reals(weights);
  std::vector<double> sums(size_t(images * out_size * channels));
  each_tap(windows, [&](int64_t o, int64_t position, int64_t i) {
    for (int64_t n = 0; n < images; ++n)
      for (int64_t ch = 0; ch < channels; ++ch)
        sums[size_t((n * out_size + o) * channels + ch)] +=
            xs[size_t((n * in_size + i) * channels + ch)] * ws[size_t(position * channels + ch)];
  });
  return sums;
}

// Each stage is computed from the one before as a whole: both have to fit. Where x has no elements,
// nothing else bounds its extents.
Status expect_room(const Call& c, const std::vector<Extents>& stages) {
  const auto most = int64_t(std::min<uint64_t>(c.memory_limit.bytes() / sizeof(double), INT64_MAX));
  int64_t before = 0;
  for (const Extents& stage : stages) {
    const auto count = checked_product(stage);
    if (!count || *count > most || before > most - *count)
      return fail(ErrorId::over_memory,
                  std::string(c.op().name) + ": what lies between takes too much memory");
    before = *count;
  }
  return ok();
}

Status reference(Call& c) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Windows windows = TRY(windows_of(c));
  const int64_t images = y.shape()[0], channels = c.in(kWeights).shape()[1];
  const Extents in = in_extents(windows), out = out_extents(windows);
  std::vector<Extents> stages{c.in(kX).shape()};
  if (c.has(kExpansion)) stages.push_back({images, in[0], in[1], channels});
  stages.push_back({images, out[0], out[1], channels});
  if (c.has(kProjection)) stages.push_back(y.shape());
  TRY(expect_room(c, stages));
  std::vector<double> values = reals(c.in(kX));
  if (c.has(kExpansion)) {
    const int64_t pixels = images * checked_product(in_extents(windows)).value_or(0);
    values = products(values, c.in(kExpansion), channels);
    values.resize(size_t(pixels * channels));  // of no channels: zeros
    finish(c, values, kExpansionBias, kExpanded, channels);
  }
  values = convolved(values, c.in(kWeights), windows, images);
  if (c.has(kProjection)) {
    finish(c, values, kDepthwiseBias, kConvolved, channels);
    values = products(values, c.in(kProjection), y.shape().back());
    values.resize(size_t(y.count()));
  }
  add_epilogue(c, y, values);
  return ok();
}

}  // namespace

const OpDef& channels_last_separable_conv_op() {
  static const OpDef def{
      .name = "channels_last_separable_conv",
      .doc =
          "e = expansion_activation(x · expansion + expansion_bias), or x; d = "
          "depthwise_activation(conv(e) + depthwise_bias), each channel with a filter of its own, "
          "padded with zeros; y = activation(d · projection + bias + residual). Without a "
          "projection, y = activation(conv(e) + bias + residual). x [N, H, W, C], weights "
          "[positions of the kernel, E], panels of both products as those of "
          "channels_last_conv, y [N, H', W', filters or E].",
      .inputs = {{"x", kFloats, 'T'},
                 {"weights", kFloats, 'T'},
                 {"bias", kFloats, 'T', Port::Presence::optional},
                 {"residual", kFloats, 'T', Port::Presence::optional},
                 {"depthwise_bias", kFloats, 'T', Port::Presence::optional},
                 {"expansion", kFloats, 'T', Port::Presence::optional},
                 {"expansion_bias", kFloats, 'T', Port::Presence::optional},
                 {"projection", kFloats, 'T', Port::Presence::optional}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = window_attrs(
          true,
          activation_attrs(
              activation_attrs(activation_attrs({{"filters", AttrKind::integer, false, int64_t{0},
                                                  "of the projection; 0: there is none"}}),
                               kExpanded),
              kConvolved)),
      .infer = infer,
      .cost = cost,
      .reference = reference,
      .examples =
          {R"(graph separable_all(x: f32[2,6,5,3], w: f32[9,11], b: f32[7], r: f32[2,3,3,7],
                                  c: f32[11], e: f32[1,1,3,16], d: f32[11],
                                  p: f32[1,1,11,16]) -> (y) {
        y = channels_last_separable_conv(x, w, b, r, c, e, d, p) <kernel_shape=[3, 3],
              pads=[1, 1, 1, 1], strides=[2, 2], filters=7, expansion_activation="relu",
              depthwise_activation="clip", depthwise_high=6.0>
      })",
           R"(graph separable_expanded(x: f32[1,4,5,3], w: f32[6,11], b: f32[11],
                                       e: f32[1,2,3,8]) -> (y) {
        y = channels_last_separable_conv(x, w, b, _, _, e) <kernel_shape=[3, 2],
              activation="silu", expansion_activation="silu">
      })",
           R"(graph separable_projected(x: f32[1,4,5,6], w: f32[9,6], p: f32[1,1,6,32]) -> (y) {
        y = channels_last_separable_conv(x, w, _, _, _, _, _, p) <kernel_shape=[3, 3],
              pads=[1, 1, 1, 1], filters=20>
      })"},
  };
  return def;
}

}  // namespace hone
