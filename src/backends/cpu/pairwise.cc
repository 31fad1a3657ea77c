// Element-wise functions of several inputs with broadcasting, beyond those of elementwise.cc:
// powers, extrema, sums and means of several tensors, comparisons and choices.
#include <array>
#include <cstring>

#include "backends/cpu/broadcast.h"
#include "backends/cpu/movement.h"
#include "kernels/functions/functions.h"
#include "kernels/rows/rows.h"

namespace hone::cpu {
namespace {

using kernels::Pairwise;
using kernels::Relation;

// y = f(a, b): f gets rows as the kernels take them.
template <class Out, class F>
void zip_rows(const Tensor& a, const Tensor& b, Tensor& y, ThreadPool& pool, F f) {
  const std::array<const Tensor*, 2> operands{&a, &b};
  const Broadcast walk(y.shape(), operands);
  const float *pa = a.as<float>().data(), *pb = b.as<float>().data();
  Out* out = reinterpret_cast<Out*>(y.mutable_data());
  walk.each_row(pool, kGrain, [&](int64_t to, int64_t n, const int64_t* from) {
    f(pa + from[0], walk.step(0), pb + from[1], walk.step(1), out + to, n);
  });
}

template <Pairwise f>
Status pairwise(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  zip_rows<float>(c.in(0), c.in(1), y, pool,
                  [](auto... row) { kernels::function_kernels().pairwise(f, row...); });
  return ok();
}

Status run_pow(Call& c, ThreadPool& pool) {
  const Tensor& e = c.in(1);
  if (e.count() != 1 || e.as<float>()[0] != 2.0f) return pairwise<Pairwise::power>(c, pool);
  Tensor& y = *TRY(c.out(0));
  if (y.count() != c.in(0).count()) return pairwise<Pairwise::power>(c, pool);
  const float* x = c.in(0).as<float>().data();
  float* out = y.as<float>().data();
  pool.parallel_for(y.count(), kGrain, [&](int64_t begin, int64_t end) {
    kernels::function_kernels().map(kernels::Function::square, 0, 0, x + begin, out + begin,
                                    end - begin);
  });
  return ok();
}

// f of all inputs, one after the other; of a single one, f with itself is that one.
template <class F>
Status fold(Call& c, ThreadPool& pool, Tensor& y, F f) {
  if (c.inputs() == 1) {
    const size_t bytes = size_t(y.count()) * sizeof(float);
    if (bytes > 0) std::memcpy(y.mutable_data(), c.in(0).data(), bytes);
    return ok();
  }
  zip_rows<float>(c.in(0), c.in(1), y, pool, f);
  for (size_t i = 2; i < c.inputs(); ++i) zip_rows<float>(y, c.in(i), y, pool, f);
  return ok();
}

template <Pairwise f>
Status extremum(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  return fold(c, pool, y, [](auto... row) { kernels::function_kernels().pairwise(f, row...); });
}

Status sum_of(Call& c, ThreadPool& pool, Tensor& y) {
  return fold(
      c, pool, y,
      [](const float* a, int64_t a_step, const float* b, int64_t b_step, float* out, int64_t n) {
        kernels::row_kernels().binary(kernels::Binary::add, a, a_step, b, b_step, out, n);
      });
}

Status run_sum(Call& c, ThreadPool& pool) { return sum_of(c, pool, *TRY(c.out(0))); }

Status run_mean(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  TRY(sum_of(c, pool, y));
  const auto count = float(c.inputs());
  float* out = y.as<float>().data();
  pool.parallel_for(y.count(), kGrain, [&](int64_t begin, int64_t end) {
    kernels::row_kernels().binary(kernels::Binary::div, out + begin, 1, &count, 0, out + begin,
                                  end - begin);
  });
  return ok();
}

Support f32_inputs(const Graph& graph, const Node& node) {
  for (ValueId v : node.inputs)
    if (graph[v].type.tensor.dtype != DType::f32) return no("only f32");
  return yes();
}

template <Relation r>
Status compare(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  zip_rows<uint8_t>(c.in(0), c.in(1), y, pool,
                    [](auto... row) { kernels::function_kernels().compare(r, row...); });
  return ok();
}

template <class T>
void choose(const Broadcast& walk, const uint8_t* condition, const std::byte* a, const std::byte* b,
            std::byte* y, ThreadPool& pool) {
  const T *pa = reinterpret_cast<const T*>(a), *pb = reinterpret_cast<const T*>(b);
  T* out = reinterpret_cast<T*>(y);
  walk.each_row(pool, kGrain, [&](int64_t to, int64_t n, const int64_t* from) {
    const uint8_t* flags = condition + from[0];
    const T *p = pa + from[1], *q = pb + from[2];
    if constexpr (std::is_same_v<T, float>) {
      kernels::function_kernels().choose(flags, walk.step(0), p, walk.step(1), q, walk.step(2),
                                         out + to, n);
      return;
    }
    for (int64_t i = 0; i < n; ++i)
      out[to + i] = flags[i * walk.step(0)] ? p[i * walk.step(1)] : q[i * walk.step(2)];
  });
}

Status run_where(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  const std::array<const Tensor*, 3> operands{&c.in(0), &c.in(1), &c.in(2)};
  const Broadcast walk(y.shape(), operands);
  const auto* condition = reinterpret_cast<const uint8_t*>(c.in(0).data());
  const auto with = [&]<class T>() {
    choose<T>(walk, condition, c.in(1).data(), c.in(2).data(), y.mutable_data(), pool);
    return ok();
  };
  switch (width_of(y)) {
    case 1: return with.operator()<uint8_t>();
    case 2: return with.operator()<uint16_t>();
    case 4: return with.operator()<float>();
    case 8: return with.operator()<uint64_t>();
    default: return not_accepted(c);
  }
}

Support accepts_where(const Graph& graph, const Node& node) {
  if (bits(graph[node.outputs[0]].type.tensor.dtype) > 64) return no("only up to 8 bytes");
  return whole_bytes(graph, node);
}

}  // namespace

const CpuKernel equal_kernel{"equal", f32_inputs, compare<Relation::equal>};
const CpuKernel greater_kernel{"greater", f32_inputs, compare<Relation::greater>};
const CpuKernel greater_or_equal_kernel{"greater_or_equal", f32_inputs,
                                        compare<Relation::greater_or_equal>};
const CpuKernel less_kernel{"less", f32_inputs, compare<Relation::less>};
const CpuKernel less_or_equal_kernel{"less_or_equal", f32_inputs, compare<Relation::less_or_equal>};
const CpuKernel max_kernel{"max", f32_only, extremum<Pairwise::maximum>};
const CpuKernel mean_kernel{"mean", f32_only, run_mean};
const CpuKernel min_kernel{"min", f32_only, extremum<Pairwise::minimum>};
const CpuKernel pow_kernel{"pow", f32_only, run_pow};
const CpuKernel prelu_kernel{"prelu", f32_only, pairwise<Pairwise::prelu>};
const CpuKernel sum_kernel{"sum", f32_only, run_sum};
const CpuKernel where_kernel{"where", accepts_where, run_where};

}  // namespace hone::cpu
