// Element-wise functions of one input, beyond those of elementwise.cc.
#include "kernels/functions/functions.h"

#include <cmath>

#include "backends/cpu/unary.h"
#include "ops/common.h"

namespace hone::cpu {
namespace {

using kernels::Function;

Status mapped(Call& c, ThreadPool& pool, Function f, float a = 0, float b = 0) {
  return map_pieces(c, pool, [=](const float* x, float* y, int64_t n) {
    kernels::function_kernels().map(f, a, b, x, y, n);
  });
}

template <Function f>
Status plain(Call& c, ThreadPool& pool) {
  return mapped(c, pool, f);
}
template <Function f>
Status with_alpha(Call& c, ThreadPool& pool) {
  return mapped(c, pool, f, float(c.real("alpha")));
}

// Rare functions, by the C library.
template <float (*f)(float)>
Status library(Call& c, ThreadPool& pool) {
  return map_pieces(c, pool, [](const float* x, float* y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
  });
}

Support accepts_celu(const Graph& graph, const Node& node) {
  if (!(Infer(*node.op, node.attrs, {}, 1).real("alpha") > 0)) return no("only positive alpha");
  return f32_only(graph, node);
}

Status run_hard_sigmoid(Call& c, ThreadPool& pool) {
  return mapped(c, pool, Function::hard_sigmoid, float(c.real("alpha")), float(c.real("beta")));
}
Status run_selu(Call& c, ThreadPool& pool) {
  return mapped(c, pool, Function::selu, float(c.real("alpha")), float(c.real("gamma")));
}
Status run_shrink(Call& c, ThreadPool& pool) {
  return mapped(c, pool, Function::shrink, float(c.real("bias")), float(c.real("lambd")));
}

}  // namespace

const CpuKernel acos_kernel{"acos", f32_only, library<std::acos>};
const CpuKernel asin_kernel{"asin", f32_only, library<std::asin>};
const CpuKernel atan_kernel{"atan", f32_only, library<std::atan>};
const CpuKernel ceil_kernel{"ceil", f32_only, plain<Function::ceiling>};
const CpuKernel celu_kernel{"celu", accepts_celu, with_alpha<Function::celu>};
const CpuKernel cos_kernel{"cos", f32_only, library<std::cos>};
const CpuKernel elu_kernel{"elu", f32_only, with_alpha<Function::elu>};
const CpuKernel floor_kernel{"floor", f32_only, plain<Function::floor>};
const CpuKernel hard_sigmoid_kernel{"hard_sigmoid", f32_only, run_hard_sigmoid};
const CpuKernel hard_swish_kernel{"hard_swish", f32_only, plain<Function::hard_swish>};
const CpuKernel leaky_relu_kernel{"leaky_relu", f32_only, with_alpha<Function::leaky_relu>};
const CpuKernel log_kernel{"log", f32_only, plain<Function::logarithm>};
const CpuKernel mish_kernel{"mish", f32_only, plain<Function::mish>};
const CpuKernel reciprocal_kernel{"reciprocal", f32_only, plain<Function::reciprocal>};
const CpuKernel round_kernel{"round", f32_only, plain<Function::round>};
const CpuKernel selu_kernel{"selu", f32_only, run_selu};
const CpuKernel shrink_kernel{"shrink", f32_only, run_shrink};
const CpuKernel sign_kernel{"sign", f32_only, plain<Function::sign>};
const CpuKernel sin_kernel{"sin", f32_only, library<std::sin>};
const CpuKernel softplus_kernel{"softplus", f32_only, plain<Function::softplus>};
const CpuKernel softsign_kernel{"softsign", f32_only, plain<Function::softsign>};
const CpuKernel swish_kernel{"swish", f32_only, with_alpha<Function::swish>};
const CpuKernel tan_kernel{"tan", f32_only, library<std::tan>};
const CpuKernel thresholded_relu_kernel{"thresholded_relu", f32_only,
                                        with_alpha<Function::thresholded_relu>};

}  // namespace hone::cpu
