// Operators that move whole elements of any dtype: transpose, concat, split, gather.
#include "ops/movement.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "backends/cpu/cpu.h"

namespace hone::cpu {
namespace {

// Elements of a whole number of bytes.
Support whole_bytes(const Graph& graph, const Node& node) {
  const DType d = graph[node.outputs[0]].type.tensor.dtype;
  if (bits(d) < 8) return no("no kernel for " + std::string(name(d)));
  return yes();
}

size_t width_of(const Tensor& t) { return size_t(bits(t.dtype())) / 8; }

template <class T>
void transpose_rows(const std::byte* in, std::byte* out, const Extents& shape,
                    const std::vector<int64_t>& strides, int64_t begin, int64_t end) {
  const int64_t n = shape.back(), step = strides.back();
  for (int64_t row = begin; row < end; ++row) {
    int64_t rest = row, from = 0;
    for (size_t axis = shape.size() - 1; axis-- > 0;) {
      from += rest % shape[axis] * strides[axis];
      rest /= shape[axis];
    }
    const std::byte* source = in + from * int64_t(sizeof(T));
    std::byte* target = out + row * n * int64_t(sizeof(T));
    if (step == 1) {
      std::memcpy(target, source, size_t(n) * sizeof(T));
      continue;
    }
    for (int64_t i = 0; i < n; ++i)
      std::memcpy(target + i * int64_t(sizeof(T)), source + i * step * int64_t(sizeof(T)),
                  sizeof(T));
  }
}

Status run_transpose(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const std::vector<int64_t> from = strides_of(x.shape());
  Extents shape;
  std::vector<int64_t> strides;
  // Axes that stay neighbours are walked as one.
  for (const int64_t from_axis : TRY(permutation(c, int64_t(x.rank())))) {
    const auto axis = size_t(from_axis);
    if (x.shape()[axis] == 1) continue;
    if (!shape.empty() && strides.back() == from[axis] * x.shape()[axis]) {
      shape.back() *= x.shape()[axis];
      strides.back() = from[axis];
      continue;
    }
    shape.push_back(x.shape()[axis]);
    strides.push_back(from[axis]);
  }
  if (shape.empty()) {
    shape = {1};
    strides = {1};
  }
  const int64_t rows = y.count() / shape.back();
  pool.parallel_for(
      rows, std::max<int64_t>(1, kGrain / shape.back()), [&](int64_t begin, int64_t end) {
        const std::byte* in = x.data();
        std::byte* out = y.mutable_data();
        switch (width_of(x)) {
          case 1: transpose_rows<uint8_t>(in, out, shape, strides, begin, end); break;
          case 2: transpose_rows<uint16_t>(in, out, shape, strides, begin, end); break;
          case 4: transpose_rows<uint32_t>(in, out, shape, strides, begin, end); break;
          case 8: transpose_rows<uint64_t>(in, out, shape, strides, begin, end); break;
          default: transpose_rows<std::array<uint64_t, 2>>(in, out, shape, strides, begin, end);
        }
      });
  return ok();
}

// Rows [begin, end) of pieces, each moved to or from its place in the rows of the whole.
struct Strided {
  const std::byte* from;
  std::byte* to;
  size_t from_row, to_row, bytes;
};
void move_rows(ThreadPool& pool, int64_t rows, const std::vector<Strided>& pieces) {
  size_t row = 0;
  for (const Strided& p : pieces) row += p.bytes;
  if (row == 0) return;
  const auto grain = std::max<int64_t>(1, kGrain * int64_t(sizeof(float)) / int64_t(row));
  pool.parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    for (const Strided& p : pieces)
      for (auto r = size_t(begin); r < size_t(end) && p.bytes > 0; ++r)
        std::memcpy(p.to + r * p.to_row, p.from + r * p.from_row, p.bytes);
  });
}

Status run_concat(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(y.rank())));
  const AxisSplit whole = split_at(y.shape(), axis);
  const size_t row = size_t(whole.axis * whole.inner) * width_of(y);
  size_t at = 0;
  std::vector<Strided> pieces;
  for (size_t i = 0; i < c.inputs(); ++i) {
    const Tensor& x = c.in(i);
    const size_t piece = size_t(split_at(x.shape(), axis).axis * whole.inner) * width_of(y);
    pieces.push_back({x.data(), y.mutable_data() + at, piece, row, piece});
    at += piece;
  }
  move_rows(pool, whole.outer, pieces);
  return ok();
}

Status run_split(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
  const AxisSplit whole = split_at(x.shape(), axis);
  const size_t row = size_t(whole.axis * whole.inner) * width_of(x);
  size_t at = 0;
  std::vector<Strided> pieces;
  for (size_t i = 0; i < c.outputs(); ++i) {
    Tensor& y = *TRY(c.out(i));
    const size_t piece = size_t(split_at(y.shape(), axis).axis * whole.inner) * width_of(x);
    pieces.push_back({x.data() + at, y.mutable_data(), row, piece, piece});
    at += piece;
  }
  move_rows(pool, whole.outer, pieces);
  return ok();
}

Status run_gather(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const AxisSplit split =
      split_at(x.shape(), TRY(normal_axis(c.integer("axis"), int64_t(x.rank()))));
  if (y.count() == 0) return ok();
  std::vector<int64_t> indices = integers(c.in(1));
  for (int64_t& i : indices) {
    if (i < -split.axis || i >= split.axis)
      return value_error(c, "index " + std::to_string(i) + " is out of range for " +
                                std::to_string(split.axis) + " rows");
    if (i < 0) i += split.axis;
  }
  const auto count = int64_t(indices.size());
  const size_t bytes = size_t(split.inner) * width_of(x);
  pool.parallel_for(
      split.outer * count, std::max<int64_t>(1, kGrain / split.inner),
      [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
          std::memcpy(
              y.mutable_data() + size_t(k) * bytes,
              x.data() + size_t(k / count * split.axis + indices[size_t(k % count)]) * bytes,
              bytes);
      });
  return ok();
}

}  // namespace

const CpuKernel transpose_kernel{"transpose", whole_bytes, run_transpose};
const CpuKernel concat_kernel{"concat", whole_bytes, run_concat};
const CpuKernel split_kernel{"split", whole_bytes, run_split};
const CpuKernel gather_kernel{"gather", whole_bytes, run_gather};

}  // namespace hone::cpu
