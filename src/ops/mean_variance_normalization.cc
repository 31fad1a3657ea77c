// Normalization without parameters: to mean 0 and variance 1, to unit length, by neighbours.
#include <algorithm>

#include "ops/common.h"

namespace hone {
namespace {

constexpr double kFloor = 1e-9;  // of the deviation, as in the ONNX definition

Result<Types> infer_mean_variance(const Infer& c) {
  if (c.shape(0).ranked) TRY(normal_axes(c.list("axes"), int64_t(c.shape(0).rank())));
  return same_as_first(c);
}

Status reference_mean_variance(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  Extents kept = x.shape();
  for (int64_t axis : TRY(normal_axes(c.list("axes"), int64_t(x.rank())))) kept[size_t(axis)] = 1;
  int64_t groups = 1;
  for (int64_t n : kept) groups *= n;
  if (x.count() == 0) return ok();
  const int64_t in_group = x.count() / groups;
  const auto n = double(in_group);
  std::vector<double> mean(static_cast<size_t>(groups)), variance(mean.size());
  auto each = [&](auto visit) {
    Odometer at(x.shape(), {broadcast_strides(kept, x.shape())});
    int64_t i = 0;
    do {
      visit(i, size_t(at.offset(0)));
      ++i;
    } while (at.next());
  };
  each([&](int64_t i, size_t g) { mean[g] += load_real(x, i) / n; });
  each([&](int64_t i, size_t g) {
    const double d = load_real(x, i) - mean[g];
    variance[g] += d * d / n;
  });
  each([&](int64_t i, size_t g) {
    store_real(y, i, (load_real(x, i) - mean[g]) / (std::sqrt(variance[g]) + kFloor));
  });
  return ok();
}

Result<Types> infer_lp(const Infer& c) {
  if (c.integer("p") != 1 && c.integer("p") != 2) return attribute_error(c, "p must be 1 or 2");
  if (c.shape(0).ranked) TRY(normal_axis(c.integer("axis"), int64_t(c.shape(0).rank())));
  return same_as_first(c);
}

Status reference_lp(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const bool squares = c.integer("p") == 2;
  const auto [outer, n, inner] =
      split_at(x.shape(), TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t base = o * n * inner + i;
      double norm = 0;
      for (int64_t k = 0; k < n; ++k) {
        const double v = load_real(x, base + k * inner);
        norm += squares ? v * v : std::fabs(v);
      }
      if (squares) norm = std::sqrt(norm);
      for (int64_t k = 0; k < n; ++k)
        store_real(y, base + k * inner, norm == 0 ? 0 : load_real(x, base + k * inner) / norm);
    }
  return ok();
}

Result<Types> infer_lrn(const Infer& c) {
  if (c.integer("size") <= 0) return attribute_error(c, "size must be positive");
  if (c.shape(0).ranked && c.shape(0).rank() < 2)
    return shape_error(c, "needs axes for batch and channels, got " + c.shape(0).str());
  if (c.shape(0).ranked) TRY(normal_axis(c.integer("axis"), int64_t(c.shape(0).rank())));
  return same_as_first(c);
}

Status reference_lrn(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const auto [outer, channels, inner] =
      split_at(x.shape(), TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  const int64_t size = c.integer("size");
  const int64_t before = std::min((size - 1) / 2, channels);
  const int64_t after = std::min(size - 1 - (size - 1) / 2, channels);
  const double alpha = c.real("alpha") / double(size), beta = c.real("beta"), bias = c.real("bias");
  std::vector<double> squares(static_cast<size_t>(channels));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t base = o * channels * inner + i;
      for (int64_t k = 0; k < channels; ++k) {
        const double v = load_real(x, base + k * inner);
        squares[size_t(k)] = v * v;
      }
      for (int64_t k = 0; k < channels; ++k) {
        double sum = 0;
        for (int64_t j = std::max<int64_t>(0, k - before); j <= std::min(channels - 1, k + after);
             ++j)
          sum += squares[size_t(j)];
        store_real(y, base + k * inner,
                   load_real(x, base + k * inner) / std::pow(bias + alpha * sum, beta));
      }
    }
  return ok();
}

Cost cost_lrn(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  const Dim n = element_count(out[0].tensor.shape);
  cost.macs = n * Dim(c.integer("size"));
  cost.flops = Dim(2) * cost.macs + Dim(4) * n;
  return cost;
}

}  // namespace

const OpDef& mean_variance_normalization_op() {
  static const OpDef def{
      .name = "mean_variance_normalization",
      .doc = "(x - mean) / (deviation + 1e-9), statistics over the given axes.",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"axes", AttrKind::integers, false, Integers{0, 2, 3}}},
      .infer = infer_mean_variance,
      .cost = elementwise_cost<7>,
      .reference = reference_mean_variance,
      .body = R"(graph mean_variance_normalization(x: T[*]) -> (y) {
        d = sub(x, reduce_mean(x, i64[1]{$axes}) <noop_with_empty_axes=1>)
        variance = reduce_mean(mul(d, d), i64[1]{$axes}) <noop_with_empty_axes=1>
        y = div(d, add(sqrt(variance), 1e-09))
      })",
      .also = {R"(graph mean_variance_normalization(x: T[*]) -> (y) {
        d = sub(x, reduce_mean(x, i64[1]{$axes}))
        y = div(d, add(sqrt(reduce_mean(mul(d, d), i64[1]{$axes})), 1e-09))
      })",
               R"(graph mean_variance_normalization(x: T[*]) -> (y) {
        mean = reduce_mean(x, i64[1]{$axes})
        variance = sub(reduce_mean(pow(x, 2.0), i64[1]{$axes}), pow(mean, 2.0))
        y = div(sub(x, mean), add(sqrt(variance), 1e-09))
      })"},
      .examples = {R"(graph mean_variance(x: f32[2,3,2,2]) -> (y) {
        y = mean_variance_normalization(x)
      })",
                   R"(graph mean_variance_of_rows(x: f32[3,4]) -> (y) {
        y = mean_variance_normalization(x) <axes=[1]>
      })"},
  };
  return def;
}

const OpDef& lp_normalization_op() {
  static const OpDef def{
      .name = "lp_normalization",
      .doc = "x divided by its L1 or L2 norm along the axis; 0 where that is 0.",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"axis", AttrKind::integer, false, int64_t{-1}},
                {"p", AttrKind::integer, false, int64_t{2}}},
      .infer = infer_lp,
      .cost = elementwise_cost<3>,
      .reference = reference_lp,
      .examples = {R"(graph l2_normalization(x: f32[2,3]) -> (y) { y = lp_normalization(x) })",
                   R"(graph l1_normalization(x: f32[2,3]) -> (y) {
        y = lp_normalization(x) <axis=0, p=1>
      })"},
  };
  return def;
}

const OpDef& lrn_op() {
  static const OpDef def{
      .name = "lrn",
      .doc =
          "x / (bias + alpha/size s)^beta, s the sum of squares over the `size` channels around, "
          "which lie along the axis (Krizhevsky, Sutskever & Hinton 2012).",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"alpha", AttrKind::real, false, 1e-4f},
                {"beta", AttrKind::real, false, 0.75f},
                {"bias", AttrKind::real, false, 1.0f},
                {"size", AttrKind::integer, true},
                {"axis", AttrKind::integer, false, int64_t{1}, "the channels"}},
      .infer = infer_lrn,
      .cost = cost_lrn,
      .reference = reference_lrn,
      .examples = {R"(graph lrn_channels(x: f32[2,5,2,2]) -> (y) { y = lrn(x) <size=3> })",
                   R"(graph lrn_last(x: f32[2,3,7]) -> (y) { y = lrn(x) <size=4, axis=-1> })"},
  };
  return def;
}

}  // namespace hone
