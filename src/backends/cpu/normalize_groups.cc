// Normalizations of groups of channels and of single channels of each instance, by the root of mean
// squares, and the largest element of each channel.
#include <algorithm>
#include <cmath>

#include "backends/cpu/cpu.h"
#include "backends/cpu/sums.h"
#include "kernels/reductions/reductions.h"
#include "kernels/rows/rows.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

using kernels::Binary;
using kernels::Reduction;

Status normalize(Call& c, ThreadPool& pool, int64_t groups) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (x.count() == 0) return ok();
  const int64_t channels = x.shape()[1], each = channels / groups;
  const int64_t n = x.count() / (x.shape()[0] * groups), area = n / each;
  const float *px = x.as<float>().data(), *scale = c.in(1).as<float>().data(),
              *bias = c.in(2).as<float>().data();
  const double epsilon = c.real("epsilon");
  float* py = y.as<float>().data();
  pool.parallel_for(x.count() / n, std::max<int64_t>(1, kGrain / 4 / n),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t g = begin; g < end; ++g) {
                        const float* in = px + g * n;
                        const auto mean = float(sum_of(Reduction::sum, in, n) / double(n));
                        const double squares = deviation_of(in, n, mean);
                        const double factor = 1 / std::sqrt(squares / double(n) + epsilon);
                        for (int64_t k = 0; k < each; ++k) {
                          const int64_t channel = g % groups * each + k, at = g * n + k * area;
                          kernels::row_kernels().standardize(px + at, mean,
                                                             float(factor * double(scale[channel])),
                                                             bias[channel], py + at, area);
                        }
                      }
                    });
  return ok();
}

Status run_group(Call& c, ThreadPool& pool) { return normalize(c, pool, c.integer("num_groups")); }
Status run_instance(Call& c, ThreadPool& pool) { return normalize(c, pool, c.in(0).shape()[1]); }

// Sums of columns become means of their groups, over `count` elements each, for every column.
std::vector<double> means_of_groups(const std::vector<double>& totals, int64_t groups,
                                    double count) {
  const size_t each = totals.size() / size_t(groups);
  std::vector<double> means(totals.size());
  for (size_t first = 0; first < totals.size(); first += each) {
    double sum = 0;
    for (size_t j = first; j < first + each; ++j) sum += totals[j];
    std::fill_n(means.begin() + int64_t(first), each, sum / count);
  }
  return means;
}

// One instance: `rows` positions of n channels.
void normalize_last(const float* x, int64_t rows, int64_t n, int64_t groups, const float* scale,
                    const float* bias, double epsilon, float* y) {
  const auto binary = kernels::row_kernels().binary;
  const int64_t channels = n / groups;
  const double count = double(rows) * double(channels);
  std::vector<double> totals(static_cast<size_t>(n));
  add_columns(Reduction::sum, x, n, rows, n, totals.data());
  const std::vector<double> means = means_of_groups(totals, groups, count);
  const std::vector<float> mean(means.begin(), means.end());
  for (int64_t i = 0; i < rows; ++i)
    binary(Binary::sub, x + i * n, 1, mean.data(), 1, y + i * n, n);
  std::ranges::fill(totals, 0.0);
  add_columns(Reduction::square_sum, y, n, rows, n, totals.data());
  const std::vector<double> variances = means_of_groups(totals, groups, count);
  std::vector<float> factor(static_cast<size_t>(n));
  for (size_t j = 0; j < factor.size(); ++j)
    factor[j] = float(double(scale[j]) / std::sqrt(variances[j] + epsilon));
  for (int64_t i = 0; i < rows; ++i) {
    binary(Binary::mul, y + i * n, 1, factor.data(), 1, y + i * n, n);
    binary(Binary::add, y + i * n, 1, bias, 1, y + i * n, n);
  }
}

Status run_last(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (x.count() == 0) return ok();
  const int64_t n = x.shape().back(), images = x.shape()[0], image = x.count() / images;
  pool.parallel_for(images, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      normalize_last(x.as<float>().data() + i * image, image / n, n, c.integer("num_groups"),
                     c.in(1).as<float>().data(), c.in(2).as<float>().data(), c.real("epsilon"),
                     y.as<float>().data() + i * image);
  });
  return ok();
}

Support accepts_rms(const Graph& graph, const Node& node) {
  const Shape& scale = graph[node.inputs[1]].type.tensor.shape;
  if (!scale.ranked || scale.rank() > 1) return no("only with a scale along the last axis");
  return f32_only(graph, node);
}

Status run_rms(Call& c, ThreadPool& pool) {
  const Tensor &x = c.in(0), &scale = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (x.count() == 0) return ok();
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
  int64_t n = 1;
  for (size_t i = size_t(axis); i < x.rank(); ++i) n *= x.shape()[i];
  const double epsilon = c.real("epsilon");
  const float *px = x.as<float>().data(), *ps = scale.as<float>().data();
  // As long as the last axis, or one element for all.
  const int64_t width = x.rank() > 0 ? x.shape().back() : 1, step = scale.count() == 1 ? 0 : 1;
  float* py = y.as<float>().data();
  pool.parallel_for(x.count() / n, std::max<int64_t>(1, kGrain / 4 / n),
                    [&](int64_t begin, int64_t end) {
                      const auto binary = kernels::row_kernels().binary;
                      for (int64_t r = begin; r < end; ++r) {
                        const float* in = px + r * n;
                        float* out = py + r * n;
                        const double squares = sum_of(Reduction::square_sum, in, n);
                        const auto factor = float(1 / std::sqrt(squares / double(n) + epsilon));
                        binary(Binary::mul, in, 1, &factor, 0, out, n);
                        for (int64_t i = 0; i < n; i += width)
                          binary(Binary::mul, out + i, 1, ps, step, out + i, width);
                      }
                    });
  return ok();
}

Status run_global_max(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const int64_t n = y.count() == 0 ? 0 : x.count() / y.count();
  float* py = y.as<float>().data();
  if (n == 0) {
    std::fill_n(py, y.count(), -INFINITY);
    return ok();
  }
  pool.parallel_for(y.count(), std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      py[i] = kernels::reduction_kernels().row(Reduction::maximum, x.as<float>().data() + i * n, n);
  });
  return ok();
}

}  // namespace

const CpuKernel channels_last_group_normalization_kernel{"channels_last_group_normalization",
                                                         f32_only, run_last};
const CpuKernel global_max_pool_kernel{"global_max_pool", f32_only, run_global_max};
const CpuKernel group_normalization_kernel{"group_normalization", f32_only, run_group};
const CpuKernel instance_normalization_kernel{"instance_normalization", f32_only, run_instance};
const CpuKernel rms_normalization_kernel{"rms_normalization", accepts_rms, run_rms};

}  // namespace hone::cpu
