// Types of all values of a graph for given inputs, through the graphs that its steps run: what the
// plan of a graph leaves open where only a branch or a body tells it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ir/op.h"
#include "runtime/program.h"
#include "runtime/specialization.h"

namespace hone::estimate {

struct ResolvedGraph;

// Runs of a graph within one run of a step.
struct Trips {
  std::string_view attribute;  // "then", "body"
  std::shared_ptr<const ResolvedGraph> graph;
  double count = 1;
  bool at_least = false;  // it may run more often
};

struct ResolvedStep {
  std::vector<Infer::Input> in;  // points into the graph
  Types out;
  bool known = false;  // are all sizes?
  std::vector<Trips> trips;
  bool uncovered = false;  // of a step that runs graphs: it may take more than they do
  bool chosen = false;     // of an `if` that the data decide: the branch that takes more
};

struct ResolvedGraph {
  GraphId id;
  std::shared_ptr<const Specialization> plan;
  Types types;                              // by value
  std::vector<std::optional<Known>> known;  // by value
  std::vector<ResolvedStep> steps;          // as in the plan
  // Operations and bytes of all steps, those of nested graphs as often as they run: what branches
  // are compared by.
  double work = 0;
  bool covered = true;  // are all sizes known, and how often everything runs?
};

// `known` has small integer inputs whose elements are known, by input; it may be shorter.
// Fails where the graph cannot run with such inputs.
Result<std::shared_ptr<const ResolvedGraph>> resolve(
    const Program& program, GraphId graph, const Types& inputs, const Types& states,
    const std::vector<std::optional<Known>>& known);

}  // namespace hone::estimate
