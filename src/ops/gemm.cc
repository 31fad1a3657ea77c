// Product of two matrices with scaling and an added third.
#include <cmath>

#include "ops/window.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_rank(c, 0, 2));
  TRY(expect_rank(c, 1, 2));
  const bool ta = c.integer("transa") != 0, tb = c.integer("transb") != 0;
  TRY(same_extent(c, extent(c, 0, ta ? 0 : 1), extent(c, 1, tb ? 1 : 0), "the contracted extents"));
  Shape out({extent(c, 0, ta ? 1 : 0), extent(c, 1, tb ? 0 : 1)});
  if (c.has(2) && c.shape(2).ranked) {
    const Shape wide = TRY(broadcast(out, c.shape(2)).context("inferring gemm"));
    const auto whole = out.fixed(), wider = wide.fixed();
    if (wide.rank() != 2 || (whole && wider && *whole != *wider))
      return shape_error(c,
                         "c of shape " + c.shape(2).str() + " does not broadcast to " + out.str());
  }
  return Types{Type(c.dtype(0), std::move(out))};
}

Status reference(Call& c) {
  const Tensor &a = c.in(0), &b = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const bool ta = c.integer("transa") != 0, tb = c.integer("transb") != 0;
  const int64_t rows = y.shape()[0], columns = y.shape()[1], depth = a.shape()[ta ? 0 : 1];
  const double alpha = c.real("alpha"), beta = c.real("beta");
  const int64_t a_row = ta ? 1 : depth, a_depth = ta ? rows : 1;
  const int64_t b_column = tb ? depth : 1, b_depth = tb ? 1 : columns;
  // Whole factors keep integers exact.
  const bool exact = is_integer(a.dtype()) && alpha == std::trunc(alpha) &&
                     beta == std::trunc(beta) && std::fabs(alpha) < 0x1p62 &&
                     std::fabs(beta) < 0x1p62;
  const std::vector<int64_t> added =
      c.has(2) ? broadcast_strides(c.in(2).shape(), y.shape()) : std::vector<int64_t>{0, 0};
  const std::vector<double> ar = exact ? std::vector<double>{} : reals(a);
  const std::vector<double> br = exact ? std::vector<double>{} : reals(b);
  const std::vector<int64_t> ai = exact ? integers(a) : std::vector<int64_t>{};
  const std::vector<int64_t> bi = exact ? integers(b) : std::vector<int64_t>{};
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      const int64_t at = i * added[0] + j * added[1];
      const size_t p = size_t(i * a_row), q = size_t(j * b_column);
      if (exact) {
        uint64_t sum = 0;
        for (size_t k = 0; k < size_t(depth); ++k)
          sum += uint64_t(ai[p + k * size_t(a_depth)]) * uint64_t(bi[q + k * size_t(b_depth)]);
        sum *= uint64_t(int64_t(alpha));
        if (c.has(2)) sum += uint64_t(int64_t(beta)) * uint64_t(load_integer(c.in(2), at));
        store_integer(y, i * columns + j, int64_t(sum));
        continue;
      }
      double sum = 0;
      for (size_t k = 0; k < size_t(depth); ++k)
        sum += ar[p + k * size_t(a_depth)] * br[q + k * size_t(b_depth)];
      sum *= alpha;
      if (c.has(2) && beta != 0) sum += beta * load_real(c.in(2), at);
      store_real(y, i * columns + j, sum);
    }
  return ok();
}

}  // namespace

const OpDef& gemm_op() {
  static constexpr DTypes kMultiplied =
      kFloats | DType::i32 | DType::i64 | DType::u32 | DTypes(DType::u64);
  static const OpDef def{
      .name = "gemm",
      .doc =
          "alpha A B + beta c, where A [M, K] is a or its transpose, B [K, N] is b or its "
          "transpose, and c broadcasts to [M, N]. beta = 0 leaves c out.",
      .inputs = {{"a", kMultiplied, 'T'},
                 {"b", kMultiplied, 'T'},
                 {"c", kMultiplied, 'T', Port::Presence::optional}},
      .outputs = {{"y", kMultiplied, 'T'}},
      .attrs = {{"alpha", AttrKind::real, false, 1.0f},
                {"beta", AttrKind::real, false, 1.0f},
                {"transa", AttrKind::integer, false, int64_t{0}},
                {"transb", AttrKind::integer, false, int64_t{0}}},
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            const Dim count = element_count(out[0].tensor.shape);
            cost.macs = count * extent(c, 0, c.integer("transa") != 0 ? 0 : 1);
            cost.flops = cost.macs * Dim(2);
            if (c.real("alpha") != 1) cost.flops = cost.flops + count;
            if (c.has(2)) cost.flops = cost.flops + count * Dim(c.real("beta") != 1 ? 2 : 1);
            return cost;
          },
      .reference = reference,
      .examples = {R"(graph gemm_plain(a: f32[3,4], b: f32[4,5], c: f32[5]) -> (y) {
        y = gemm(a, b, c)
      })",
                   R"(graph gemm_transposed(a: f32[4,3], b: f32[5,4], c: f32[3,1]) -> (y) {
        y = gemm(a, b, c) <alpha=0.5, beta=2.0, transa=1, transb=1>
      })",
                   R"(graph gemm_integers(a: i32[2,3], b: i32[3,2]) -> (y) {
        y = gemm(a, b) <alpha=3.0>
      })"},
  };
  return def;
}

}  // namespace hone
