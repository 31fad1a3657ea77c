// Elements selected and replaced by index tensors.
#include <algorithm>
#include <array>
#include <cstring>

#include "backends/cpu/movement.h"

namespace hone::cpu {
namespace {

// Calls f with a value of the unsigned type of so many bytes.
template <class F>
auto with_width(size_t width, F f) {
  switch (width) {
    case 1: return f(uint8_t{});
    case 2: return f(uint16_t{});
    case 4: return f(uint32_t{});
    case 8: return f(uint64_t{});
    default: return f(std::array<uint64_t, 2>{});
  }
}

// Of [outer, axis, inner] of a tensor of indices, where each of them points to.
template <class F>
void each_along(const Extents& shape, size_t axis, const std::vector<int64_t>& strides, F f) {
  Odometer at(shape, {strides});
  if (at.empty()) return;
  int64_t i = 0;
  do f(i++, at.offset(0) - at.position()[axis] * strides[axis]);
  while (at.next());
}

Status run_gather_elements(Call& c, ThreadPool&) {
  const Tensor &x = c.in(0), &indices = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const auto axis = size_t(TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  const std::vector<int64_t> strides = strides_of(x.shape());
  const Integers at = TRY(normal_indices(c, indices, x.shape()[axis]));
  with_width(width_of(x), [&]<class T>(T) {
    const T* from = reinterpret_cast<const T*>(x.data());
    T* to = reinterpret_cast<T*>(y.mutable_data());
    each_along(y.shape(), axis, strides, [&](int64_t i, int64_t base) {
      to[i] = from[base + at[size_t(i)] * strides[axis]];
    });
  });
  return ok();
}

// Where the slices lie that tuples of indices select, behind `batch` common axes.
struct Slices {
  std::vector<int64_t> places;  // in elements
  int64_t run = 1;              // elements of a slice
};
Result<Slices> slices_of(const Call& c, const Tensor& x, const Tensor& indices, size_t batch) {
  const auto tuple = size_t(indices.shape().back());
  const std::vector<int64_t> strides = strides_of(x.shape());
  Slices s;
  int64_t x_batch = 1, tuples = 1, batches = 1;
  for (size_t i = 0; i + 1 < indices.rank(); ++i)
    (i < batch ? batches : tuples) *= indices.shape()[i];
  for (size_t i = batch; i < x.rank(); ++i) {
    x_batch *= x.shape()[i];
    if (i >= batch + tuple) s.run *= x.shape()[i];
  }
  const Integers given = integers(indices);
  s.places.reserve(size_t(batches * tuples));
  for (int64_t t = 0; t < batches * tuples; ++t) {
    int64_t from = t / tuples * x_batch;
    for (size_t k = 0; k < tuple; ++k)
      from += TRY(normal_index(c, given[size_t(t) * tuple + k], x.shape()[batch + k])) *
              strides[batch + k];
    s.places.push_back(from);
  }
  return s;
}

Status run_gather_nd(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const Slices s = TRY(slices_of(c, x, c.in(1), size_t(c.integer("batch_dims"))));
  const size_t width = width_of(x), bytes = size_t(s.run) * width;
  pool.parallel_for(int64_t(s.places.size()), std::max<int64_t>(1, kGrain / s.run),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i)
                        std::memcpy(y.mutable_data() + size_t(i) * bytes,
                                    x.data() + size_t(s.places[size_t(i)]) * width, bytes);
                    });
  return ok();
}

Support accepts_scatter(const Graph& graph, const Node& node) {
  if (Infer(*node.op, node.attrs, {}, 1).text("reduction") != "none")
    return no("only without reduction");
  return whole_bytes(graph, node);
}

Result<Tensor*> copy_of_first(Call& c) {
  Tensor* y = TRY(c.out(0));
  const size_t bytes = size_t(y->count()) * width_of(*y);
  if (bytes > 0 && y->data() != c.in(0).data())
    std::memcpy(y->mutable_data(), c.in(0).data(), bytes);
  return y;
}

// Of several updates of one element the last one stays.
Status run_scatter_elements(Call& c, ThreadPool&) {
  const Tensor &x = c.in(0), &updates = c.in(2);
  Tensor& y = *TRY(copy_of_first(c));
  const auto axis = size_t(TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  const std::vector<int64_t> strides = strides_of(x.shape());
  const Integers at = TRY(normal_indices(c, c.in(1), x.shape()[axis]));
  with_width(width_of(x), [&]<class T>(T) {
    const T* from = reinterpret_cast<const T*>(updates.data());
    T* to = reinterpret_cast<T*>(y.mutable_data());
    each_along(updates.shape(), axis, strides, [&](int64_t i, int64_t base) {
      to[base + at[size_t(i)] * strides[axis]] = from[i];
    });
  });
  return ok();
}

Status run_scatter_nd(Call& c, ThreadPool&) {
  const Tensor& updates = c.in(2);
  Tensor& y = *TRY(copy_of_first(c));
  if (updates.count() == 0) return ok();
  const Slices s = TRY(slices_of(c, c.in(0), c.in(1), 0));
  const size_t width = width_of(y), bytes = size_t(s.run) * width;
  for (size_t i = 0; i < s.places.size(); ++i)
    std::memcpy(y.mutable_data() + size_t(s.places[i]) * width, updates.data() + i * bytes, bytes);
  return ok();
}

}  // namespace

const CpuKernel gather_elements_kernel{"gather_elements", whole_bytes, run_gather_elements};
const CpuKernel gather_nd_kernel{"gather_nd", whole_bytes, run_gather_nd};
const CpuKernel scatter_elements_kernel{"scatter_elements", accepts_scatter, run_scatter_elements,
                                        CpuKernel::InPlace::first};
const CpuKernel scatter_nd_kernel{"scatter_nd", accepts_scatter, run_scatter_nd,
                                  CpuKernel::InPlace::first};

}  // namespace hone::cpu
