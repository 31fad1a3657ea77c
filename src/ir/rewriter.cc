#include "ir/rewriter.h"

#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"

namespace hone {

void Rewriter::stands_for(NodeId node) { stands_for(std::vector<NodeId>{node}); }

void Rewriter::stands_for(const std::vector<NodeId>& nodes) {
  name_.clear();
  provenance_.clear();
  std::unordered_set<std::string, SeededHash, std::equal_to<>> seen;
  auto add_origin = [&](const std::string& origin) {
    if (!origin.empty() && origin != name_ && seen.insert(origin).second)
      provenance_.push_back(origin);
  };
  for (NodeId n : nodes) {
    const Node& node = graph()[n];
    if (name_.empty())
      name_ = node.name;
    else
      add_origin(node.name);
    for (const std::string& origin : node.provenance) add_origin(origin);
  }
}

Result<std::vector<ValueId>> Rewriter::add(const OpDef& op, std::vector<ValueId> inputs,
                                           Given attrs, size_t outputs) {
  auto results = TRY(emit(op, std::move(inputs), std::move(attrs), outputs, name_));
  graph().at(graph()[results[0]].producer).provenance = provenance_;
  return results;
}

Result<ValueId> Rewriter::add1(std::string_view op, std::vector<ValueId> inputs, Given attrs) {
  const OpDef* def = catalogue_.find(op);
  if (!def) return fail(ErrorId::internal, "there is no operator '" + std::string(op) + "'");
  return TRY(add(*def, std::move(inputs), std::move(attrs), 1))[0];
}

bool Rewriter::can_replace(ValueId old, ValueId with) {
  return refines(graph()[with].type, graph()[old].type);
}

void Rewriter::record(NodeId at, std::string_view what) {
  const Node* node = at.valid() ? &graph()[at] : nullptr;
  journal_.edits.push_back(
      {journal_.pass, graph().name, node ? node->name : std::string(), std::string(what)});
}

Status Rewriter::replace(ValueId old, ValueId with, std::string_view what) {
  if (old == with) return ok();
  if (!can_replace(old, with))
    return fail(ErrorId::internal, std::string(what) + ": cannot replace " +
                                       graph()[old].type.str() + " by " + graph()[with].type.str());
  record(graph()[old].producer, what);
  const bool sharper =
      graph()[with].type != graph()[old].type || graph()[with].known != graph()[old].known;
  graph().replace_uses(old, with);
  Value &from = graph().at(old), &to = graph().at(with);
  if (to.kind == Value::Kind::node && to.name.empty()) std::swap(from.name, to.name);
  return sharper ? refine_users(with) : ok();
}

Status Rewriter::set_input(NodeId node, size_t index, ValueId with, std::string_view what) {
  const ValueId old = graph()[node].inputs[index];
  if (!can_replace(old, with))
    return fail(ErrorId::internal, std::string(what) + ": cannot use " + graph()[with].type.str() +
                                       " for " + graph()[old].type.str());
  record(node, what);
  graph().set_input(node, index, with);
  return refine_users(with);
}

Status Rewriter::swap_inputs(NodeId node, std::string_view what) {
  std::vector<ValueId>& inputs = graph().at(node).inputs;
  std::swap(inputs[0], inputs[1]);
  record(node, what);
  return ok();
}

Status Rewriter::refine_users(ValueId changed) {
  std::vector<ValueId> todo{changed};
  while (!todo.empty()) {
    const ValueId v = todo.back();
    todo.pop_back();
    for (NodeId user : std::vector<NodeId>(graph()[v].users)) {
      const Node& node = graph()[user];
      Inferred inferred =
          TRY(infer_node(model_, graph(), *node.op, node.attrs, node.inputs, node.outputs.size())
                  .context("after an edit, at '" + printable(node.name) + "'"));
      for (size_t slot = 0; slot < inferred.types.size(); ++slot) {
        Value& out = graph().at(graph()[user].outputs[slot]);
        const auto sharper = meet(inferred.types[slot], out.type);
        if (!sharper)
          return fail(ErrorId::type_mismatch, "'" + printable(node.name) + "' is declared as " +
                                                  out.type.str() + ", but gives " +
                                                  inferred.types[slot].str());
        const bool same_known = !inferred.known[slot] || inferred.known[slot] == out.known;
        if (*sharper == out.type && same_known) continue;
        if (!refines(*sharper, out.type)) continue;
        out.type = *sharper;
        if (inferred.known[slot]) out.known = std::move(inferred.known[slot]);
        todo.push_back(graph()[user].outputs[slot]);
      }
    }
  }
  return ok();
}

size_t Rewriter::sweep() {
  Graph& g = graph();
  std::vector<bool> live(g.value_count());
  std::vector<ValueId> todo = g.outputs();
  for (const State& s : g.states()) todo.push_back(s.next);
  std::vector<bool> needed(g.node_capacity());
  while (!todo.empty()) {
    const ValueId v = todo.back();
    todo.pop_back();
    if (!v.valid() || live[v.index]) continue;
    live[v.index] = true;
    const NodeId producer = g[v].producer;
    if (!producer.valid() || needed[producer.index]) continue;
    needed[producer.index] = true;
    for (ValueId in : g[producer].inputs) todo.push_back(in);
  }
  return g.remove_all_but(needed);
}

}  // namespace hone
