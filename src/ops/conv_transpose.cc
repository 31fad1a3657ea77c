// Transposed convolution: the gradient of conv with respect to its input.
#include "ops/conv_transpose.h"

#include <algorithm>

namespace hone {
namespace {

// Output extent and padding of one axis.
Status place(const Infer& c, Window& w, int64_t output_padding, std::optional<int64_t> wanted) {
  const std::string& auto_pad = c.text("auto_pad");
  const bool same = auto_pad.starts_with("SAME");
  if (auto_pad == "VALID") w.before = w.after = 0;
  if (same && !wanted) {
    w.out = w.in * Dim(w.stride);
    wanted = w.out.constant();
  }
  if (!w.kernel) {
    if (wanted) w.out = *wanted;
    return ok();
  }
  const auto n = w.in.constant();
  const Dim natural =
      (w.in - 1) * Dim(w.stride) + Dim(output_padding) + Dim(w.dilation) * Dim(w.kernel - 1) + 1;
  if (n && natural.is_unknown()) return attribute_error(c, "the output extent is too large");
  if (wanted) {
    w.out = *wanted;
    if (const auto full = natural.constant()) {
      const int64_t total = std::max<int64_t>(0, *full - *wanted);
      w.before = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.after = total - w.before;
    }
  } else if (!same) {
    w.out = n && *n == 0 ? Dim(0) : natural - Dim(w.before) - Dim(w.after);
  }
  if (const auto out = w.out.constant(); out && *out < 0)
    return shape_error(c, "pads leave an output extent of " + std::to_string(*out));
  return ok();
}

}  // namespace

Result<TransposedConvolution> make_transposed_convolution(const Infer& c) {
  TransposedConvolution conv;
  conv.group = TRY(positive(c, "group"));
  const auto shapes = TRY(convolution_shapes(c, 0, 1));
  if (!shapes) {
    conv.out = Shape::unranked();
    return conv;
  }
  const auto& [in, w] = *shapes;
  const size_t rank = in.rank(), axes = rank - 2;
  const Dim channels = TRY(same_extent(c, in.dims[1], w.dims[0], "channels of x and weights"));
  TRY(expect_groups(c, channels, conv.group, "channels"));
  const Dim filters = w.dims[1] * Dim(conv.group);
  TRY(expect_bias(c, 2, filters));
  conv.windows =
      TRY(make_windows(c, std::vector<Dim>(axes, Dim::unknown()), std::span(w.dims).subspan(2)));
  const Integers extra = TRY(axis_list(c, "output_padding", axes, 0, 0));
  Integers wanted = c.given("output_shape") ? c.list("output_shape") : Integers{};
  if (wanted.size() == rank) wanted.erase(wanted.begin(), wanted.begin() + 2);
  if (!wanted.empty() && wanted.size() != axes)
    return attribute_error(c, "output_shape must have " + std::to_string(axes) + " elements");
  conv.out = Shape({in.dims[0], filters});
  for (size_t i = 0; i < axes; ++i) {
    Window& window = conv.windows[i];
    window.in = in.dims[2 + i];
    window.out = Dim::unknown();
    if (!wanted.empty() && wanted[i] < 0)
      return attribute_error(c, "output_shape holds " + std::to_string(wanted[i]));
    TRY(place(c, window, extra[i], wanted.empty() ? std::nullopt : std::optional(wanted[i])));
    conv.out.dims.push_back(window.out);
  }
  return conv;
}

namespace {

Status reference(Call& c) {
  const TransposedConvolution conv = TRY(make_transposed_convolution(c));
  const Tensor &x = c.in(0), &w = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const std::vector<double> xs = reals(x), ws = reals(w);
  const Extents in = in_extents(conv.windows), out = out_extents(conv.windows);
  const Extents kernel(w.shape().begin() + 2, w.shape().end());
  const int64_t in_size = checked_product(in).value_or(0), out_size = *checked_product(out);
  const int64_t kernel_size = checked_product(kernel).value_or(0);
  const int64_t batch = x.shape()[0], channels = x.shape()[1], depth = w.shape()[1];
  const int64_t per_group = channels / conv.group, filters = depth * conv.group;
  std::vector<double> sums(size_t(y.count()));
  if (c.has(2))
    for (int64_t i = 0; i < y.count(); ++i)
      sums[size_t(i)] = load_real(c.in(2), i / out_size % filters);
  Odometer k(kernel, {});
  int64_t k_flat = 0;
  if (in_size > 0 && channels > 0) do {
      const std::vector<Tap> pairs = taps(conv.windows, k.position(), in, out);
      for (int64_t n = 0; n < batch; ++n)
        for (int64_t channel = 0; channel < channels; ++channel)
          for (int64_t d = 0; d < depth; ++d) {
            const int64_t m = channel / per_group * depth + d;
            const double weight = ws[size_t((channel * depth + d) * kernel_size + k_flat)];
            const double* from = &xs[size_t((n * channels + channel) * in_size)];
            double* to = &sums[size_t((n * filters + m) * out_size)];
            for (const Tap& tap : pairs) to[tap.dense] += weight * from[tap.strided];
          }
      ++k_flat;
    } while (k.next());
  for (int64_t i = 0; i < y.count(); ++i) store_real(y, i, sums[size_t(i)]);
  return ok();
}

}  // namespace

const OpDef& conv_transpose_op() {
  static const OpDef def{
      .name = "conv_transpose",
      .doc =
          "Transposed convolution of x [N, C, in...] with weights [C, M / group, kernel...], "
          "plus bias [M]: y [N, M, out...], out = stride (in - 1) + output_padding + "
          "dilation (kernel - 1) + 1 - pads. output_shape chooses the pads instead.",
      .inputs = {{"x", kFloats, 'T'},
                 {"weights", kFloats, 'T'},
                 {"bias", kFloats, 'T', Port::Presence::optional}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = window_attrs(false, {{"group", AttrKind::integer, false, int64_t{1}},
                                    {"output_padding", AttrKind::integers},
                                    {"output_shape", AttrKind::integers}}),
      .infer = [](const Infer& c) -> Result<Types> {
        return Types{Type(c.dtype(0), TRY(make_transposed_convolution(c)).out)};
      },
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            cost.macs = element_count(c.shape(0)) * count_from(c.shape(1), 1);
            cost.flops = cost.macs * Dim(2);
            if (c.has(2)) cost.flops = cost.flops + element_count(out[0].tensor.shape);
            return cost;
          },
      .reference = reference,
      .examples = {R"(graph conv_transpose_1d(x: f32[2,3,4], w: f32[3,2,3], b: f32[2]) -> (y) {
        y = conv_transpose(x, w, b) <dilations=[2], output_padding=[1], pads=[1, 0], strides=[2]>
      })",
                   R"(graph conv_transpose_grouped(x: f32[1,4,3,3], w: f32[4,2,3,3]) -> (y) {
        y = conv_transpose(x, w) <auto_pad="SAME_UPPER", group=2, strides=[2, 2]>
      })",
                   R"(graph conv_transpose_shaped(x: f32[1,1,3,3], w: f32[1,2,3,3]) -> (y) {
        y = conv_transpose(x, w) <output_shape=[10, 8], strides=[3, 2]>
      })"},
  };
  return def;
}

}  // namespace hone
