// Convolutions of bytes whose channels are the last axis, rescaled: what convolutions of quantized
// tensors are lowered to.
#include "base/checked.h"
#include "ops/activation.h"
#include "ops/channels_last.h"
#include "ops/quantization.h"
#include "ops/quantized_products.h"

namespace hone {
namespace {

Result<Windows> windows_of(const Infer& c) {
  const Shape& x = c.shape(0);
  TRY(window_positions(c));
  return make_windows(c, std::span(x.dims).subspan(1, x.rank() - 2), {}, false);
}

Result<Types> output_of(const Infer& c, const Dim& channels) {
  Shape out({c.shape(0).dims[0]});
  for (const Window& w : TRY(windows_of(c))) out.dims.push_back(w.out);
  out.dims.push_back(channels);
  TRY(expect_activation(c));
  TRY(expect_rescaling(c, channels, out));
  return Types{Type(rescaled_dtype(c), std::move(out))};
}

Result<Types> infer_conv(const Infer& c) {
  TRY(expect_image(c));
  TRY(expect_rank(c, 1, 5));
  const int64_t group = TRY(positive(c, "group")), filters = c.integer("filters");
  if (filters < 1 || filters % group != 0)
    return attribute_error(
        c, std::to_string(filters) + " filters in " + std::to_string(group) + " groups");
  TRY(same_extent(c, extent(c, 1, 0), Dim(group), "groups and panels"));
  const auto channels = c.shape(0).dims.back().constant();
  if (channels && *channels % group != 0)
    return shape_error(c, std::to_string(*channels) + " channels do not divide into " +
                              std::to_string(group) + " groups");
  const int64_t columns = filters / group;
  const auto panels = extent(c, 1, 1).constant(), groups = extent(c, 1, 2).constant();
  const bool fits = extent(c, 1, 3).is(kPanelColumns) && extent(c, 1, 4).is(kPanelGroup) &&
                    panels.value_or(1) == (columns - 1) / kPanelColumns + 1;
  const auto depth =
      channels ? checked_mul(*channels / group, TRY(window_positions(c))) : std::nullopt;
  if (c.shape(1).ranked && (!fits || (depth && groups && padded_groups(*depth) != *groups)))
    return attribute_error(
        c, std::to_string(filters) + " filters do not take panels of shape " + c.shape(1).str());
  return output_of(c, filters);
}

Result<Types> infer_depthwise(const Infer& c) {
  TRY(expect_image(c));
  TRY(expect_rank(c, 1, 2));
  TRY(same_extent(c, extent(c, 1, 0), Dim(TRY(window_positions(c))), "positions of the kernel"));
  return output_of(
      c, TRY(same_extent(c, c.shape(0).dims.back(), extent(c, 1, 1), "channels of x and weights")));
}

// weight(m, position, d): of filter m, for channel d of its group.
template <class Weight>
std::vector<int64_t> column_sums(int64_t filters, int64_t positions, int64_t depth, Weight weight) {
  std::vector<int64_t> sums(static_cast<size_t>(filters));
  for (int64_t m = 0; m < filters; ++m)
    for (int64_t p = 0; p < positions; ++p)
      for (int64_t d = 0; d < depth; ++d) sums[size_t(m)] += weight(m, p, d);
  return sums;
}

// From the taps that lie within the image.
template <class Weight>
Status convolve_bytes(Call& c, int64_t depth, int64_t columns, Weight weight) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Windows windows = TRY(windows_of(c));
  const int64_t filters = y.shape().back(), channels = x.shape().back();
  const int64_t in_size = checked_product(in_extents(windows)).value_or(0);
  const int64_t out_size = checked_product(out_extents(windows)).value_or(0);
  const Rescaling rescaling(c, column_sums(filters, TRY(window_positions(c)), depth, weight));
  std::vector<uint64_t> sums(size_t(y.count()));
  each_tap(windows, [&](int64_t o, int64_t position, int64_t i) {
    for (int64_t n = 0; n < y.shape()[0]; ++n)
      for (int64_t m = 0; m < filters; ++m)
        for (int64_t d = 0; d < depth; ++d) {
          const int64_t channel = m / columns * depth + d;
          const int64_t a = load_integer(x, (n * in_size + i) * channels + channel);
          sums[size_t((n * out_size + o) * filters + m)] += uint64_t(
              rescaling.centred_x(a) * rescaling.centred_weight(weight(m, position, d), m));
        }
  });
  for (int64_t i = 0; i < y.count(); ++i)
    rescaling.store(y, i, i % filters, int32_t(uint32_t(sums[size_t(i)])));
  return ok();
}

Status reference_conv(Call& c) {
  const Tensor& panels = c.in(1);
  const int64_t group = c.integer("group"), columns = c.integer("filters") / group;
  const int64_t depth = c.in(0).shape().back() / group;
  const int64_t row = kPanelColumns * kPanelGroup, panel = panels.shape()[2] * row;
  return convolve_bytes(c, depth, columns, [&](int64_t m, int64_t position, int64_t d) {
    const int64_t j = m % columns, k = position * depth + d;
    const int64_t p = m / columns * panels.shape()[1] + j / kPanelColumns;
    return load_integer(panels, p * panel + k / kPanelGroup * row +
                                    j % kPanelColumns * kPanelGroup + k % kPanelGroup);
  });
}

Status reference_depthwise(Call& c) {
  const Tensor& weights = c.in(1);
  const int64_t channels = c.in(0).shape().back();
  return convolve_bytes(c, 1, 1, [&](int64_t m, int64_t position, int64_t) {
    return load_integer(weights, position * channels + m);
  });
}

Cost conv_cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  const Dim count = element_count(out[0].tensor.shape);
  const Dim positions(kernel_positions(c, kMostWindowPositions).value_or(0));
  const bool depthwise = c.op().name == "quantized_depthwise_conv";
  const auto channels = c.shape(0).dims.back().constant();
  if (depthwise)
    cost.macs = count * positions;
  else
    cost.macs = channels
                    ? count * positions * Dim(*channels / std::max<int64_t>(1, c.integer("group")))
                    : Dim::unknown();
  cost.flops = cost.macs * Dim(2) + count * Dim(2);
  return cost;
}

}  // namespace

const OpDef& quantized_conv_op() {
  static const OpDef def{
      .name = "quantized_conv",
      .doc =
          "As quantized_linear, for the windows of x [N, in..., C] and y [N, out..., M]; padding "
          "stands for x_zero_point. The weights of each group [kernel..., C / G, M / G] lie in "
          "panels [G, ceil(M / G / 16), ceil(kernel... * C / G / 64) * 16, 16, 4].",
      .inputs = quantized_product_inputs(),
      .outputs = {{"y", DType::f32 | kQuantizedBytes}},
      .attrs =
          window_attrs(true, rescaling_attrs({{"filters", AttrKind::integer, true, {}, "M"},
                                              {"group", AttrKind::integer, false, int64_t{1}}})),
      .infer = infer_conv,
      .cost = conv_cost,
      .reference = reference_conv,
      .examples =
          {R"(graph quantized_conv_2d(x: u8[2,5,6,3], w: i8[1,1,16,16,4], s: i32[7], b: f32[7],
                                      r: f32[2,3,6,7]) -> (y) {
        y = quantized_conv(x, w, b, r, f32{0.01}, u8{9}, s) <filters=7, kernel_shape=[3, 2],
            pads=[1, 0, 1, 1], strides=[2, 1], activation="relu">
      })",
           R"(graph quantized_conv_groups(x: i8[1,9,80], w: i8[2,1,32,16,4], s: i32[6], z: i8[6],
                                          f: f32[6]) -> (y) {
        y = quantized_conv(x, w, _, _, f, i8{-7}, s, z, u8{3}) <filters=6, group=2, kernel_shape=[3],
            dilations=[2], multiplier=2.0>
      })",
           R"(graph quantized_conv_pixels(x: u8[1,7,5,64], w: i8[1,2,16,16,4], s: i32[20]) -> (y) {
        y = quantized_conv(x, w, _, _, f32{0.003}, _, s, _, i8{0}) <filters=20, kernel_shape=[1, 1]>
      })"},
  };
  return def;
}

const OpDef& quantized_depthwise_conv_op() {
  static const OpDef def{
      .name = "quantized_depthwise_conv",
      .doc =
          "As quantized_conv, each channel with a filter of its own: weights [positions of the "
          "kernel, C].",
      .inputs = quantized_product_inputs(),
      .outputs = {{"y", DType::f32 | kQuantizedBytes}},
      .attrs = window_attrs(true, rescaling_attrs({})),
      .infer = infer_depthwise,
      .cost = conv_cost,
      .reference = reference_depthwise,
      .examples =
          {R"(graph quantized_depthwise(x: u8[2,6,5,11], w: i8[9,11], s: i32[11], f: f32[11],
                                        b: f32[11]) -> (y) {
        y = quantized_depthwise_conv(x, w, b, _, f, u8{100}, s, _, u8{4}) <kernel_shape=[3, 3],
            pads=[1, 1, 1, 1], strides=[2, 2], multiplier=1.5>
      })",
           R"(graph quantized_scale(x: i8[1,4,70], w: i8[5,70], s: i32[70]) -> (y) {
        y = quantized_depthwise_conv(x, w, _, _, f32{0.02}, i8{3}, s) <kernel_shape=[5],
            pads=[2, 2], activation="relu">
      })"},
  };
  return def;
}

}  // namespace hone
