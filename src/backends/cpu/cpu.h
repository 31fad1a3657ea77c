// The fast executor for CPUs: one kernel for each operator it knows, threads over blocks.
#pragma once

#include <string>

#include "base/thread_pool.h"
#include "runtime/backend.h"

namespace hone::cpu {

// One operator. `accepts` looks at types and attributes; at run time types are those or sharper:
// the executor fails a run in which a value is not of its type in the graph.
struct CpuKernel {
  std::string_view op;
  Support (*accepts)(const Graph& graph, const Node& node);
  Status (*run)(Call& c, ThreadPool& pool);
  // Over which inputs of the same size may the only output be written?
  enum class InPlace : uint8_t { none, first, any, residual } in_place = InPlace::none;
  bool first_at_any_address = false;  // Kernel::reads_at_any_address, of the first input
  bool spaces_rows = false;           // Kernel::spaces_rows
};

// Conditions that several kernels share.
Support yes();
Support no(std::string reason);
// All tensor inputs and the first output hold f32.
Support f32_only(const Graph& graph, const Node& node);

// For a kernel that meets what it has not accepted; it relies on nothing that it can ask.
Error not_accepted(const Infer& c);

// The pipeline that brings a clean model into the form that suits this machine, and the kernels
// that take this form: "cpu 1 avx2".
std::string lowering();
std::string target();

// Elements that one piece of a parallel loop should have, so that starting it is worth while.
inline constexpr int64_t kGrain = 16384;

#define CPU(name) extern const CpuKernel name##_kernel;
#include "backends/cpu/kernels.def"
#undef CPU

}  // namespace hone::cpu
