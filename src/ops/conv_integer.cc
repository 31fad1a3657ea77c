// Convolution of 8-bit integers into 32 bits.
#include <algorithm>

#include "ops/window.h"

namespace hone {

const OpDef& conv_integer_op() {
  static constexpr DTypes kBytes = DType::i8 | DType::u8;
  static const OpDef def{
      .name = "conv_integer",
      .doc =
          "conv of (x - x_zero_point) with (weights - weights_zero_point), exact in i32 with "
          "wrap-around. Padding stands for x_zero_point. weights_zero_point is a scalar or has "
          "one element for each output channel.",
      .inputs = {{"x", kBytes},
                 {"weights", kBytes},
                 {"x_zero_point", kBytes, 0, Port::Presence::optional},
                 {"weights_zero_point", kBytes, 0, Port::Presence::optional}},
      .outputs = {{"y", DType::i32}},
      .attrs = window_attrs(false, {{"group", AttrKind::integer, false, int64_t{1}}}),
      .infer = [](const Infer& c) -> Result<Types> {
        Convolution conv = TRY(make_convolution(c, 0, 1, c.inputs()));
        for (size_t i : {2, 3}) {
          if (!c.has(i)) continue;
          if (c.dtype(i) != c.dtype(i - 2))
            return fail(ErrorId::type_mismatch, "conv_integer: a zero point differs in dtype");
          const Dim count = element_count(c.shape(i));
          if (!count.is(1) && (i == 2 || !count.is_unknown()))
            TRY(same_extent(c, count, i == 2 ? Dim(1) : extent(c, 1, 0), "zero points"));
        }
        return Types{Type(DType::i32, std::move(conv.out))};
      },
      .cost = [](const Infer& c,
                 const Types& out) { return convolution_cost(c, out, 1, c.inputs()); },
      .reference = [](Call& c) -> Status {
        const Tensor &x = c.in(0), &w = c.in(1);
        Tensor& y = *TRY(c.out(0));
        std::vector<double> xs = reals(x), ws = reals(w);
        if (c.has(2))
          for (double& v : xs) v -= load_real(c.in(2), 0);
        if (c.has(3)) {
          const bool each = c.in(3).count() > 1;
          const int64_t size = w.count() / std::max<int64_t>(1, w.shape()[0]);
          for (size_t i = 0; i < ws.size(); ++i)
            ws[i] -= load_real(c.in(3), each ? int64_t(i) / size : 0);
        }
        const std::vector<double> sums =
            convolve(xs, x.shape(), ws, w.shape(), TRY(make_convolution(c, 0, 1, c.inputs())));
        for (int64_t i = 0; i < y.count(); ++i) store_integer(y, i, int64_t(sums[size_t(i)]));
        return ok();
      },
      .examples = {R"(graph conv_integer_padded(x: u8[1,2,4,4], w: i8[3,2,3,3]) -> (y) {
        y = conv_integer(x, w, u8{3}, i8[3]{1, -1, 2}) <pads=[1, 1, 1, 1]>
      })"},
  };
  return def;
}

}  // namespace hone
