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
    std::vector<uint32_t> release;       // values not needed after this step
  };

  static Result<std::unique_ptr<Specialization>> make(const Program& program, GraphId graph,
                                                      const Types& inputs, const Types& states);

  const std::vector<Step>& steps() const { return steps_; }
  int64_t arena_bytes() const { return arena_bytes_; }
  int64_t peak_live_bytes() const { return peak_live_bytes_; }
  const Type& type(ValueId v) const { return types_[v.index]; }

 private:
  Status infer(const Program& program, GraphId graph, const Types& inputs, const Types& states);
  Status infer_step(const Program& program, const Graph& graph, Step& step);
  void place_values(const Program& program, GraphId graph);

  Types types_;                              // by value
  std::vector<std::optional<Known>> known_;  // by value
  std::vector<Step> steps_;
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

}  // namespace hone
