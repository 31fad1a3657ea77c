// Convolutions and pooling of tensors whose channels are the last axis: what conv and pooling are
// lowered to.
#include "ops/channels_last.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/checked.h"
#include "base/text.h"
#include "ops/activation.h"

namespace hone {

Result<int64_t> window_positions(const Infer& c) {
  if (const auto positions = kernel_positions(c, kMostWindowPositions)) return *positions;
  return attribute_error(
      c, "the kernel has no positions, or more than " + std::to_string(kMostWindowPositions));
}

Status expect_image(const Infer& c) {
  const Shape& x = c.shape(0);
  if (x.ranked && x.rank() >= 3) return ok();
  return shape_error(c, "x must have at least 3 axes, has shape " + x.str());
}

Status expect_epilogue(const Infer& c, const Shape& out) {
  TRY(expect_activation(c));
  if (c.has(2)) {
    TRY(expect_rank(c, 2, 1));
    TRY(same_extent(c, extent(c, 2, 0), out.dims.back(), "channels and bias"));
  }
  if (!c.has(3)) return ok();
  const Shape& residual = c.shape(3);
  if (residual.ranked && residual.rank() != out.rank())
    return shape_error(c, "the residual is " + residual.str() + " for " + out.str());
  for (size_t i = 0; residual.ranked && i < out.rank(); ++i)
    TRY(same_extent(c, residual.dims[i], out.dims[i], "residual and result"));
  return ok();
}

void add_epilogue(Call& c, Tensor& y, const std::vector<double>& sums) {
  const int64_t channels = y.shape().back();
  for (int64_t i = 0; i < y.count(); ++i) {
    double sum = sums[size_t(i)];
    if (c.has(2)) sum += load_real(c.in(2), i % channels);
    if (c.has(3)) sum += load_real(c.in(3), i);
    store_real(y, i, activated(c, sum));
  }
}

namespace {

bool reads_channels_first(const Infer& c) {
  return c.op().name == "channels_last_conv" && c.integer("channels_first") != 0;
}

const Dim& channels_of(const Infer& c) {
  return reads_channels_first(c) ? c.shape(0).dims[1] : c.shape(0).dims.back();
}

// [N, in..., C], or [N, C, in...], with windows over the axes `in`.
Result<Windows> windows_of(const Infer& c) {
  const Shape& x = c.shape(0);
  const bool pools =
      c.op().name == "channels_last_max_pool" || c.op().name == "channels_last_average_pool";
  const bool ceil_mode = pools && c.integer("ceil_mode") != 0;
  TRY(window_positions(c));
  const size_t first = reads_channels_first(c) ? 2 : 1;
  return make_windows(c, std::span(x.dims).subspan(first, x.rank() - 2), {}, ceil_mode);
}

Result<Types> output_of(const Infer& c, const Dim& channels) {
  Shape out({c.shape(0).dims[0]});
  for (const Window& w : TRY(windows_of(c))) out.dims.push_back(w.out);
  out.dims.push_back(channels);
  return Types{Type(c.dtype(0), std::move(out))};
}

Status expect_algorithm(const Infer& c) {
  if (c.text("algorithm") == "direct") return ok();
  if (c.text("algorithm") != "winograd")
    return attribute_error(c, "there is no algorithm '" + printable(c.text("algorithm")) + "'");
  const Windows windows = TRY(windows_of(c));
  const bool fits = windows.size() == 2 && std::ranges::all_of(windows, [](const Window& w) {
                      return w.kernel == 3 && w.stride == 1 && w.dilation == 1;
                    });
  if (fits && c.integer("group") == 1 && !reads_channels_first(c)) return ok();
  return attribute_error(
      c,
      "the algorithm winograd takes 3 x 3 positions, stride 1, dilation 1, one group and "
      "channels that are the last axis");
}

Result<Types> infer_conv(const Infer& c) {
  TRY(expect_image(c));
  TRY(expect_rank(c, 1, 4));
  const int64_t group = TRY(positive(c, "group")), filters = c.integer("filters");
  if (filters < 1 || filters % group != 0)
    return attribute_error(
        c, std::to_string(filters) + " filters in " + std::to_string(group) + " groups");
  Types out = TRY(output_of(c, filters));
  TRY(same_extent(c, extent(c, 1, 0), Dim(group), "groups and panels"));
  const Dim& channels = channels_of(c);
  if (auto n = channels.constant(); n && *n % group != 0)
    return shape_error(c, std::to_string(*n) + " channels do not divide into " +
                              std::to_string(group) + " groups");
  TRY(same_extent(c, extent(c, 1, 2) * Dim(group), channels * Dim(TRY(window_positions(c))),
                  "the contracted extents"));
  const auto panels = extent(c, 1, 1).constant(), width = extent(c, 1, 3).constant();
  const int64_t columns = filters / group;
  const auto room = panels && width ? checked_mul(*panels, *width) : std::nullopt;
  if (panels && width && (!room || columns > *room || columns <= *room - *width))
    return attribute_error(
        c, std::to_string(columns) + " columns do not take panels of shape " + c.shape(1).str());
  TRY(expect_epilogue(c, out[0].tensor.shape));
  TRY(expect_algorithm(c));
  return out;
}

Result<Types> infer_depthwise(const Infer& c) {
  TRY(expect_image(c));
  TRY(expect_rank(c, 1, 2));
  TRY(same_extent(c, extent(c, 1, 0), Dim(TRY(window_positions(c))), "positions of the kernel"));
  const Dim channels =
      TRY(same_extent(c, c.shape(0).dims.back(), extent(c, 1, 1), "channels of x and weights"));
  Types out = TRY(output_of(c, channels));
  TRY(expect_epilogue(c, out[0].tensor.shape));
  return out;
}

Status reference_conv(Call& c) {
  const Tensor &x = c.in(0), &panels = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const Windows windows = TRY(windows_of(c));
  const int64_t group = c.integer("group"), filters = y.shape().back();
  const bool first = reads_channels_first(c);
  const int64_t channels = first ? x.shape()[1] : x.shape().back();
  const int64_t depth = channels / group, columns = filters / group;
  const int64_t width = panels.shape()[3], k = panels.shape()[2];
  const std::vector<double> xs = reals(x), ws = reals(panels);
  std::vector<double> sums(size_t(y.count()));
  const int64_t images = y.shape()[0];
  const int64_t in_size = checked_product(in_extents(windows)).value_or(0);
  const int64_t out_size = checked_product(out_extents(windows)).value_or(0);
  each_tap(windows, [&](int64_t o, int64_t position, int64_t i) {
    for (int64_t n = 0; n < images; ++n)
      for (int64_t m = 0; m < filters; ++m) {
        const int64_t g = m / columns, j = m % columns;
        const int64_t panel = (g * panels.shape()[1] + j / width) * k * width + j % width;
        double& sum = sums[size_t((n * out_size + o) * filters + m)];
        for (int64_t d = 0; d < depth; ++d) {
          const int64_t channel = g * depth + d;
          const int64_t at = first ? (n * channels + channel) * in_size + i
                                   : (n * in_size + i) * channels + channel;
          sum += xs[size_t(at)] * ws[size_t(panel + (position * depth + d) * width)];
        }
      }
  });
  add_epilogue(c, y, sums);
  return ok();
}

Status reference_depthwise(Call& c) {
  const Tensor &x = c.in(0), &w = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const Windows windows = TRY(windows_of(c));
  const int64_t channels = y.shape().back(), images = y.shape()[0];
  const int64_t in_size = checked_product(in_extents(windows)).value_or(0);
  const int64_t out_size = checked_product(out_extents(windows)).value_or(0);
  std::vector<double> sums(size_t(y.count()));
  each_tap(windows, [&](int64_t o, int64_t position, int64_t i) {
    for (int64_t n = 0; n < images; ++n)
      for (int64_t ch = 0; ch < channels; ++ch)
        sums[size_t((n * out_size + o) * channels + ch)] +=
            load_real(x, (n * in_size + i) * channels + ch) *
            load_real(w, position * channels + ch);
  });
  add_epilogue(c, y, sums);
  return ok();
}

Cost conv_cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  const Dim count = element_count(out[0].tensor.shape);
  const bool depthwise = c.op().name == "channels_last_depthwise_conv";
  cost.macs = count * (depthwise ? Dim(kernel_positions(c, kMostWindowPositions).value_or(0))
                                 : extent(c, 1, 2));
  cost.flops = cost.macs * Dim(2) + count * Dim(int64_t(c.has(2)) + int64_t(c.has(3)));
  return cost;
}

Result<Types> infer_pool(const Infer& c) {
  TRY(expect_image(c));
  return output_of(c, c.shape(0).dims.back());
}

Cost pool_cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  cost.flops = element_count(out[0].tensor.shape) *
               Dim(kernel_positions(c, kMostWindowPositions).value_or(0));
  return cost;
}

// Calls f(element of y, elements of x in its window, positions counted).
template <class F>
Status each_pool(Call& c, F f) {
  const Windows windows = TRY(windows_of(c));
  const Tensor& x = c.in(0);
  const int64_t channels = x.shape().back(), images = x.shape()[0];
  const int64_t in_size = checked_product(in_extents(windows)).value_or(0);
  const int64_t out_size = checked_product(out_extents(windows)).value_or(0);
  std::vector<double> values;
  each_window(windows, [&](int64_t o, const std::vector<int64_t>& offsets, double counted) {
    for (int64_t n = 0; n < images; ++n)
      for (int64_t ch = 0; ch < channels; ++ch) {
        values.clear();
        for (int64_t at : offsets)
          values.push_back(load_real(x, (n * in_size + at) * channels + ch));
        f((n * out_size + o) * channels + ch, values, counted);
      }
  });
  return ok();
}

std::vector<Port> conv_inputs(std::string_view weights) {
  return {{"x", kFloats, 'T'},
          {weights, kFloats, 'T'},
          {"bias", kFloats, 'T', Port::Presence::optional},
          {"residual", kFloats, 'T', Port::Presence::optional}};
}

const AttrDef kCeilMode{"ceil_mode", AttrKind::integer, false, int64_t{0},
                        "1: round output extents up"};

}  // namespace

const OpDef& channels_last_conv_op() {
  static const OpDef def{
      .name = "channels_last_conv",
      .doc =
          "activation(conv(x) + bias + residual) for x [N, in..., C] and y [N, out..., M]. The "
          "weights of each group [kernel..., C / G, M / G] lie in panels [G, ceil(M / G / w), "
          "kernel... * C / G, w] of w filters, zeros after the last; they are finite, for kernels "
          "may multiply the padding too. With algorithm \"winograd\", for 3 x 3 positions, stride "
          "1 "
          "and one group, kernels may take fewer products, by Winograd's minimal filtering "
          "F(4 x 4, 3 x 3). With channels_first=1, x is [N, C, in...].",
      .inputs = conv_inputs("panels"),
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = window_attrs(
          true, activation_attrs({{"filters", AttrKind::integer, true, {}, "M"},
                                  {"group", AttrKind::integer, false, int64_t{1}},
                                  {"algorithm", AttrKind::text, false, std::string("direct")},
                                  {"channels_first", AttrKind::integer, false, int64_t{0},
                                   "1: the channels are axis 1 of x"}})),
      .infer = infer_conv,
      .cost = conv_cost,
      .reference = reference_conv,
      .examples =
          {R"(graph channels_last_2d(x: f32[2,5,6,3], w: f32[1,2,18,4], b: f32[7],
                                             r: f32[2,3,6,7]) -> (y) {
        y = channels_last_conv(x, w, b, r) <filters=7, kernel_shape=[3, 2], pads=[1, 0, 1, 1],
                                            strides=[2, 1], activation="relu">
      })",
           R"(graph channels_last_1d(x: f32[1,9,4], w: f32[2,1,6,16]) -> (y) {
        y = channels_last_conv(x, w) <filters=6, group=2, kernel_shape=[3], dilations=[2]>
      })",
           R"(graph channels_last_wide(x: f32[1,7,5,8], w: f32[1,2,72,16], b: f32[20]) -> (y) {
        y = channels_last_conv(x, w, b) <filters=20, kernel_shape=[3, 3], pads=[1, 1, 1, 1]>
      })",
           R"(graph channels_last_empty(x: f32[1,5,5,0], w: f32[1,1,0,32]) -> (y) {
        y = channels_last_conv(x, w) <filters=3, kernel_shape=[3, 3]>
      })",
           R"(graph channels_last_winograd(x: f32[1,7,5,8], w: f32[1,2,72,16], b: f32[20]) -> (y) {
        y = channels_last_conv(x, w, b) <filters=20, kernel_shape=[3, 3], pads=[1, 1, 1, 1],
                                         algorithm="winograd">
      })",
           R"(graph channels_last_of_planes(x: f32[2,3,9,11], w: f32[1,2,27,16], b: f32[20]) -> (y) {
        y = channels_last_conv(x, w, b) <filters=20, kernel_shape=[3, 3], pads=[1, 1, 0, 1],
                                         strides=[1, 2], channels_first=1>
      })",
           R"(graph channels_last_of_planes_1d(x: f32[1,4,40], w: f32[2,1,6,32]) -> (y) {
        y = channels_last_conv(x, w) <filters=6, group=2, kernel_shape=[3], strides=[3],
                                      dilations=[2], channels_first=1>
      })"},
  };
  return def;
}

const OpDef& channels_last_depthwise_conv_op() {
  static const OpDef def{
      .name = "channels_last_depthwise_conv",
      .doc =
          "activation(conv(x) + bias + residual) for x [N, in..., C] and y [N, out..., C], each "
          "channel with a filter of its own: weights [positions of the kernel, C].",
      .inputs = conv_inputs("weights"),
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = window_attrs(true, activation_attrs({})),
      .infer = infer_depthwise,
      .cost = conv_cost,
      .reference = reference_depthwise,
      .examples = {R"(graph channels_last_depthwise(x: f32[2,6,5,11], w: f32[9,11], b: f32[11],
                                                    r: f32[2,3,3,11]) -> (y) {
        y = channels_last_depthwise_conv(x, w, b, r) <kernel_shape=[3, 3], pads=[1, 1, 1, 1],
                                                      strides=[2, 2], activation="clip",
                                                      low=0.0, high=6.0>
      })",
                   R"(graph channels_last_scale(x: f32[1,4,8], w: f32[1,8], b: f32[8]) -> (y) {
        y = channels_last_depthwise_conv(x, w, b) <kernel_shape=[1]>
      })"},
  };
  return def;
}

const OpDef& channels_last_max_pool_op() {
  static constexpr DTypes kPooled = kFloats | DType::i8 | DType::u8;
  static const OpDef def{
      .name = "channels_last_max_pool",
      .doc = "Largest element of each window of x [N, in..., C]; NaN wins.",
      .inputs = {{"x", kPooled, 'T'}},
      .outputs = {{"y", kPooled, 'T'}},
      .attrs = window_attrs(true, {kCeilMode}),
      .infer = infer_pool,
      .cost = pool_cost,
      .reference = [](Call& c) -> Status {
        Tensor& y = *TRY(c.out(0));
        const double lowest = is_float(y.dtype())      ? -std::numeric_limits<double>::infinity()
                              : y.dtype() == DType::i8 ? -128
                                                       : 0;
        return each_pool(c, [&](int64_t o, const std::vector<double>& values, double) {
          double best = lowest;
          for (double v : values) best = v > best || std::isnan(v) ? v : best;
          store_real(y, o, best);
        });
      },
      .examples = {R"(graph channels_last_max(x: f32[2,6,7,5]) -> (y) {
        y = channels_last_max_pool(x) <kernel_shape=[3, 2], pads=[1, 0, 1, 1], strides=[2, 2]>
      })",
                   R"(graph channels_last_max_of_bytes(x: i8[2,6,7,5]) -> (y) {
        y = channels_last_max_pool(x) <kernel_shape=[3, 2], pads=[1, 0, 1, 1], strides=[2, 2]>
      })"},
  };
  return def;
}

const OpDef& channels_last_average_pool_op() {
  static const OpDef def{
      .name = "channels_last_average_pool",
      .doc =
          "Mean of each window of x [N, in..., C]; count_include_pad=1 counts the padding as "
          "zeros.",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = window_attrs(
          true, {kCeilMode, {"count_include_pad", AttrKind::integer, false, int64_t{0}}}),
      .infer = infer_pool,
      .cost = pool_cost,
      .reference = [](Call& c) -> Status {
        Tensor& y = *TRY(c.out(0));
        const bool padding = c.integer("count_include_pad") != 0;
        return each_pool(c, [&](int64_t o, const std::vector<double>& values, double counted) {
          double sum = 0;
          for (double v : values) sum += v;
          const double n = padding ? counted : double(values.size());
          store_real(y, o, sum / n);
        });
      },
      .examples = {R"(graph channels_last_average(x: f32[2,6,7,5]) -> (y) {
        y = channels_last_average_pool(x) <kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]>
      })",
                   R"(graph channels_last_padded(x: f32[1,6,3]) -> (y) {
        y = channels_last_average_pool(x) <ceil_mode=1, count_include_pad=1, kernel_shape=[3],
                                           pads=[1, 0], strides=[2]>
      })"},
  };
  return def;
}

}  // namespace hone
