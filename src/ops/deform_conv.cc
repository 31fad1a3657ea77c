// Deformable convolution: sampling positions moved by learned offsets.
#include <algorithm>
#include <cmath>

#include "ops/window.h"

namespace hone {
namespace {

enum Input : size_t { kX, kW, kOffset, kBias, kMask };

struct Deformed {
  Convolution conv;
  int64_t offset_group = 1;
};

Result<Deformed> make_deformed(const Infer& c) {
  Deformed deformed;
  deformed.conv = TRY(make_convolution(c, kX, kW, kBias));
  deformed.offset_group = TRY(positive(c, "offset_group"));
  for (size_t i : {kX, kW, kOffset, kMask})
    if (c.has(i) && c.shape(i).ranked && c.shape(i).rank() != 4)
      return shape_error(c, "only two spatial axes are supported, input " + std::to_string(i) +
                                " has shape " + c.shape(i).str());
  if (!deformed.conv.out.ranked) {
    deformed.conv.out = Shape::unknown(4);
    return deformed;
  }
  const Dim channels = extent(c, kX, 1);
  if (const auto n = channels.constant(); n && *n % deformed.offset_group != 0)
    return shape_error(c, std::to_string(*n) + " channels do not divide into " +
                              std::to_string(deformed.offset_group) + " offset groups");
  Dim positions = deformed.offset_group;
  for (const Window& w : deformed.conv.windows)
    positions = positions * (w.kernel ? Dim(w.kernel) : Dim::unknown());
  Shape& out = deformed.conv.out;
  for (size_t i : {kOffset, kMask}) {
    if (!c.has(i)) continue;
    TRY(same_extent(c, extent(c, i, 0), out.dims[0], "batches"));
    TRY(same_extent(c, extent(c, i, 1), i == kOffset ? positions * Dim(2) : positions,
                    i == kOffset ? "channels of the offsets" : "channels of the mask"));
    for (size_t axis : {2, 3})
      out.dims[axis] = TRY(same_extent(c, out.dims[axis], extent(c, i, axis),
                                       "spatial extents of y, offsets and mask"));
  }
  return deformed;
}

// Bilinear interpolation of a plane; zero outside.
double sample(const double* plane, int64_t height, int64_t width, double y, double x) {
  if (!(y > -1 && y < double(height) && x > -1 && x < double(width))) return 0;
  const auto y0 = int64_t(std::floor(y)), x0 = int64_t(std::floor(x));
  const double fy = y - double(y0), fx = x - double(x0);
  auto at = [&](int64_t i, int64_t j) {
    return i >= 0 && i < height && j >= 0 && j < width ? plane[i * width + j] : 0.0;
  };
  return (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x0 + 1)) +
         fy * ((1 - fx) * at(y0 + 1, x0) + fx * at(y0 + 1, x0 + 1));
}

Status reference(Call& c) {
  const Deformed deformed = TRY(make_deformed(c));
  const Tensor &x = c.in(kX), &w = c.in(kW);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const std::vector<double> xs = reals(x), ws = reals(w), offsets = reals(c.in(kOffset));
  const int64_t batch = x.shape()[0], channels = x.shape()[1];
  const int64_t height = x.shape()[2], width = x.shape()[3];
  const int64_t filters = w.shape()[0], depth = w.shape()[1];
  const int64_t kernel_w = w.shape()[3], positions = w.shape()[2] * kernel_w;
  const int64_t out_w = y.shape()[3], out_size = y.shape()[2] * out_w;
  const int64_t per_group = filters / deformed.conv.group;
  const int64_t per_offset = std::max<int64_t>(1, channels / deformed.offset_group);
  const Window &wy = deformed.conv.windows[0], &wx = deformed.conv.windows[1];
  std::vector<double> sampled(size_t(channels * positions));
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t o = 0; o < out_size; ++o) {
      for (int64_t channel = 0; channel < channels; ++channel)
        for (int64_t k = 0; k < positions; ++k) {
          const int64_t moved = (n * deformed.offset_group + channel / per_offset) * positions + k;
          const double at_y =
              double(o / out_w * wy.stride - wy.before + k / kernel_w * wy.dilation) +
              offsets[size_t(2 * moved * out_size + o)];
          const double at_x =
              double(o % out_w * wx.stride - wx.before + k % kernel_w * wx.dilation) +
              offsets[size_t((2 * moved + 1) * out_size + o)];
          const double mask = c.has(kMask) ? load_real(c.in(kMask), moved * out_size + o) : 1;
          sampled[size_t(channel * positions + k)] =
              mask * sample(xs.data() + (n * channels + channel) * height * width, height, width,
                            at_y, at_x);
        }
      for (int64_t m = 0; m < filters; ++m) {
        double sum = c.has(kBias) ? load_real(c.in(kBias), m) : 0;
        const double* from = sampled.data() + m / per_group * depth * positions;
        for (int64_t i = 0; i < depth * positions; ++i)
          sum += ws[size_t(m * depth * positions + i)] * from[i];
        store_real(y, (n * filters + m) * out_size + o, sum);
      }
    }
  return ok();
}

}  // namespace

const OpDef& deform_conv_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "deform_conv",
      .doc =
          "conv of x [N, C, H, W] where kernel position k of output (i, j) samples x "
          "bilinearly at its place moved by offset [N, 2 groups k, oH, oW] (dy, dx) and "
          "weighted by mask [N, groups k, oH, oW] (Zhu et al. 2018). Zero outside x.",
      .inputs = {{"x", kFloats, 'T'},
                 {"weights", kFloats, 'T'},
                 {"offset", kFloats, 'T'},
                 {"bias", kFloats, 'T', kOptional},
                 {"mask", kFloats, 'T', kOptional}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = window_attrs(false, {{"group", AttrKind::integer, false, int64_t{1}},
                                    {"offset_group", AttrKind::integer, false, int64_t{1}}}),
      .infer = [](const Infer& c) -> Result<Types> {
        return Types{Type(c.dtype(0), TRY(make_deformed(c)).conv.out)};
      },
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = convolution_cost(c, out, kW, kBias);
            // Four weighted corners for each sample.
            cost.flops = cost.flops + element_count(c.shape(kOffset)) * Dim(4);
            return cost;
          },
      .reference = reference,
      .examples = {R"(graph deform_conv_masked(x: f32[1,2,4,4], w: f32[2,1,2,2],
                                               o: f32[1,16,3,3], b: f32[2],
                                               m: f32[1,8,3,3]) -> (y) {
        y = deform_conv(x, w, o, b, m) <group=2, offset_group=2>
      })"},
  };
  return def;
}

}  // namespace hone
