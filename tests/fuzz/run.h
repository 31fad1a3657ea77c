// Binds a model that a fuzz target has read to the backends, and runs it once on small data.
#pragma once

#include <memory>
#include <optional>

#include "backends/backends.h"
#include "runtime/session.h"
#include "support/data.h"
#include "target.h"

namespace hone::fuzz {

// Elements of all inputs where those are few, symbols and unknown extents taken as 3; else -1.
inline int64_t input_elements(const Graph& graph) {
  constexpr int64_t kMost = 4096;
  int64_t total = 0;
  for (ValueId v : graph.inputs) {
    int64_t count = 1;
    for (const Dim& d : graph[v].type.tensor.shape.dims) {
      // Of a sum or product, such as 1 - S, nobody can say which sizes make it one.
      size_t symbols = 0;
      d.each_symbol([&](const std::string& name) { symbols += d == Dim::symbol(name) ? 1 : 2; });
      if (symbols > 1) return -1;
      const int64_t n = d.is_constant() ? *d.constant() : 3;
      if (n < 0 || n > kMost || (count *= n) > kMost) return -1;
    }
    if (!graph[v].type.tensor.shape.ranked) count = 6;
    if ((total += count) > kMost) return -1;
  }
  return total;
}

// The types of the results; none where the model does not run.
inline std::optional<Types> run(const Model& model) {
  Limits tight = limits();
  tight.runtime_memory = 1 << 16;
  tight.iterations = 100;
  const auto program = Program::make(std::make_shared<const Model>(model), all_backends(), tight);
  require_clean(program);
  if (!program || input_elements(model.main()) < 0) return std::nullopt;
  testing::Random random(1);
  Dim::Bindings bindings;
  const auto inputs = testing::random_inputs(model.main(), bindings, random);
  ThreadPool pool(1);
  Session session(*program, pool);
  const auto outputs = session.run(inputs);
  require_clean(outputs);
  require_clean(session.run(inputs));  // from the states that the first has left
  if (!outputs) return std::nullopt;
  Types types;
  for (const Datum& datum : *outputs) types.push_back(datum.type());
  return types;
}

// Does the model draw random numbers? Even the shapes of its results may differ from run to run.
inline bool draws(const Model& model) {
  for (const Graph& graph : model.graphs)
    for (uint32_t n = 0; n < graph.node_capacity(); ++n)
      if (graph.alive(NodeId{n}) && graph[NodeId{n}].op->is(Trait::random)) return true;
  return false;
}

}  // namespace hone::fuzz
