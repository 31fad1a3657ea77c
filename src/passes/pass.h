// What a pass is: one struct, one file, one line in passes.def.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "ir/model.h"
#include "ir/rewriter.h"
#include "passes/choice.h"

namespace hone {

// What a pass works on. `options` are those in parentheses after its name in the pipeline.
struct PassContext {
  Model& model;
  const Catalogue& catalogue;
  Journal& journal;
  const Limits& limits;
  std::map<std::string, std::string> options;
  uint64_t& folded_bytes;  // spent by all foldings of this compilation
  uint64_t& folded_work;
  const Choosing& choosing;
  std::vector<Decision>& decisions;  // of all passes of this compilation
  ThreadPool* pool = nullptr;        // null: this thread alone
  bool shapes_only = false;          // packed weights stay zeros: for who wants the form alone

  Rewriter rewriter(GraphId graph) { return Rewriter(model, graph, catalogue, journal); }
  // As ThreadPool::parallel_for.
  void parallel_for(int64_t count, int64_t grain,
                    const std::function<void(int64_t begin, int64_t end)>& body) const;
};

// Calls visit(node) for the nodes of a graph, in order, as long as they are there and more edits
// are wanted; then removes what nothing uses any more.
template <class Visit>
Status each_node(Rewriter& rewriter, Visit visit) {
  for (NodeId n : TRY(rewriter.graph().order())) {
    if (rewriter.done()) break;
    if (rewriter.graph().alive(n)) TRY(visit(n));
  }
  rewriter.sweep();
  return ok();
}

struct PassDef {
  std::string_view name;  // a verb
  std::string_view doc;
  std::vector<std::string_view> options = {};  // names it understands
  Status (*run)(PassContext& c) = nullptr;
};

const std::vector<const PassDef*>& all_passes();
const PassDef* find_pass(std::string_view name);

}  // namespace hone
