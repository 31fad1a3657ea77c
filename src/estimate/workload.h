// What one run of a planned model does, step by step: how much is computed, which bytes are
// touched, and how long ago they were touched before.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "estimate/resolve.h"
#include "ir/op.h"
#include "runtime/program.h"
#include "runtime/specialization.h"

namespace hone::estimate {

// Bytes that a step reads or writes.
struct Touch {
  double bytes = 0;
  // Bytes that were touched since these were, in a program that runs again and again: who touches
  // less than a cache holds finds them there.
  double distance = 0;
  bool written = false;
  bool weights = false;  // of a constant
};

struct Step {
  NodeId node;
  const OpDef* op = nullptr;
  const Attrs* attrs = nullptr;
  std::string name;
  // Both point into the resolved graph.
  const std::vector<Infer::Input>* in = nullptr;
  const Types* out = nullptr;
  bool known = false;    // are these shapes known before it runs?
  bool control = false;  // runs nested graphs: their steps stand in Workload::nested
  // Nobody knows what all of it takes: sizes depend on the data, or how often a graph runs does.
  bool uncovered = false;
  bool defined = false;  // runs by its definition: the first backend has no kernel for it
  // Another shape for the same bytes, parts that lie in place already, a size that is told.
  bool nothing = false;
  double macs = 0, flops = 0;
  std::vector<Touch> touches;
  double code_distance =
      0;                   // bytes touched since a step of this operator ran: its code may be cold
  int64_t live_bytes = 0;  // of the arena while it runs

  Infer call(const Model& model) const { return Infer(*op, *attrs, *in, out->size(), &model); }
};

// A value with a place in the arena, alive from step `first` to step `last`, both included. Values
// that show or take over the bytes of others share places with them.
struct ArenaValue {
  ValueId value;
  int64_t offset = 0, bytes = 0;
  size_t first = 0, last = 0;
};

// A branch or a body, as it runs within a step of the entry graph, or of another nested graph.
struct NestedRun {
  GraphId graph;
  std::string name;  // of the graph
  size_t step = 0;   // of the entry graph, within which it runs
  double trips = 1;  // in one run of the model
  int64_t arena_bytes = 0;
  std::vector<Step> steps;
};

struct Workload {
  std::shared_ptr<const Program> program;
  std::shared_ptr<const ResolvedGraph> resolved;
  std::shared_ptr<const Specialization> plan;  // of the entry graph
  std::vector<Step> steps;                     // in the order of running
  std::vector<NestedRun> nested;               // in the order of running
  std::vector<ArenaValue> arena_values;        // in the order of being made
  int64_t arena_bytes = 0, peak_live_bytes = 0;
  // Executors of nested graphs have arenas of their own, which they keep between runs.
  int64_t nested_arena_bytes = 0;
  int64_t input_bytes = 0, output_bytes = 0, state_bytes = 0;
  int64_t weight_bytes = 0;  // of all graphs
  double macs = 0, flops = 0;
  std::vector<std::string> unknown;  // operators that are not covered, of all graphs
  std::vector<std::string> notes;    // what was assumed

  // Steps of all graphs, each with how often it runs and the step of the entry graph it is, or
  // runs within.
  template <class F>
  void each_step(F f) const {
    size_t next = 0;
    for (size_t i = 0; i < steps.size(); ++i) {
      f(steps[i], 1.0, i, static_cast<const NestedRun*>(nullptr));
      for (; next < nested.size() && nested[next].step == i; ++next)
        for (const Step& step : nested[next].steps) f(step, nested[next].trips, i, &nested[next]);
    }
  }
  size_t step_count() const {
    size_t count = steps.size();
    for (const NestedRun& n : nested) count += n.steps.size();
    return count;
  }
};

// The entry graph for inputs and states of these types. `known` has the elements of small integer
// inputs, by input, where they decide between branches; it may be shorter.
Result<Workload> workload_of(const std::shared_ptr<const Program>& program, const Types& inputs,
                             const Types& states,
                             const std::vector<std::optional<Known>>& known = {});

}  // namespace hone::estimate
