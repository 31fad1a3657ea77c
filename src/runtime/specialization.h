// A graph planned for one set of input types: steps with known shapes get places in an arena.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "ir/model.h"
#include "runtime/program.h"

namespace hone {

// Types and known elements of all values of a graph for given inputs, and the arena they need.
// A step whose output types are all fixed is `planned`; the others are inferred again when they
// run and allocate on their own.
class Specialization {
 public:
  struct Step {
    NodeId node;
    bool planned = false;
    Types out_types;                     // of a planned step
    std::vector<Infer::Input> in_types;  // of a planned step; points into types()
    std::vector<int64_t> offsets;        // by output: in the arena, or -1: on its own
    int32_t in_place = -1;               // input in whose place the only output is written
    int64_t row_step = 0;                // Call::row_step
    int32_t in_state = -1;               // state in whose memory the only output is written
    // The outputs are there already, as parts of an input or made of inputs that were put there;
    // but for some inputs, which are copied to these offsets.
    bool there = false;
    struct Copy {
      size_t input;
      int64_t offset;
    };
    std::vector<Copy> copies;
    std::vector<uint32_t> release;  // values not needed after this step
  };

  static Result<std::unique_ptr<Specialization>> make(const Program& program, GraphId graph,
                                                      const Types& inputs, const Types& states);

  const std::vector<Step>& steps() const { return steps_; }
  int64_t arena_bytes() const { return arena_bytes_; }
  int64_t peak_live_bytes() const { return peak_live_bytes_; }
  // Values that no step releases: inputs, states, what outlives the run, what nothing uses.
  const std::vector<uint32_t>& kept() const { return kept_; }
  const Type& type(ValueId v) const { return types_[v.index]; }

 private:
  Status infer(const Program& program, GraphId graph, const Types& inputs, const Types& states);
  Status infer_step(const Program& program, const Graph& graph, Step& step);
  Status place_values(const Program& program, GraphId graph);

  Types types_;                              // by value
  std::vector<std::optional<Known>> known_;  // by value
  std::vector<Step> steps_;
  std::vector<uint32_t> kept_;
  int64_t arena_bytes_ = 0, peak_live_bytes_ = 0;
};

// What is given for an input or a state of a graph.
struct Given {
  const Value* port = nullptr;
  Type type;
};
// The values of symbols that make all that is given fit what is declared; those in `bindings`
// stand. Fails with `bad_data`, naming the port and the axis.
Status bind_symbols(const std::vector<Given>& given, Dim::Bindings& bindings);

// For a value that turns out to be of a type that its type in the model rules out. The model's may
// come from a note in a file that nothing has proven, and kernels were chosen by it.
Error not_as_declared(const Value& value, const Type& actual);

}  // namespace hone
