// Replaces composite operators by their bodies: one named operator, or all that have no kernel.
#include <cctype>

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

// Does the body hold for this node: does it take its inputs, and stand for attributes that are not
// as by default? It does not say what gelu <approximate="tanh"> is.
bool covers(const syntax::GraphText& body, const Node& node) {
  for (size_t i = 0; i < body.inputs.size(); ++i)
    if (i >= node.inputs.size() || !node.inputs[i].valid()) return false;
  for (size_t i = body.inputs.size(); i < node.inputs.size(); ++i)
    if (node.inputs[i].valid()) return false;
  if (node.outputs.size() > body.outputs.size()) return false;
  for (const NamedAttr& a : node.attrs) {
    const std::string variable = "$" + std::string(a.name);
    const size_t at = node.op->body.find(variable), end = at + variable.size();
    if (at == std::string_view::npos) return false;
    if (end < node.op->body.size() &&
        (std::isalnum(node.op->body[end]) || node.op->body[end] == '_'))
      return false;
  }
  return true;
}

Status expand(PassContext& c, Rewriter& rewriter, NodeId n) {
  const Node node = rewriter.graph()[n];
  const auto body = TRY(syntax::parse_graph(node.op->body, c.limits)
                            .context("in the body of " + std::string(node.op->name)));
  if (node.op->reference && !covers(body, node)) return ok();
  auto built = build_body(rewriter, *node.op, body, node.attrs, node.inputs, node.name);
  // A body may not take all dtypes that the kernel does: the square root of reduce_l2 on integers.
  if (!built && node.op->reference) return ok();
  const auto outputs = TRY(std::move(built));
  for (size_t slot = 0; slot < node.outputs.size() && slot < outputs.size(); ++slot)
    TRY(rewriter.replace(node.outputs[slot], outputs[slot],
                         "expanded " + std::string(node.op->name)));
  return ok();
}

}  // namespace

const PassDef& expand_pass() {
  static const PassDef def{
      .name = "expand",
      .doc =
          "replaces composite operators by their bodies: op=NAME, op=all, or those without a "
          "reference kernel",
      .options = {"op"},
      .run = [](PassContext& c) -> Status {
        const auto option = c.options.find("op");
        const std::string only = option == c.options.end() ? std::string() : option->second;
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) {
          Rewriter rewriter = c.rewriter(GraphId{g});
          TRY(each_node(rewriter, [&](NodeId n) -> Status {
            return wanted(*rewriter.graph()[n].op, only) ? expand(c, rewriter, n) : ok();
          }));
        }
        return ok();
      },
  };
  return def;
}

}  // namespace hone
