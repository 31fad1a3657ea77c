// Arithmetic sequences, and the extents of tensors: few numbers that are counted, not computed.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/cpu/cpu.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

// max(ceil((limit - start) / delta), 0), delta not 0; none on overflow.
std::optional<int64_t> integer_count(int64_t start, int64_t limit, int64_t delta) {
  using Wide = __int128;
  const Wide sign = delta < 0 ? -1 : 1, step = sign * delta,
             distance = sign * (Wide(limit) - start);
  const Wide count = distance <= 0 ? Wide{0} : (distance + step - 1) / step;
  if (count > std::numeric_limits<int64_t>::max()) return std::nullopt;
  return int64_t(count);
}

template <class T>
Status integers(Call& c, ThreadPool& pool) {
  const T start = c.in(0).as<T>()[0], limit = c.in(1).as<T>()[0], delta = c.in(2).as<T>()[0];
  if (delta == 0) return value_error(c, "delta is 0");
  const auto count = integer_count(start, limit, delta);
  if (!count) return value_error(c, "the number of elements overflows");
  T* y = TRY(c.out(0, {*count}))->template as<T>().data();
  pool.parallel_for(*count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      y[i] = T(uint64_t(start) + uint64_t(i) * uint64_t(delta));  // as they lie: no overflow
  });
  return ok();
}

// In double, rounded once.
Status reals(Call& c, ThreadPool& pool) {
  const double start = c.in(0).as<float>()[0], delta = c.in(2).as<float>()[0];
  const double count = std::ceil((double(c.in(1).as<float>()[0]) - start) / delta);
  if (std::isnan(count) || count >= 0x1p62)
    return value_error(c, "the number of elements is " + std::to_string(count));
  const int64_t elements = count > 0 ? int64_t(count) : 0;
  float* y = TRY(c.out(0, {elements}))->as<float>().data();
  pool.parallel_for(elements, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = float(start + double(i) * delta);
  });
  return ok();
}

Status run_range(Call& c, ThreadPool& pool) {
  switch (c.dtype(0)) {
    case DType::i16: return integers<int16_t>(c, pool);
    case DType::i32: return integers<int32_t>(c, pool);
    case DType::i64: return integers<int64_t>(c, pool);
    default: return reals(c, pool);
  }
}

Support accepts_range(const Graph& graph, const Node& node) {
  const DType dtype = graph[node.inputs[0]].type.tensor.dtype;
  constexpr DTypes kTaken = DType::f32 | DType::i16 | DType::i32 | DTypes(DType::i64);
  return kTaken.has(dtype) ? yes() : no("not " + std::string(name(dtype)));
}

// [start, end) of the extents; negative bounds count from the end, both are clamped.
Status run_shape(Call& c, ThreadPool&) {
  const Extents& extents = c.in(0).shape();
  const auto rank = int64_t(extents.size());
  const auto clamp = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const int64_t start = clamp(c.integer("start"));
  const int64_t end = c.given("end") ? std::max(start, clamp(c.integer("end"))) : rank;
  int64_t* y = TRY(c.out(0))->as<int64_t>().data();
  std::copy(extents.begin() + start, extents.begin() + end, y);
  return ok();
}

Status run_size(Call& c, ThreadPool&) {
  TRY(c.out(0))->as<int64_t>()[0] = c.in(0).count();
  return ok();
}

Support accepts_any(const Graph&, const Node&) { return yes(); }

}  // namespace

const CpuKernel range_kernel{"range", accepts_range, run_range};
const CpuKernel shape_kernel{"shape", accepts_any, run_shape};
const CpuKernel size_kernel{"size", accepts_any, run_size};

}  // namespace hone::cpu
