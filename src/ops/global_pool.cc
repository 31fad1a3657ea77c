// Pooling over all spatial axes: maximum, average and Lp norm.
#include <algorithm>
#include <cmath>

#include "ops/window.h"

namespace hone {
namespace {

Result<Types> infer_global(const Infer& c) {
  Shape out = c.shape(0);
  if (out.ranked && out.rank() < 2)
    return shape_error(c, "x must have at least 2 axes, has shape " + out.str());
  for (size_t i = 2; i < out.rank(); ++i) out.dims[i] = 1;
  return Types{Type(c.dtype(0), std::move(out))};
}

Cost global_cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  cost.flops = element_count(c.shape(0));
  return cost;
}

// y of a plane from the elements of x in it.
Status each_plane(Call& c, const std::function<double(const std::vector<double>&)>& f) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  std::vector<double> plane(size_t(x.count() / y.count()));
  for (int64_t o = 0; o < y.count(); ++o) {
    for (size_t i = 0; i < plane.size(); ++i)
      plane[i] = load_real(x, o * int64_t(plane.size()) + int64_t(i));
    store_real(y, o, f(plane));
  }
  return ok();
}

}  // namespace

const OpDef& global_average_pool_op() {
  static const OpDef def{
      .name = "global_average_pool",
      .doc = "Mean over all spatial axes of x [N, C, in...]: y [N, C, 1...].",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .infer = infer_global,
      .cost = global_cost,
      .reference =
          [](Call& c) {
            return each_plane(c, [](const std::vector<double>& plane) {
              double sum = 0;
              for (double v : plane) sum += v;
              return sum / double(plane.size());
            });
          },
      .examples = {R"(graph g(x: f32[2,3,4,5]) -> (y) { y = global_average_pool(x) })"},
  };
  return def;
}

const OpDef& global_max_pool_op() {
  static const OpDef def{
      .name = "global_max_pool",
      .doc = "Maximum over all spatial axes of x [N, C, in...]: y [N, C, 1...]. NaN wins.",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .infer = infer_global,
      .cost = global_cost,
      .reference =
          [](Call& c) {
            return each_plane(c, [](const std::vector<double>& plane) {
              double best = -INFINITY;
              for (double v : plane) best = v > best || std::isnan(v) ? v : best;
              return best;
            });
          },
      .examples = {R"(graph g(x: f32[2,3,4,5]) -> (y) { y = global_max_pool(x) })"},
  };
  return def;
}

const OpDef& global_lp_pool_op() {
  static const OpDef def{
      .name = "global_lp_pool",
      .doc = "Lp norm over all spatial axes of x [N, C, in...]: y [N, C, 1...].",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"p", AttrKind::integer, false, int64_t{2}}},
      .infer = [](const Infer& c) -> Result<Types> {
        TRY(positive(c, "p"));
        return infer_global(c);
      },
      .cost = global_cost,
      .reference =
          [](Call& c) {
            const double p = double(c.integer("p"));
            return each_plane(c, [p](const std::vector<double>& plane) {
              double sum = 0;
              for (double v : plane) sum += std::pow(std::fabs(v), p);
              return std::pow(sum, 1 / p);
            });
          },
      .examples = {R"(graph g(x: f32[2,3,4]) -> (y) { y = global_lp_pool(x) <p=3> })"},
  };
  return def;
}

}  // namespace hone
