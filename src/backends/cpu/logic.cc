// Logic of booleans.
#include <array>

#include "backends/cpu/broadcast.h"

namespace hone::cpu {
namespace {

template <class F>
Status zip(Call& c, ThreadPool& pool, F f) {
  Tensor& y = *TRY(c.out(0));
  const std::array<const Tensor*, 2> operands{&c.in(0), &c.in(1)};
  const Broadcast walk(y.shape(), operands);
  const auto* a = reinterpret_cast<const uint8_t*>(c.in(0).data());
  const auto* b = reinterpret_cast<const uint8_t*>(c.in(1).data());
  auto* out = reinterpret_cast<uint8_t*>(y.mutable_data());
  walk.each_row(pool, kGrain, [&](int64_t to, int64_t n, const int64_t* from) {
    const int64_t a_step = walk.step(0), b_step = walk.step(1);
    for (int64_t i = 0; i < n; ++i)
      out[to + i] = f(a[from[0] + i * a_step], b[from[1] + i * b_step]);
  });
  return ok();
}

Status run_and(Call& c, ThreadPool& pool) {
  return zip(c, pool, [](uint8_t a, uint8_t b) { return uint8_t(a & b); });
}
Status run_or(Call& c, ThreadPool& pool) {
  return zip(c, pool, [](uint8_t a, uint8_t b) { return uint8_t(a | b); });
}
Status run_xor(Call& c, ThreadPool& pool) {
  return zip(c, pool, [](uint8_t a, uint8_t b) { return uint8_t(a ^ b); });
}
Status run_not(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  const auto* x = reinterpret_cast<const uint8_t*>(c.in(0).data());
  auto* out = reinterpret_cast<uint8_t*>(y.mutable_data());
  pool.parallel_for(y.count(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = x[i] ^ 1;
  });
  return ok();
}

Support any(const Graph&, const Node&) { return yes(); }

}  // namespace

const CpuKernel and_kernel{"and", any, run_and};
const CpuKernel not_kernel{"not", any, run_not};
const CpuKernel or_kernel{"or", any, run_or};
const CpuKernel xor_kernel{"xor", any, run_xor};

}  // namespace hone::cpu
