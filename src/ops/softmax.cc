// Normalized exponentials along an axis.
#include <algorithm>

#include "ops/common.h"

namespace hone {

const OpDef& softmax_op() {
  static const OpDef def{
      .name = "softmax",
      .doc = "exp(x - max) / sum(exp(x - max)) along one axis.",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{-1}}},
      .infer = [](const Infer& c) -> Result<Types> {
        if (c.shape(0).ranked) TRY(normal_axis(c.integer("axis"), int64_t(c.shape(0).rank())));
        return same_as_first(c);
      },
      .cost = elementwise_cost<5>,
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        if (y.count() == 0) return ok();
        const auto [outer, n, inner] =
            split_at(x.shape(), TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
        std::vector<double> row(static_cast<size_t>(n));
        for (int64_t o = 0; o < outer; ++o)
          for (int64_t i = 0; i < inner; ++i) {
            const int64_t base = o * n * inner + i;
            double top = -INFINITY, sum = 0;
            for (int64_t k = 0; k < n; ++k) top = std::max(top, load_real(x, base + k * inner));
            for (int64_t k = 0; k < n; ++k)
              sum += row[size_t(k)] = std::exp(load_real(x, base + k * inner) - top);
            for (int64_t k = 0; k < n; ++k) store_real(y, base + k * inner, row[size_t(k)] / sum);
          }
        return ok();
      },
  };
  return def;
}

}  // namespace hone
