// Element-wise functions of one input, and arithmetic of two with broadcasting.
#include <algorithm>
#include <cmath>

#include "backends/cpu/unary.h"
#include "kernels/rows/rows.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

using kernels::Binary;
using kernels::Unary;

template <Unary kFunction>
Status unary(Call& c, ThreadPool& pool) {
  return map_pieces(c, pool, [](const float* x, float* y, int64_t n) {
    kernels::row_kernels().unary(kFunction, x, y, n);
  });
}

// How the innermost run of a broadcast walks: both operands move, or one stands still.
void run_row(Binary f, const float* a, int64_t a_step, const float* b, int64_t b_step, float* y,
             int64_t n) {
  if (a_step <= 1 && b_step <= 1)
    return kernels::row_kernels().binary(f, a, a_step, b, b_step, y, n);
  for (int64_t i = 0; i < n; ++i)
    kernels::row_kernels().binary(f, a + i * a_step, 0, b + i * b_step, 0, y + i, 1);
}

// Axes merged where both operands walk them as one.
struct Walk {
  Extents shape;
  std::vector<int64_t> a, b;
};
Walk merged(const Extents& shape, const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  Walk w;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    if (!w.shape.empty() && w.a.back() == a[i] * shape[i] && w.b.back() == b[i] * shape[i]) {
      w.shape.back() *= shape[i];
      w.a.back() = a[i];
      w.b.back() = b[i];
      continue;
    }
    w.shape.push_back(shape[i]);
    w.a.push_back(a[i]);
    w.b.push_back(b[i]);
  }
  if (w.shape.empty()) w = {{1}, {0}, {0}};
  return w;
}

template <Binary f>
Status zip(Call& c, ThreadPool& pool) {
  const Tensor &a = c.in(0), &b = c.in(1);
  Tensor& out = *TRY(c.out(0));
  if (out.count() == 0) return ok();
  const Walk w = merged(out.shape(), broadcast_strides(a.shape(), out.shape()),
                        broadcast_strides(b.shape(), out.shape()));
  const float *pa = a.as<float>().data(), *pb = b.as<float>().data();
  float* y = out.as<float>().data();
  const int64_t n = w.shape.back(), rows = out.count() / n;
  if (rows == 1) {
    pool.parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
      run_row(f, pa + begin * w.a.back(), w.a.back(), pb + begin * w.b.back(), w.b.back(),
              y + begin, end - begin);
    });
    return ok();
  }
  pool.parallel_for(rows, std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int64_t rest = row, at_a = 0, at_b = 0;
      for (size_t axis = w.shape.size() - 1; axis-- > 0;) {
        at_a += rest % w.shape[axis] * w.a[axis];
        at_b += rest % w.shape[axis] * w.b[axis];
        rest /= w.shape[axis];
      }
      run_row(f, pa + at_a, w.a.back(), pb + at_b, w.b.back(), y + row * n, n);
    }
  });
  return ok();
}

Status run_clip(Call& c, ThreadPool& pool) {
  const float low = c.has(1) ? c.in(1).as<float>()[0] : -INFINITY;
  const float high = c.has(2) ? c.in(2).as<float>()[0] : INFINITY;
  // NaN passes through; where low > high, high wins.
  return map_pieces(c, pool, [=](const float* x, float* y, int64_t n) {
    kernels::row_kernels().clip(x, low, high, y, n);
  });
}

Status run_gelu(Call& c, ThreadPool& pool) {
  return c.text("approximate") == "tanh" ? unary<Unary::gelu_tanh>(c, pool)
                                         : unary<Unary::gelu>(c, pool);
}

constexpr auto kFirst = CpuKernel::InPlace::first, kAny = CpuKernel::InPlace::any;

}  // namespace

const CpuKernel abs_kernel{"abs", f32_only, unary<Unary::abs>, kFirst};
const CpuKernel clip_kernel{"clip", f32_only, run_clip, kFirst};
const CpuKernel erf_kernel{"erf", f32_only, unary<Unary::erf>, kFirst};
const CpuKernel exp_kernel{"exp", f32_only, unary<Unary::exp>, kFirst};
const CpuKernel gelu_kernel{"gelu", f32_only, run_gelu, kFirst};
const CpuKernel neg_kernel{"neg", f32_only, unary<Unary::neg>, kFirst};
const CpuKernel relu_kernel{"relu", f32_only, unary<Unary::relu>, kFirst};
const CpuKernel sigmoid_kernel{"sigmoid", f32_only, unary<Unary::sigmoid>, kFirst};
const CpuKernel sqrt_kernel{"sqrt", f32_only, unary<Unary::sqrt>, kFirst};
const CpuKernel tanh_kernel{"tanh", f32_only, unary<Unary::tanh>, kFirst};
const CpuKernel add_kernel{"add", f32_only, zip<Binary::add>, kAny};
const CpuKernel sub_kernel{"sub", f32_only, zip<Binary::sub>, kAny};
const CpuKernel mul_kernel{"mul", f32_only, zip<Binary::mul>, kAny};
const CpuKernel div_kernel{"div", f32_only, zip<Binary::div>, kAny};

}  // namespace hone::cpu
