#include "backends/cpu/cpu.h"

#include <array>

#include "backends/backends.h"
#include "kernels/instruction_set.h"

namespace hone {
namespace cpu {

Support yes() { return {true, {}}; }
Support no(std::string reason) { return {false, std::move(reason)}; }

Support f32_only(const Graph& graph, const Node& node) {
  for (ValueId v : node.inputs)
    if (v.valid() && graph[v].type.tensor.dtype != DType::f32)
      return no("only f32, not " + std::string(name(graph[v].type.tensor.dtype)));
  if (graph[node.outputs[0]].type.tensor.dtype != DType::f32) return no("only f32");
  return yes();
}

Error not_accepted(const Infer& c) {
  return fail(ErrorId::internal,
              std::string(c.op().name) + ": the cpu kernel was given what it does not accept");
}

namespace {

constexpr const CpuKernel* kKernels[] = {
#define CPU(name) &name##_kernel,
#include "backends/cpu/kernels.def"
#undef CPU
};

const CpuKernel* find(std::string_view op) {
  for (const CpuKernel* k : kKernels)
    if (k->op == op) return k;
  return nullptr;
}

// Another shape for the same bytes: nothing to compute.
class ViewKernel : public Kernel {
 public:
  explicit ViewKernel(const OpDef& op) : op_(op) {}
  Status run(Call& c, ThreadPool&) const override { return op_.reference(c); }
  bool overwrites() const override { return true; }

 private:
  const OpDef& op_;
};

class Runner : public Kernel {
 public:
  explicit Runner(const CpuKernel& kernel) : kernel_(kernel) {}
  Status run(Call& c, ThreadPool& pool) const override { return kernel_.run(c, pool); }
  bool overwrites() const override { return true; }
  bool in_place(size_t input) const override {
    return kernel_.in_place == CpuKernel::InPlace::any ||
           (kernel_.in_place == CpuKernel::InPlace::first && input == 0) ||
           (kernel_.in_place == CpuKernel::InPlace::residual && input == 3);
  }
  bool spaces_rows() const override { return kernel_.spaces_rows; }
  bool reads_at_any_address(size_t input) const override {
    return input == 0 && kernel_.first_at_any_address;
  }

 private:
  const CpuKernel& kernel_;
};

class CpuBackend : public Backend {
 public:
  std::string_view name() const override { return "cpu"; }
  std::string_view doc() const override {
    return "blocked loops on all threads, for f32 and integers of 8 bits; takes the best "
           "instruction set";
  }
  std::string lowering() const override { return cpu::lowering(); }
  std::string target() const override { return cpu::target(); }
  std::string timing() const override {
    // To be counted up when kernels that are chosen from become faster.
    constexpr int kVersion = 2;
    return cpu::target() + " " + std::string(kernels::name(kernels::instruction_set())) +
           " timing " + std::to_string(kVersion);
  }
  Support supports(const Model&, const Graph& graph, NodeId node) const override {
    if (graph[node].op->is(Trait::view)) return yes();
    const CpuKernel* kernel = find(graph[node].op->name);
    if (!kernel) return no("no kernel for " + std::string(graph[node].op->name));
    return kernel->accepts(graph, graph[node]);
  }
  Result<std::unique_ptr<Kernel>> prepare(const Model&, const Graph& graph,
                                          NodeId node) const override {
    const OpDef& op = *graph[node].op;
    if (op.is(Trait::view)) return std::unique_ptr<Kernel>(new ViewKernel(op));
    return std::unique_ptr<Kernel>(new Runner(*find(op.name)));
  }
};

}  // namespace
}  // namespace cpu

const Backend& cpu_backend() {
  static const cpu::CpuBackend backend;
  return backend;
}

}  // namespace hone
