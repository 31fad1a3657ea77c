// Operators that move whole elements of any dtype: concat, split, gather.
#include "backends/cpu/movement.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "backends/cpu/cpu.h"

namespace hone::cpu {

Support whole_bytes(const Graph& graph, const Node& node) {
  const DType d = graph[node.outputs[0]].type.tensor.dtype;
  if (bits(d) < 8) return no("no kernel for " + std::string(name(d)));
  return yes();
}

size_t width_of(const Tensor& t) { return size_t(bits(t.dtype())) / 8; }

namespace {

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

const CpuKernel concat_kernel{"concat", whole_bytes, run_concat};
const CpuKernel split_kernel{"split", whole_bytes, run_split};
const CpuKernel gather_kernel{"gather", whole_bytes, run_gather, CpuKernel::InPlace::none, true};

}  // namespace hone::cpu
