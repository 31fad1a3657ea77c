// Binds a model that a fuzz target has read to the backends, and runs it once on small data.
#pragma once

#include <memory>

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
      const int64_t n = d.is_constant() ? *d.constant() : 3;
      if (n < 0 || n > kMost || (count *= n) > kMost) return -1;
    }
    if (!graph[v].type.tensor.shape.ranked) count = 6;
    if ((total += count) > kMost) return -1;
  }
  return total;
}

inline void run(const Model& model) {
  Limits tight = limits();
  tight.runtime_memory = 1 << 16;
  tight.iterations = 100;
  const auto program = Program::make(std::make_shared<const Model>(model), all_backends(), tight);
  require_clean(program);
  if (!program || input_elements(model.main()) < 0) return;
  testing::Random random(1);
  Dim::Bindings bindings;
  const auto inputs = testing::random_inputs(model.main(), bindings, random);
  ThreadPool pool(1);
  require_clean(Session(*program, pool).run(inputs));
}

}  // namespace hone::fuzz
