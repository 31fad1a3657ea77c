#include "ops/window.h"

#include <algorithm>

namespace hone {

Dim extent(const Infer& c, size_t i, size_t axis) {
  if (!c.has(i) || !c.shape(i).ranked || axis >= c.shape(i).rank()) return Dim::unknown();
  return c.shape(i).dims[axis];
}

Dim count_from(const Shape& shape, size_t first) {
  if (!shape.ranked) return Dim::unknown();
  Dim count = 1;
  for (size_t i = first; i < shape.rank(); ++i) count = count * shape.dims[i];
  return count;
}

Result<int64_t> positive(const Infer& c, std::string_view attribute) {
  const int64_t value = c.integer(attribute);
  if (value < 1)
    return attribute_error(
        c, std::string(attribute) + " must be at least 1, is " + std::to_string(value));
  return value;
}

std::optional<int64_t> kernel_positions(const Infer& c, int64_t most) {
  int64_t positions = 1;
  for (const int64_t k : c.list("kernel_shape")) {
    if (k < 1 || positions > most / k) return std::nullopt;
    positions *= k;
  }
  return positions;
}

std::vector<AttrDef> window_attrs(bool kernel_required, std::vector<AttrDef> more) {
  std::vector<AttrDef> attrs = {
      {"auto_pad", AttrKind::text, false, "NOTSET",
       "\"NOTSET\", \"SAME_UPPER\", \"SAME_LOWER\" or \"VALID\""},
      {"dilations", AttrKind::integers},
      {"kernel_shape", AttrKind::integers, kernel_required},
      {"pads", AttrKind::integers, false, {}, "before each axis, then after each axis"},
      {"strides", AttrKind::integers}};
  attrs.insert(attrs.end(), more.begin(), more.end());
  return attrs;
}

Result<Integers> axis_list(const Infer& c, std::string_view attribute, size_t count,
                           int64_t fallback, int64_t least) {
  if (!c.given(attribute)) return Integers(count, fallback);
  const Integers& list = c.list(attribute);
  if (list.size() != count)
    return attribute_error(c, std::string(attribute) + " has " + std::to_string(list.size()) +
                                  " elements where " + std::to_string(count) + " are needed");
  for (int64_t value : list)
    if (value < least || value > INT32_MAX)
      return attribute_error(c, std::string(attribute) + " holds " + std::to_string(value) +
                                    ", must be at least " + std::to_string(least) +
                                    " and below 2^31");
  return list;
}

namespace {

// dilation * (kernel - 1) + 1: how far a window reaches.
std::optional<int64_t> reach_of(const Window& w) {
  const auto span = checked_mul(w.dilation, w.kernel - 1);
  return span ? checked_add(*span, int64_t{1}) : std::nullopt;
}

Result<Dim> window_output(const Infer& c, Window& w, const std::string& auto_pad, bool ceil_mode) {
  const auto reach = reach_of(w);
  if (w.kernel && !reach) return attribute_error(c, "kernel and dilation are too large");
  const Dim in = w.in, stride = w.stride;
  if (auto_pad.starts_with("SAME")) {
    const Dim out = ceil_div(in, stride);
    if (const auto n = in.constant(); n && w.kernel && *n > 0) {
      const int64_t last = (*n - 1) / w.stride * w.stride;  // where the last window starts
      const auto end = checked_add(last, *reach);
      if (!end) return attribute_error(c, "kernel and dilation are too large");
      const int64_t total = std::max<int64_t>(0, *end - *n);
      w.before = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.after = total - w.before;
    }
    return out;
  }
  if (auto_pad == "VALID") w.before = w.after = 0;
  if (const auto n = in.constant()) {
    const auto padded = checked_add(*n, w.before);
    if (!padded || !checked_add(*padded, w.after)) return attribute_error(c, "pads are too large");
  }
  if (!w.kernel) return Dim::unknown();
  const Dim room = in + Dim(w.before) + Dim(w.after) - Dim(*reach);
  Dim out = (ceil_mode ? ceil_div(room, stride) : floor_div(room, stride)) + 1;
  // Only where the padding after the input is this wide can the last window start in it.
  if (ceil_mode && w.after > *reach - w.stride)
    out = min(out, ceil_div(in + Dim(w.before), stride));
  if (const auto n = out.constant(); n && *n < 0)
    return shape_error(c, "a window that reaches over " + std::to_string(*reach) +
                              " does not fit an axis of " + in.str() + " with padding " +
                              std::to_string(w.before) + " and " + std::to_string(w.after));
  return out;
}

}  // namespace

Result<Windows> make_windows(const Infer& c, std::span<const Dim> in, std::span<const Dim> kernel,
                             bool ceil_mode) {
  const size_t axes = in.size();
  const std::string& auto_pad = c.text("auto_pad");
  if (auto_pad != "NOTSET" && auto_pad != "" && auto_pad != "SAME_UPPER" &&
      auto_pad != "SAME_LOWER" && auto_pad != "VALID")
    return attribute_error(c, "auto_pad cannot be \"" + auto_pad + "\"");
  const Integers strides = TRY(axis_list(c, "strides", axes, 1, 1));
  const Integers dilations = TRY(axis_list(c, "dilations", axes, 1, 1));
  const Integers pads = TRY(axis_list(c, "pads", 2 * axes, 0, 0));
  const Integers given = TRY(axis_list(c, "kernel_shape", axes, 0, 1));
  Windows windows(axes);
  for (size_t i = 0; i < axes; ++i) {
    Window& w = windows[i];
    w.in = in[i];
    w.kernel = given[i];
    if (i < kernel.size())
      if (const auto n = kernel[i].constant()) {
        if (*n < 1 || (w.kernel && w.kernel != *n))
          return shape_error(c, "the weights have a kernel extent of " + std::to_string(*n) +
                                    (w.kernel ? ", kernel_shape says " + std::to_string(w.kernel)
                                              : std::string(", must be at least 1")));
        w.kernel = *n;
      }
    w.stride = strides[i];
    w.dilation = dilations[i];
    w.before = pads[i];
    w.after = pads[axes + i];
    w.out = TRY(window_output(c, w, auto_pad, ceil_mode));
  }
  return windows;
}

Extents in_extents(const Windows& windows) {
  Extents extents;
  for (const Window& w : windows) extents.push_back(w.in.constant().value_or(0));
  return extents;
}

Extents out_extents(const Windows& windows) {
  Extents extents;
  for (const Window& w : windows) extents.push_back(w.out.constant().value_or(0));
  return extents;
}

Result<std::optional<ConvolutionShapes>> convolution_shapes(const Infer& c, size_t x,
                                                            size_t weights) {
  const Shape &xs = c.shape(x), &ws = c.shape(weights);
  if (!xs.ranked && !ws.ranked) return std::optional<ConvolutionShapes>();
  const size_t rank = xs.ranked ? xs.rank() : ws.rank();
  if (rank < 3 || (ws.ranked && ws.rank() != rank))
    return shape_error(c, "x and weights must have the same number of axes, at least 3; have " +
                              xs.str() + " and " + ws.str());
  return std::optional(ConvolutionShapes{xs.ranked ? xs : Shape::unknown(rank),
                                         ws.ranked ? ws : Shape::unknown(rank)});
}

Status expect_groups(const Infer& c, const Dim& channels, int64_t group, std::string_view what) {
  const auto n = channels.constant();
  if (!n || *n % group == 0) return ok();
  return shape_error(c, std::to_string(*n) + " " + std::string(what) + " do not divide into " +
                            std::to_string(group) + " groups");
}

Status expect_bias(const Infer& c, size_t bias, const Dim& filters) {
  if (!c.has(bias)) return ok();
  TRY(expect_rank(c, bias, 1));
  TRY(same_extent(c, filters, extent(c, bias, 0), "output channels of weights and bias"));
  return ok();
}

Result<Convolution> make_convolution(const Infer& c, size_t x, size_t weights, size_t bias) {
  Convolution conv;
  conv.group = TRY(positive(c, "group"));
  const auto shapes = TRY(convolution_shapes(c, x, weights));
  if (!shapes) {
    conv.out = Shape::unranked();
    return conv;
  }
  const auto& [in, w] = *shapes;
  TRY(same_extent(c, in.dims[1], w.dims[1] * Dim(conv.group), "channels of x and weights"));
  TRY(expect_groups(c, w.dims[0], conv.group, "output channels"));
  TRY(expect_bias(c, bias, w.dims[0]));
  conv.windows = TRY(make_windows(c, std::span(in.dims).subspan(2), std::span(w.dims).subspan(2)));
  conv.out = Shape({in.dims[0], w.dims[0]});
  for (const Window& window : conv.windows) conv.out.dims.push_back(window.out);
  return conv;
}

std::vector<Tap> taps(const Windows& windows, const Extents& k, const Extents& strided,
                      const Extents& dense) {
  std::vector<Tap> out = {{0, 0}}, next;
  for (size_t axis = 0; axis < windows.size(); ++axis) {
    const Window& w = windows[axis];
    const int64_t shift = k[axis] * w.dilation - w.before;
    next.clear();
    for (const Tap& tap : out)
      for (int64_t o = 0; o < strided[axis]; ++o) {
        const int64_t i = o * w.stride + shift;
        if (i >= 0 && i < dense[axis])
          next.push_back({tap.strided * strided[axis] + o, tap.dense * dense[axis] + i});
      }
    out.swap(next);
  }
  return out;
}

std::vector<double> convolve(const std::vector<double>& x, const Extents& x_shape,
                             const std::vector<double>& w, const Extents& w_shape,
                             const Convolution& convolution) {
  const Extents in(x_shape.begin() + 2, x_shape.end()), out = out_extents(convolution.windows);
  const Extents kernel(w_shape.begin() + 2, w_shape.end());
  const int64_t in_size = checked_product(in).value_or(0);
  const int64_t out_size = checked_product(out).value_or(0);
  const int64_t kernel_size = checked_product(kernel).value_or(0);
  const int64_t batch = x_shape[0], channels = x_shape[1];
  const int64_t filters = w_shape[0], depth = w_shape[1];
  const int64_t filters_per_group = filters / convolution.group;
  std::vector<double> y(size_t(batch * filters * out_size));
  Odometer k(kernel, {});
  if (y.empty() || k.empty()) return y;
  int64_t k_flat = 0;
  do {
    const std::vector<Tap> pairs = taps(convolution.windows, k.position(), out, in);
    for (int64_t n = 0; n < batch; ++n)
      for (int64_t m = 0; m < filters; ++m)
        for (int64_t d = 0; d < depth; ++d) {
          const int64_t channel = m / filters_per_group * depth + d;
          const double weight = w[size_t((m * depth + d) * kernel_size + k_flat)];
          const double* from = x.data() + (n * channels + channel) * in_size;
          double* to = &y[size_t((n * filters + m) * out_size)];
          for (const Tap& tap : pairs) to[tap.strided] += weight * from[tap.dense];
        }
    ++k_flat;
  } while (k.next());
  return y;
}

Cost convolution_cost(const Infer& c, const Types& out, size_t weights, size_t bias) {
  Cost cost = default_cost(c, out);
  const Dim count = element_count(out[0].tensor.shape);
  cost.macs = count * count_from(c.shape(weights), 1);
  cost.flops = cost.macs * Dim(2);
  if (c.has(bias)) cost.flops = cost.flops + count;
  return cost;
}

void each_window(const Windows& windows,
                 const std::function<void(int64_t, const std::vector<int64_t>&, double)>& visit) {
  const Extents in = in_extents(windows), out = out_extents(windows);
  Odometer at(out, {});
  if (at.empty()) return;
  std::vector<int64_t> offsets, next;
  int64_t o = 0;
  do {
    offsets.assign(1, 0);
    double counted = 1;
    for (size_t axis = 0; axis < windows.size(); ++axis) {
      const Window& w = windows[axis];
      const int64_t start = at.position()[axis] * w.stride - w.before;
      const int64_t padded = in[axis] + w.after - start;  // positions from the start to the end
      counted *= double(padded <= 0 ? 0 : std::min(w.kernel, (padded - 1) / w.dilation + 1));
      int64_t k = start >= 0 ? 0 : (-start + w.dilation - 1) / w.dilation;
      next.clear();
      const int64_t first = start + k * w.dilation;
      for (int64_t offset : offsets) {
        int64_t i = first;
        for (int64_t j = k; j < w.kernel && i < in[axis]; ++j, i += w.dilation)
          next.push_back(offset * in[axis] + i);
      }
      offsets.swap(next);
    }
    visit(o++, offsets, counted);
  } while (at.next());
}

}  // namespace hone
