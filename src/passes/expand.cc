// Replaces composite operators by their bodies: one named operator, or all that have no kernel.
#include "ir/body.h"
#include "ir/syntax.h"
#include "passes/pass.h"

namespace hone {
namespace {

bool wanted(const OpDef& op, const std::string& only) {
  if (op.body.empty()) return false;
  if (!only.empty()) return only == op.name || only == "all";
  return op.reference == nullptr;
}

Status expand(PassContext& c, Rewriter& rewriter, NodeId n) {
  const Node node = rewriter.graph()[n];
  const auto body = TRY(syntax::parse_graph(node.op->body, c.limits)
                            .context("in the body of " + std::string(node.op->name)));
  const auto outputs =
      TRY(build_body(rewriter, *node.op, body, node.attrs, node.inputs, node.name));
  for (size_t slot = 0; slot < node.outputs.size() && slot < outputs.size(); ++slot)
    TRY(rewriter.replace(node.outputs[slot], outputs[slot],
                         "expanded " + std::string(node.op->name)));
  return ok();
}

}  // namespace

const PassDef& expand_pass() {
  static const PassDef def{
      .name = "expand",
      .doc = "replaces composite operators by their bodies: op=NAME, op=all, or those without a "
             "reference kernel",
      .options = {"op"},
      .run = [](PassContext& c) -> Status {
        const auto option = c.options.find("op");
        const std::string only = option == c.options.end() ? std::string() : option->second;
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) {
          Rewriter rewriter = c.rewriter(GraphId{g});
          for (NodeId n : TRY(rewriter.graph().order())) {
            if (rewriter.done()) return ok();
            if (wanted(*rewriter.graph()[n].op, only)) TRY(expand(c, rewriter, n));
          }
          rewriter.sweep();
        }
        return ok();
      },
  };
  return def;
}

}  // namespace hone
