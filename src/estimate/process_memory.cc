#include "estimate/process_memory.h"

#include <algorithm>

#include "base/checked.h"
#include "estimate/family.h"
#include "kernels/winograd/features.h"

namespace hone::estimate {
namespace {

// Of `hone worker` on x86-64 Linux, release builds: the process when it has started, and the pages
// of code and tables that opening and running any model touches.
constexpr double kStarted = 12.5e6, kCode = 6.4e6;
// What is kept of a step: the node, its types, kernel, plan, and names.
constexpr double kStep = 5e3;

// Floats that one run of a convolution by Winograd's way takes.
double winograd_bytes(const Step& step, int threads, double columns) {
  const Shape &x = step.in->at(0).type->tensor.shape, &y = step.out->front().tensor.shape;
  if (x.rank() != 4 || y.rank() != 4) return 0;
  const auto extent = [](const Shape& s, size_t axis) {
    return double(s.dims[axis].constant().value_or(0));
  };
  kernels::WinogradShape shape{extent(y, 0), extent(y, 1), extent(y, 2), extent(x, 3),
                               extent(y, 3)};
  shape.columns = columns;
  return kernels::winograd_scratch_bytes(shape, threads);
}

// Of tables that stay in the mapped file, a page is resident where a row of it is read.
double untouched_bytes(const Step& step, const Graph& graph) {
  if (step.op->name.find("gather") == std::string_view::npos || step.touches.empty()) return 0;
  const auto table = graph[step.node].inputs[0];
  if (!table.valid() || graph[table].kind != Value::Kind::constant ||
      graph[table].users.size() != 1)
    return 0;
  const TensorType& type = step.in->at(0).type->tensor;
  const auto shape = type.shape.fixed();
  const auto count = shape ? checked_product(*shape) : std::nullopt;
  const double all = count ? double(bytes_for(type.dtype, *count).value_or(0)) : 0;
  constexpr double kReadAhead = 64e3;  // around a page that is missing
  return type.encoding.is_dense() && all > kReadAhead
             ? std::max(0.0, all - std::max(kReadAhead, step.touches[0].bytes))
             : 0;
}

}  // namespace

ProcessMemory process_memory(const Workload& w, int threads, double columns) {
  ProcessMemory m;
  m.program = kStarted + kCode + kStep * double(w.step_count());
  m.weights = double(w.weight_bytes);
  m.arenas = double(w.arena_bytes + w.nested_arena_bytes);
  m.states = double(w.state_bytes);
  // Inputs lie with who gives them and with the session; outputs are made, copied for the caller,
  // and handed on.
  m.handed_over = 2.0 * double(w.input_bytes) + 3.0 * double(w.output_bytes);
  // Blocks are used again: as many as one step needs.
  const Model& model = w.program->model();
  w.each_step([&](const Step& step, double, size_t, const NestedRun* nested) {
    if (step.nothing || !step.known || step.control) return;
    m.weights -= untouched_bytes(step, nested ? model.graphs[nested->graph.index] : model.main());
    if (family_of(step).name == "winograd")
      m.scratch = std::max(m.scratch, winograd_bytes(step, threads, columns));
  });
  return m;
}

}  // namespace hone::estimate
