// Convolution with 3 x 3 weights that have been transformed by Winograd's minimal filtering.
#include "base/checked.h"
#include "ops/activation.h"
#include "ops/window.h"

namespace hone {
namespace {

constexpr int kIn = 6, kOut = 4, kProducts = kIn * kIn;

// Lavin & Gray 2015, section 4.1: results A^T [ (G g G^T) . (B^T d B) ] A.
constexpr double kB[kIn][kIn] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
                                 {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
constexpr double kA[kOut][kIn] = {
    {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};

// T x T^T for a square x of kIn.
template <int kRows>
void transform(const double (&t)[kRows][kIn], const double* x, double* out) {
  double half[kRows][kIn];
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kIn; ++j) {
      half[i][j] = 0;
      for (int k = 0; k < kIn; ++k) half[i][j] += t[i][k] * x[k * kIn + j];
    }
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kRows; ++j) {
      out[i * kRows + j] = 0;
      for (int k = 0; k < kIn; ++k) out[i * kRows + j] += half[i][k] * t[j][k];
    }
}

Result<Types> infer(const Infer& c) {
  TRY(expect_rank(c, 0, 4));
  TRY(expect_rank(c, 1, 4));
  TRY(expect_activation(c));
  const Integers pads = TRY(axis_list(c, "pads", 4, 0, 0));
  const int64_t filters = c.integer("filters");
  TRY(same_extent(c, extent(c, 1, 0), Dim(kProducts), "products of a tile"));
  TRY(same_extent(c, extent(c, 1, 2), extent(c, 0, 3), "channels of x and weights"));
  const auto panels = extent(c, 1, 1).constant(), width = extent(c, 1, 3).constant();
  const auto room = panels && width ? checked_mul(*panels, *width) : std::nullopt;
  if (filters < 1 || (panels && width && (!room || filters > *room || filters <= *room - *width)))
    return attribute_error(
        c, std::to_string(filters) + " filters do not take panels of shape " + c.shape(1).str());
  Shape out({extent(c, 0, 0)});
  for (size_t i = 0; i < 2; ++i) {
    out.dims.push_back(extent(c, 0, 1 + i) + Dim(pads[i]) + Dim(pads[i + 2]) - Dim(2));
    if (auto n = out.dims.back().constant(); n && *n < 0)
      return shape_error(c, "x of " + c.shape(0).str() + " is smaller than the window");
  }
  out.dims.push_back(filters);
  if (c.has(2)) {
    TRY(expect_rank(c, 2, 1));
    TRY(same_extent(c, extent(c, 2, 0), Dim(filters), "channels and bias"));
  }
  if (c.has(3)) {
    TRY(expect_rank(c, 3, 4));
    for (size_t i = 0; i < 4; ++i)
      TRY(same_extent(c, extent(c, 3, i), out.dims[i], "residual and result"));
  }
  return Types{Type(c.dtype(0), std::move(out))};
}

// One tile of one image.
class Tile {
 public:
  Tile(const Call& c, const Integers& pads, int64_t n, int64_t ty, int64_t tx)
      : x_(c.in(0)), w_(c.in(1)), n_(n), top_(ty * kOut - pads[0]), left_(tx * kOut - pads[1]) {}

  // The results of filter m.
  void compute(int64_t m, double* out) const {
    const int64_t channels = x_.shape()[3], width = w_.shape()[3];
    double products[kProducts] = {};
    for (int64_t ch = 0; ch < channels; ++ch) {
      double d[kProducts], v[kProducts];
      for (int i = 0; i < kProducts; ++i) d[i] = pixel(top_ + i / kIn, left_ + i % kIn, ch);
      transform(kB, d, v);
      for (int i = 0; i < kProducts; ++i)
        products[i] +=
            v[i] *
            load_real(w_, ((i * w_.shape()[1] + m / width) * channels + ch) * width + m % width);
    }
    transform(kA, products, out);
  }

 private:
  double pixel(int64_t row, int64_t column, int64_t ch) const {
    const Extents& s = x_.shape();
    if (row < 0 || row >= s[1] || column < 0 || column >= s[2]) return 0;
    return load_real(x_, ((n_ * s[1] + row) * s[2] + column) * s[3] + ch);
  }
  const Tensor &x_, &w_;
  int64_t n_, top_, left_;
};

Status reference(Call& c) {
  Tensor& y = *TRY(c.out(0));
  const Integers pads = TRY(axis_list(c, "pads", 4, 0, 0));
  const Extents& s = y.shape();
  const auto store = [&](int64_t at, double sum) {
    if (c.has(2)) sum += load_real(c.in(2), at % s[3]);
    if (c.has(3)) sum += load_real(c.in(3), at);
    store_real(y, at, activated(c, sum));
  };
  for (int64_t n = 0; n < s[0]; ++n)
    for (int64_t ty = 0; ty * kOut < s[1]; ++ty)
      for (int64_t tx = 0; tx * kOut < s[2]; ++tx) {
        const Tile tile(c, pads, n, ty, tx);
        for (int64_t m = 0; m < s[3]; ++m) {
          double out[kOut * kOut];
          tile.compute(m, out);
          for (int i = 0; i < kOut * kOut; ++i) {
            const int64_t row = ty * kOut + i / kOut, column = tx * kOut + i % kOut;
            if (row < s[1] && column < s[2])
              store(((n * s[1] + row) * s[2] + column) * s[3] + m, out[i]);
          }
        }
      }
  return ok();
}

}  // namespace

const OpDef& channels_last_winograd_conv_op() {
  static const OpDef def{
      .name = "channels_last_winograd_conv",
      .doc =
          "channels_last_conv with a 3 x 3 kernel, stride 1, by Winograd's F(4 x 4, 3 x 3) (Lavin "
          "& Gray 2015): x [N, H, W, C], weights G g G^T as panels [36, ceil(M / w), C, w] of w "
          "filters, zeros after the last.",
      .inputs = {{"x", kFloats, 'T'},
                 {"panels", kFloats, 'T'},
                 {"bias", kFloats, 'T', Port::Presence::optional},
                 {"residual", kFloats, 'T', Port::Presence::optional}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = activation_attrs(
          {{"filters", AttrKind::integer, true, {}, "M"},
           {"pads", AttrKind::integers, false, {}, "before each axis, then after each axis"}}),
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            // 36 products instead of 144 for each 16 results.
            Cost cost = default_cost(c, out);
            const Dim count = element_count(out[0].tensor.shape);
            cost.macs = floor_div(count * extent(c, 0, 3) * Dim(9), 4);
            cost.flops = cost.macs * Dim(2);
            return cost;
          },
      .reference = reference,
      .examples = {R"(graph winograd(x: f32[2,6,7,3], w: f32[36,2,3,4], b: f32[7],
                                     r: f32[2,6,7,7]) -> (y) {
        y = channels_last_winograd_conv(x, w, b, r) <filters=7, pads=[1, 1, 1, 1],
                                                     activation="relu">
      })",
                   R"(graph winograd_bare(x: f32[1,3,9,2], w: f32[36,1,2,16]) -> (y) {
        y = channels_last_winograd_conv(x, w) <filters=5>
      })"},
  };
  return def;
}

}  // namespace hone
