// Normalized exponentials along an axis, their logarithms, and one at the largest element.
#include <algorithm>

#include "ops/common.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  if (c.shape(0).ranked) TRY(normal_axis(c.integer("axis"), int64_t(c.shape(0).rank())));
  return same_as_first(c);
}

// Replaces each row along the axis by f(row).
template <class F>
Status each_row(Call& c, F f) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const auto [outer, n, inner] =
      split_at(x.shape(), TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  std::vector<double> row(static_cast<size_t>(n));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t base = o * n * inner + i;
      for (int64_t k = 0; k < n; ++k) row[size_t(k)] = load_real(x, base + k * inner);
      f(row);
      for (int64_t k = 0; k < n; ++k) store_real(y, base + k * inner, row[size_t(k)]);
    }
  return ok();
}

}  // namespace

const OpDef& softmax_op() {
  static const OpDef def{
      .name = "softmax",
      .doc = "exp(x - max) / sum(exp(x - max)) along one axis.",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{-1}}},
      .infer = infer,
      .cost = elementwise_cost<5>,
      .reference =
          [](Call& c) {
            return each_row(c, [](std::vector<double>& row) {
              double top = -INFINITY, sum = 0;
              for (double x : row) top = std::max(top, x);
              for (double& x : row) sum += x = std::exp(x - top);
              for (double& x : row) x /= sum;
            });
          },
  };
  return def;
}

const OpDef& log_softmax_op() {
  static const OpDef def{
      .name = "log_softmax",
      .doc = "x - log(sum(exp(x))) along one axis, without overflow.",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{-1}}},
      .infer = infer,
      .cost = elementwise_cost<5>,
      .reference =
          [](Call& c) {
            return each_row(c, [](std::vector<double>& row) {
              double top = -INFINITY, sum = 0;
              for (double x : row) top = std::max(top, x);
              for (double x : row) sum += std::exp(x - top);
              for (double& x : row) x = x - top - std::log(sum);
            });
          },
      .also = {R"(graph log_softmax(x: T[*]) -> (y) { y = log(softmax(x) <axis=$axis>) })"},
  };
  return def;
}

const OpDef& hardmax_op() {
  static const OpDef def{
      .name = "hardmax",
      .doc = "1 at the first largest element along the axis, 0 elsewhere.",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{-1}}},
      .infer = infer,
      .reference =
          [](Call& c) {
            return each_row(c, [](std::vector<double>& row) {
              if (row.empty()) return;
              size_t best = 0;
              for (size_t k = 1; k < row.size(); ++k)
                if (row[k] > row[best] || (std::isnan(row[k]) && !std::isnan(row[best]))) best = k;
              std::fill(row.begin(), row.end(), 0.0);
              row[best] = 1;
            });
          },
  };
  return def;
}

}  // namespace hone
