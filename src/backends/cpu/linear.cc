// Products with packed matrices.
#include "backends/cpu/cpu.h"
#include "backends/cpu/epilogue.h"
#include "backends/cpu/products.h"
#include "kernels/gemm/gemm.h"
#include "kernels/instruction_set.h"

namespace hone::cpu {
namespace {

Status run(Call& c, ThreadPool& pool) {
  const kernels::GemmKernel& kernel = kernels::gemm_kernel();
  const Tensor &x = c.in(0), &panels = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (panels.rank() != 3 || panels.shape()[2] != kernel.columns) return not_accepted(c);
  if (y.count() == 0) return ok();
  const int64_t depth = panels.shape()[1], n = y.shape().back(), m = y.count() / n;
  kernels::Product p;
  p.a = {x.as<float>().data(), depth, depth};
  p.b = panels.as<float>().data();
  p.c = y.as<float>().data();
  p.c_row = n;
  p.m = m;
  p.n = n;
  p.epilogue = epilogue_of(c, n);
  multiply_all({&p, 1}, c, pool);
  return ok();
}

Support accepts(const Graph& graph, const Node& node) {
  const Shape& panels = graph[node.inputs[1]].type.tensor.shape;
  if (!panels.ranked || panels.rank() != 3 || !panels.dims[2].is(kernels::gemm_kernel().columns))
    return no("panels of another width than this machine's " +
              std::to_string(kernels::gemm_kernel().columns));
  return f32_only(graph, node);
}

}  // namespace

const CpuKernel linear_kernel{"linear", accepts, run, CpuKernel::InPlace::residual};

std::string lowering() {
  using kernels::InstructionSet;
  const std::string width = "width=" + std::to_string(kernels::gemm_kernel().columns);
  const InstructionSet set = kernels::instruction_set();
  // Without dot products of bytes, bytes are faster for few products only; nibbles are from AVX2
  // on.
  const bool portable = set == InstructionSet::portable;
  const bool dots = set == InstructionSet::avx2vnni || set >= InstructionSet::avx512vnni;
  const std::string bytes = std::string(dots       ? "("
                                        : portable ? "(prefer=reals, "
                                                   : "(prefer=few, ") +
                            width + ")";
  const std::string blocks = std::string(portable ? "(prefer=reals, " : "(") + width + ")";
  return "collect, widen, lower_attention, move_bytes, lower_quantized" + bytes +
         ", lower_quantized_conv" + bytes + ", lower_conv(" + width +
         "), spread_channels_last, canonicalize, make_unsigned, read_channels_first, "
         "fuse_separable, lower_linear" +
         blocks + ", fuse_elementwise, find_ranges, sweep";
}

std::string target() {
  // To be counted up when packed weights, or the operators that take them, change.
  constexpr int kVersion = 8;
  return "cpu " + std::to_string(kVersion) + " " + std::string(name(kernels::vectors()));
}

}  // namespace hone::cpu
