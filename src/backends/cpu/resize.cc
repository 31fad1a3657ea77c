// Resampling of axes to other extents: nearest elements, or weighted sums along one axis after
// another.
#include "ops/resize.h"

#include <algorithm>

#include "backends/cpu/axis_offsets.h"
#include "kernels/blends/blends.h"

namespace hone::cpu {
namespace {

Status nearest(Call& c, const Resampling& r, Tensor& y, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  const std::vector<int64_t> strides = strides_of(x.shape());
  AxisOffsets offsets(r.axes.size());
  for (size_t i = 0; i < offsets.size(); ++i)
    for (const ResizeTaps& taps : r.axes[i].taps)
      offsets[i].push_back(taps.empty() ? -1 : taps[0].index * strides[i]);
  const auto outside = float(r.outside);
  pick(x, offsets, reinterpret_cast<const std::byte*>(&outside), y, pool);
  return ok();
}

// Taps of all positions of an axis, as the kernels take them.
struct Weights {
  std::vector<size_t> first;  // of the taps of each position
  std::vector<int64_t> index;
  std::vector<float> weight;

  explicit Weights(const Resampling::Axis& axis) {
    for (const ResizeTaps& taps : axis.taps) {
      first.push_back(index.size());
      for (const ResizeTap& tap : taps) {
        index.push_back(tap.index);
        weight.push_back(float(tap.weight));
      }
    }
    first.push_back(index.size());
  }
};

// One axis: [outer, n, inner] to [outer, axis.out, inner].
void blend(const float* x, int64_t outer, int64_t n, int64_t inner, const Resampling::Axis& axis,
           float outside, float* y, ThreadPool& pool) {
  const Weights w(axis);
  if (inner == 1) {
    pool.parallel_for(outer, std::max<int64_t>(1, kGrain / 4 / axis.out),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t o = begin; o < end; ++o)
                          for (int64_t k = 0; k < axis.out; ++k) {
                            const size_t from = w.first[size_t(k)], to = w.first[size_t(k) + 1];
                            float sum = axis.taps[size_t(k)].empty() ? outside : 0.0f;
                            for (size_t t = from; t < to; ++t)
                              sum += w.weight[t] * x[o * n + w.index[t]];
                            y[o * axis.out + k] = sum;
                          }
                      });
    return;
  }
  pool.parallel_for(outer * axis.out, std::max<int64_t>(1, kGrain / 4 / inner),
                    [&](int64_t begin, int64_t end) {
                      std::vector<const float*> rows;
                      for (int64_t i = begin; i < end; ++i) {
                        const auto k = size_t(i % axis.out);
                        const float* base = x + i / axis.out * n * inner;
                        float* to = y + i * inner;
                        if (axis.taps[k].empty()) {
                          std::fill_n(to, inner, outside);
                          continue;
                        }
                        rows.clear();
                        for (size_t t = w.first[k]; t < w.first[k + 1]; ++t)
                          rows.push_back(base + w.index[t] * inner);
                        kernels::blend_kernels().blend(rows.data(), w.weight.data() + w.first[k],
                                                       int64_t(rows.size()), inner, to);
                      }
                    });
}

Status weighted(Call& c, const Resampling& r, Tensor& y, ThreadPool& pool) {
  std::vector<size_t> changing;
  for (size_t i = 0; i < r.axes.size(); ++i)
    if (r.axes[i].changes) changing.push_back(i);
  Extents shape = c.in(0).shape();
  const float* now = c.in(0).as<float>().data();
  if (changing.empty()) {
    std::copy_n(now, y.count(), y.as<float>().data());
    return ok();
  }
  Tensor between;
  for (const size_t axis : changing) {
    const auto [outer, n, inner] = split_at(shape, int64_t(axis));
    shape[axis] = r.axes[axis].out;
    if (axis == changing.back()) {
      blend(now, outer, n, inner, r.axes[axis], float(r.outside), y.as<float>().data(), pool);
      break;
    }
    Tensor next = TRY(Tensor::make(DType::f32, shape, c.memory_limit));
    blend(now, outer, n, inner, r.axes[axis], float(r.outside), next.as<float>().data(), pool);
    between = std::move(next);
    now = between.as<float>().data();
  }
  return ok();
}

Status run(Call& c, ThreadPool& pool) {
  const Resampling r = TRY(resampling_of(c));
  Tensor& y = *TRY(c.out(0, r.shape()));
  if (y.count() == 0) return ok();
  return r.nearest ? nearest(c, r, y, pool) : weighted(c, r, y, pool);
}

Support accepts(const Graph& graph, const Node& node) {
  if (graph[node.inputs[0]].type.tensor.dtype != DType::f32) return no("only f32");
  return yes();
}

}  // namespace

const CpuKernel resize_kernel{"resize", accepts, run};

}  // namespace hone::cpu
