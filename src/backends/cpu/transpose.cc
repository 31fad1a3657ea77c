// Axes in another order.
#include "backends/cpu/movement.h"
#include "backends/cpu/strided_copy.h"

namespace hone::cpu {
namespace {

Status run_transpose(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const std::vector<int64_t> from = strides_of(x.shape()), to = strides_of(y.shape());
  StridedCopy copy;
  size_t i = 0;
  for (const int64_t axis : TRY(permutation(c, int64_t(x.rank()))))
    copy.add(x.shape()[size_t(axis)], from[size_t(axis)], to[i++]);
  run(copy, width_of(x), x.data(), y.mutable_data(), pool);
  return ok();
}

}  // namespace

const CpuKernel transpose_kernel{"transpose", whole_bytes, run_transpose};

}  // namespace hone::cpu
