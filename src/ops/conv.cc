// Convolution over any number of spatial axes.
#include "ops/window.h"

namespace hone {

const OpDef& conv_op() {
  static const OpDef def{
      .name = "conv",
      .doc =
          "Cross-correlation of x [N, C, in...] with weights [M, C / group, kernel...], plus "
          "bias [M]: y [N, M, out...]. Channels fall into `group` groups.",
      .inputs = {{"x", kFloats, 'T'},
                 {"weights", kFloats, 'T'},
                 {"bias", kFloats, 'T', Port::Presence::optional}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = window_attrs(false, {{"group", AttrKind::integer, false, int64_t{1}}}),
      .infer = [](const Infer& c) -> Result<Types> {
        return Types{Type(c.dtype(0), TRY(make_convolution(c, 0, 1, 2)).out)};
      },
      .cost = [](const Infer& c, const Types& out) { return convolution_cost(c, out, 1, 2); },
      .reference = [](Call& c) -> Status {
        const Tensor &x = c.in(0), &w = c.in(1);
        Tensor& y = *TRY(c.out(0));
        const std::vector<double> sums =
            convolve(reals(x), x.shape(), reals(w), w.shape(), TRY(make_convolution(c, 0, 1, 2)));
        const auto [outer, filters, inner] = split_at(y.shape(), 1);
        for (int64_t i = 0; i < y.count(); ++i)
          store_real(y, i,
                     sums[size_t(i)] + (c.has(2) ? load_real(c.in(2), i / inner % filters) : 0));
        return ok();
      },
      .examples = {R"(graph conv_1d(x: f32[2,3,9], w: f32[4,3,3], b: f32[4]) -> (y) {
        y = conv(x, w, b) <dilations=[2], pads=[1, 2], strides=[2]>
      })",
                   R"(graph conv_2d(x: f32[1,4,5,6], w: f32[6,2,3,2]) -> (y) {
        y = conv(x, w) <auto_pad="SAME_LOWER", group=2, strides=[2, 1]>
      })",
                   R"(graph conv_depthwise(x: f32[1,3,6,6], w: f32[3,1,3,3], b: f32[3]) -> (y) {
        y = conv(x, w, b) <group=3, kernel_shape=[3, 3], pads=[1, 1, 1, 1]>
      })",
                   R"(graph conv_3d(x: f32[1,2,4,4,4], w: f32[2,2,2,2,2]) -> (y) {
        y = conv(x, w) <auto_pad="VALID">
      })"},
  };
  return def;
}

}  // namespace hone
