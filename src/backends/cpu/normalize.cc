// Layer normalization and batch normalization.
#include <algorithm>
#include <cmath>

#include "backends/cpu/cpu.h"
#include "kernels/quantization/quantization.h"
#include "kernels/rows/rows.h"
#include "ops/quantization.h"

namespace hone::cpu {
namespace {

constexpr size_t kRange = 3;  // the output

Support accepts_layer_normalization(const Graph& graph, const Node& node) {
  for (size_t slot = 1; slot < node.outputs.size() && slot < kRange; ++slot)
    if (!graph[node.outputs[slot]].users.empty() || graph.is_output(node.outputs[slot]))
      return no("only without the mean and deviation outputs");
  if (node.outputs.size() > 1 && node.outputs.size() <= kRange) return no("only with one output");
  const Shape& x = graph[node.inputs[0]].type.tensor.shape;
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    if (!node.inputs[i].valid()) continue;
    const Shape& scale = graph[node.inputs[i]].type.tensor.shape;
    if (!x.ranked || !scale.ranked || scale.rank() != 1)
      return no("only with scale and bias along the last axis");
  }
  return f32_only(graph, node);
}

// Numbers that repeat after `period`.
struct Periodic {
  const float* data;
  int64_t period;
};

// Also where sums overflow f32.
void normalize_row(const float* x, Periodic scale, Periodic bias, float epsilon, float* y,
                   int64_t n) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) sum += double(x[i]);
  const double mean = sum / double(n);
  for (int64_t i = 0; i < n; ++i) squares += (double(x[i]) - mean) * (double(x[i]) - mean);
  const double factor = 1 / std::sqrt(squares / double(n) + double(epsilon));
  for (int64_t i = 0; i < n; ++i)
    y[i] = float((double(x[i]) - mean) * factor) * scale.data[i % scale.period] +
           (bias.data ? bias.data[i % bias.period] : 0.0f);
}

Status run_layer_normalization(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
  int64_t n = 1;
  for (size_t i = size_t(axis); i < x.rank(); ++i) n *= x.shape()[i];
  if (n == 0 || x.count() == 0) return store_range(c, y, kRange);
  const float epsilon = c.real("epsilon");
  const float *px = x.as<float>().data(), *scale = c.in(1).as<float>().data();
  const float* bias = c.has(2) ? c.in(2).as<float>().data() : nullptr;
  // Each as long as the last axis, or one element for all.
  const int64_t scales = c.in(1).count(), biases = c.has(2) ? c.in(2).count() : 1;
  float* py = y.as<float>().data();
  const bool whole = scales == n && (bias == nullptr || biases == n);
  const auto row = kernels::row_kernels().layer_normalization;
  const int64_t rows = x.count() / n, grain = std::max<int64_t>(1, kGrain / 4 / n);
  const bool ranged = c.outputs() > kRange;
  std::vector<kernels::NumberRange> ranges(ranged ? size_t(rows / grain + 1) : 0);
  pool.parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* in = px + r * n;
      float* out = py + r * n;
      if (whole && row(in, scale, bias, epsilon, out, n)) continue;
      normalize_row(in, {scale, scales}, {bias, biases}, epsilon, out, n);
    }
    if (!ranged) return;
    kernels::NumberRange& range = ranges[size_t(begin / grain)];
    kernels::quantization_kernels().extend(py + begin * n, (end - begin) * n, &range.least,
                                           &range.most);
  });
  if (!ranged) return ok();
  kernels::NumberRange all;
  for (const kernels::NumberRange& r : ranges) all.extend(r);
  const std::span<float> known = (*TRY(c.out(kRange))).as<float>();
  known[0] = all.least, known[1] = all.most;
  return ok();
}

Support accepts_batch_normalization(const Graph& graph, const Node& node) {
  const Infer c(*node.op, node.attrs, {}, node.outputs.size());
  if (node.outputs.size() != 1 || c.integer("training_mode") != 0) return no("only for inference");
  return f32_only(graph, node);
}

Status run_batch_normalization(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (x.count() == 0) return ok();
  const AxisSplit split = split_at(x.shape(), x.rank() > 1 ? 1 : 0);
  const int64_t channels = x.rank() > 1 ? split.axis : 1;
  const int64_t inner = x.rank() > 1 ? split.inner : 1;
  const float *px = x.as<float>().data(), *scale = c.in(1).as<float>().data(),
              *bias = c.in(2).as<float>().data(), *mean = c.in(3).as<float>().data(),
              *variance = c.in(4).as<float>().data();
  const double epsilon = c.real("epsilon");
  float* py = y.as<float>().data();
  pool.parallel_for(
      x.count() / inner, std::max<int64_t>(1, kGrain / inner), [&](int64_t begin, int64_t end) {
        for (int64_t plane = begin; plane < end; ++plane) {
          const int64_t ch = plane % channels;
          const auto factor = float(double(scale[ch]) / std::sqrt(double(variance[ch]) + epsilon));
          const float* in = px + plane * inner;
          float* out = py + plane * inner;
          // Not in[i] * factor + shift: that loses digits where the mean is large.
          kernels::row_kernels().standardize(in, mean[ch], factor, bias[ch], out, inner);
        }
      });
  return ok();
}

}  // namespace

const CpuKernel layer_normalization_kernel{"layer_normalization", accepts_layer_normalization,
                                           run_layer_normalization, CpuKernel::InPlace::first};
const CpuKernel batch_normalization_kernel{"batch_normalization", accepts_batch_normalization,
                                           run_batch_normalization, CpuKernel::InPlace::first};

}  // namespace hone::cpu
