// Products with packed matrices, and their columns.
#include "backends/cpu/cpu.h"
#include "backends/cpu/epilogue.h"
#include "backends/cpu/products.h"
#include "kernels/gemm/gemm.h"
#include "kernels/instruction_set.h"
#include "ops/movement.h"

namespace hone::cpu {
namespace {

kernels::Stored stored(DType dtype) {
  using kernels::Stored;
  return dtype == DType::f16 ? Stored::f16 : dtype == DType::bf16 ? Stored::bf16 : Stored::f32;
}

Status run(Call& c, ThreadPool& pool) {
  const kernels::GemmKernel& kernel = kernels::gemm_kernel();
  const Tensor &x = c.in(0), &panels = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (panels.rank() != 3 || panels.shape()[2] != kernel.columns) return not_accepted(c);
  if (y.count() == 0) return ok();
  const int64_t depth = panels.shape()[1], n = y.shape().back(), m = y.count() / n;
  kernels::Product p;
  p.a = {x.as<float>().data(), depth, depth};
  p.b = panels.data();
  p.stored = stored(panels.dtype());
  p.c = y.as<float>().data();
  p.c_row = n;
  p.m = m;
  p.n = n;
  p.epilogue = epilogue_of(c, n);
  multiply_all({&p, 1}, c, pool);
  return ok();
}

Support accepts(const Graph& graph, const Node& node) {
  const TensorType& weights = graph[node.inputs[1]].type.tensor;
  const Shape& panels = weights.shape;
  if (!panels.ranked || panels.rank() != 3 || !panels.dims[2].is(kernels::gemm_kernel().columns))
    return no("panels of another width than this machine's " +
              std::to_string(kernels::gemm_kernel().columns));
  if (!(DType::f32 | DType::f16 | DType::bf16).has(weights.dtype))
    return no("panels of " + std::string(name(weights.dtype)));
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId v = node.inputs[i];
    if (i != 1 && v.valid() && graph[v].type.tensor.dtype != DType::f32) return no("only f32");
  }
  return yes();
}

// Columns of panels: one element of each row, of elements of some size.
template <class T>
void gather_columns(const Tensor& panels, const Integers& columns, std::byte* y, ThreadPool& pool) {
  const int64_t depth = panels.shape()[1], width = panels.shape()[2];
  const auto* from = reinterpret_cast<const T*>(panels.data());
  pool.parallel_for(int64_t(columns.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = columns[size_t(i)];
      const T* at = from + column / width * depth * width + column % width;
      T* to = reinterpret_cast<T*>(y) + i * depth;
      for (int64_t k = 0; k < depth; ++k) to[k] = at[k * width];
    }
  });
}

Status run_gather(Call& c, ThreadPool& pool) {
  const Tensor& panels = c.in(1);
  Tensor& y = *TRY(c.out(0));
  const Integers at = TRY(normal_indices(c, c.in(0), c.integer("columns")));
  switch (bytes_for(panels.dtype(), 1).value_or(0)) {
    case 2: gather_columns<uint16_t>(panels, at, y.mutable_data(), pool); break;
    case 4: gather_columns<uint32_t>(panels, at, y.mutable_data(), pool); break;
    default: gather_columns<uint64_t>(panels, at, y.mutable_data(), pool);
  }
  return ok();
}

Support accepts_any(const Graph&, const Node&) { return yes(); }

}  // namespace

const CpuKernel linear_kernel{"linear", accepts, run, CpuKernel::InPlace::residual};
const CpuKernel linear_gather_kernel{"linear_gather", accepts_any, run_gather};

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
         blocks + ", fuse_quantization, fuse_elementwise, find_ranges, sweep";
}

std::string target() {
  // To be counted up when packed weights, or the operators that take them, change.
  constexpr int kVersion = 13;
  return "cpu " + std::to_string(kVersion) + " " + std::string(name(kernels::vectors()));
}

}  // namespace hone::cpu
