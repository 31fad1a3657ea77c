// Removes nodes that no output and no state needs.
#include "passes/pass.h"

namespace hone {

const PassDef& sweep_pass() {
  static const PassDef def{
      .name = "sweep",
      .doc = "removes nodes that no output and no state needs",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) {
          if (c.journal.full()) break;
          Rewriter rewriter = c.rewriter(GraphId{g});
          if (const size_t n = rewriter.sweep(); n > 0)
            c.journal.edits.push_back({c.journal.pass, c.model.graphs[g].name, "",
                                       "removed " + std::to_string(n) + " nodes"});
        }
        return ok();
      },
  };
  return def;
}

}  // namespace hone
