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
  ThreadPool* pool = nullptr;  // null: this thread alone

  Rewriter rewriter(GraphId graph) { return Rewriter(model, graph, catalogue, journal); }
  // As ThreadPool::parallel_for.
  void parallel_for(int64_t count, int64_t grain,
                    const std::function<void(int64_t begin, int64_t end)>& body) const;
};

struct PassDef {
  std::string_view name;  // a verb
  std::string_view doc;
  std::vector<std::string_view> options = {};  // names it understands
  Status (*run)(PassContext& c) = nullptr;
};

const std::vector<const PassDef*>& all_passes();
const PassDef* find_pass(std::string_view name);

}  // namespace hone
