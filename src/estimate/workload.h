// What one run of a planned graph does, step by step: how much is computed, which bytes are
// touched, and how long ago they were touched before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
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
  // Of a step whose shapes are known before it runs; both point into the specialization.
  const std::vector<Infer::Input>* in = nullptr;
  const Types* out = nullptr;
  bool known = false;    // are these shapes known?
  bool defined = false;  // runs by its definition: the first backend has no kernel for it
  bool nothing = false;  // another shape for the same bytes, or parts that lie in place already
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

struct Workload {
  std::shared_ptr<const Program> program;
  std::shared_ptr<const Specialization> plan;
  std::vector<Step> steps;               // in the order of running
  std::vector<ArenaValue> arena_values;  // in the order of being made
  int64_t arena_bytes = 0, peak_live_bytes = 0;
  int64_t input_bytes = 0, output_bytes = 0, state_bytes = 0, weight_bytes = 0;
  double macs = 0, flops = 0;
  std::vector<std::string> unknown;  // operators whose sizes only the data decide
};

// The entry graph for inputs and states of these types.
Result<Workload> workload_of(const std::shared_ptr<const Program>& program, const Types& inputs,
                             const Types& states);

}  // namespace hone::estimate
