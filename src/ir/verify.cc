// The invariants of a model, numbered.
// clang-format off
// From phase `import`:
//   V1  Every id names an existing value, node, constant or graph.
//   V2  The users of a value are exactly the nodes that have it as an input, once for each use.
//   V3  Each output of a node is a value produced by that node at that slot.
//   V4  A graph does not depend on itself.
//   V5  Calls satisfy the ports, and attributes are declared, of the declared kind and not defaults.
//   V6  The type of every value is the inferred one or a more precise one.
//   V7  Names of values are unique in their graph, names of graphs and constants in the model.
//   V8  A constant has a fixed shape, and its bytes are as many as its type and encoding say and lie
//       inside their source; scale and zero point are as its encoding needs them.
//   V9  Graphs have as many output names as outputs; the names are unique.
//   V10 The next value of a state has the state's type or a more precise one.
//   V11 Nested graphs do not nest themselves.
//   V12 Symbols in types are declared by the model; wrappers are at most kMaxTypeDepth; only
//       constants and states are stored encoded.
//   V14 Nested graphs have no states: nothing would carry them from call to call.
// From phase `clean`:
//   V13 Every node is needed for an output or a state.
// In phase `lower` alone:
//   V15 The model names the kernels it is for.
// clang-format on
#include "ir/verify.h"

#include <algorithm>
#include <unordered_set>

#include "base/checked.h"
#include "base/hash.h"
#include "base/text.h"
#include "ir/builder.h"

namespace hone {
namespace {

using NameSet = std::unordered_set<std::string, SeededHash, std::equal_to<>>;

class Verifier {
 public:
  Verifier(const Model& model, const Catalogue& catalogue, Phase phase)
      : model_(model), catalogue_(catalogue), phase_(phase) {}

  Status all() {
    for (const Symbol& s : model_.symbols) symbols_.insert(s.name);
    if ((model_.phase == "lower") == model_.target.empty())
      return broken("V15", "the target is '" + printable(model_.target) + "', the phase " +
                               printable(model_.phase));
    if (model_.entry.index >= model_.graphs.size()) return broken("V1", "there is no entry graph");
    TRY(constants());
    NameSet names;
    for (const Graph& g : model_.graphs) {
      if (!names.insert(g.name).second) return broken("V7", "two graphs are called so");
      graph_ = &g;
      TRY(one_graph());
    }
    graph_ = nullptr;
    return nesting();
  }

 private:
  Error broken(std::string_view invariant, const std::string& what) const {
    std::string text = std::string(invariant) + ": " + what;
    if (graph_) text += " in graph '" + printable(graph_->name) + "'";
    return fail(ErrorId::invalid_graph, std::move(text));
  }
  std::string node_text(const Node& n) const {
    return std::string(n.op->name) + " '" + printable(n.name) + "'";
  }

  Status constants() {
    NameSet names;
    for (const Constant& c : model_.constants) {
      const std::string who = "constant '@" + printable(c.name) + "'";
      if (c.name.empty() ? !c.may_be_anonymous() : !names.insert(c.name).second)
        return broken("V7", who + " needs a name of its own");
      if (!c.type.shape.fixed()) return broken("V8", who + " has no fixed shape");
      const auto extents = stored_extents(c.type);
      if (!extents) return broken("V8", who + " has rows that are no whole blocks");
      const DType stored = stored_dtype(c.type);
      const auto count = checked_product(*extents);
      const auto size = count ? bytes_for(stored, *count) : std::nullopt;
      if (!size) return broken("V8", who + " is too large");
      if (const auto* span = std::get_if<Constant::Span>(&c.data)) {
        if (span->source >= model_.sources.size()) return broken("V1", who + " has no source");
        if (stored == DType::string) return broken("V8", who + " has strings in a source");
        const uint64_t room = model_.sources[span->source].size;
        if (span->length != uint64_t(*size) || span->offset > room ||
            span->length > room - span->offset)
          return broken("V8", who + " does not lie in its source");
      } else if (const auto* texts = std::get_if<std::vector<std::string>>(&c.data)) {
        if (c.type.dtype != DType::string || int64_t(texts->size()) != *count)
          return broken("V8", who + " has the wrong number of texts");
      } else if (std::get<std::vector<std::byte>>(c.data).size() != uint64_t(*size)) {
        return broken("V8", who + " has the wrong number of bytes");
      }
      for (ConstantId id : {c.scale, c.zero_point})
        if (id.valid() && id.index >= model_.constants.size())
          return broken("V1", who + " has no such scale or zero point");
      if (auto encoded = check_encoding(model_, c); !encoded)
        return broken("V8", encoded.error().message);
    }
    return ok();
  }

  Status one_graph() {
    const Graph& g = *graph_;
    auto exists = [&](ValueId v) { return v.index < g.value_count(); };
    for (ValueId v : g.inputs)
      if (!exists(v)) return broken("V1", "an input does not exist");
    if (g.output_names().size() != g.outputs().size())
      return broken("V9", "outputs and their names differ in number");
    NameSet names;
    for (size_t i = 0; i < g.outputs().size(); ++i) {
      if (!exists(g.outputs()[i])) return broken("V1", "an output does not exist");
      if (!names.insert(g.output_names()[i]).second)
        return broken("V9", "two outputs are called '" + printable(g.output_names()[i]) + "'");
    }
    TRY(values());
    uses_.assign(g.value_count(), {});
    for (uint32_t n = 0; n < g.node_capacity(); ++n)
      if (g.alive(NodeId{n})) TRY(node(NodeId{n}));
    for (uint32_t v = 0; v < g.value_count(); ++v) {
      std::vector<NodeId> recorded = g[ValueId{v}].users;
      std::sort(recorded.begin(), recorded.end());
      if (recorded != uses_[v]) return broken("V2", "the users of a value are not recorded right");
    }
    for (const State& s : g.states()) {
      if (!exists(s.now) || !exists(s.next)) return broken("V1", "a state does not exist");
      if (!refines(g[s.next].type, g[s.now].type))
        return broken("V10", "state '" + printable(g[s.now].name) + "' of type " +
                                 g[s.now].type.str() + " becomes " + g[s.next].type.str());
    }
    if (auto sorted = g.order(); !sorted) return broken("V4", sorted.error().message);
    return phase_ == Phase::import ? ok() : no_dead_nodes();
  }

  Status values() {
    NameSet names;
    const Graph& g = *graph_;
    for (uint32_t i = 0; i < g.value_count(); ++i) {
      const Value& v = g[ValueId{i}];
      if (!v.name.empty() && !names.insert(v.name).second)
        return broken("V7", "two values are called '" + printable(v.name) + "'");
      if (!v.type.tensor.encoding.is_dense() && v.kind != Value::Kind::constant &&
          v.kind != Value::Kind::state)
        return broken("V12", "'" + printable(v.name) + "' is encoded");
      if (v.kind == Value::Kind::constant && v.constant.index >= model_.constants.size())
        return broken("V1", "a constant does not exist");
      if (v.type.wrappers.size() > kMaxTypeDepth)
        return broken("V12", "'" + printable(v.name) + "' is wrapped too often");
      if (!v.type.tensor.shape.ranked) continue;
      std::string missing;
      for (const Dim& d : v.type.tensor.shape.dims)
        if (!d.is_constant())
          d.each_symbol([&](const std::string& s) {
            if (!symbols_.contains(s)) missing = s;
          });
      if (!missing.empty())
        return broken("V12", "symbol '" + printable(missing) + "' is not declared");
    }
    return ok();
  }

  Status node(NodeId id) {
    const Graph& g = *graph_;
    const Node& n = g[id];
    if (catalogue_.find(n.op->name) != n.op)
      return broken("V1", node_text(n) + " is not in the catalogue");
    for (ValueId v : n.inputs) {
      if (!v.valid()) continue;
      if (v.index >= g.value_count()) return broken("V1", node_text(n) + " uses no such value");
      uses_[v.index].push_back(id);
    }
    for (size_t slot = 0; slot < n.outputs.size(); ++slot) {
      const ValueId v = n.outputs[slot];
      if (v.index >= g.value_count() || g[v].kind != Value::Kind::node || g[v].producer != id ||
          g[v].slot != slot)
        return broken("V3", node_text(n) + " and its outputs disagree");
    }
    for (const NamedAttr& a : n.attrs)
      if (const auto* graph = std::get_if<GraphId>(&a.value);
          graph && graph->index >= model_.graphs.size())
        return broken("V1", node_text(n) + " names no such graph");
    std::vector<std::pair<std::string, Attr>> given;
    for (const NamedAttr& a : n.attrs) given.emplace_back(a.name, a.value);
    const auto normal = normalize(*n.op, std::move(given));
    if (!normal) return broken("V5", normal.error().message);
    if (*normal != n.attrs) return broken("V5", node_text(n) + " spells out default attributes");
    const auto inferred = infer_node(model_, g, *n.op, n.attrs, n.inputs, n.outputs.size());
    if (!inferred) return broken("V6", node_text(n) + ": " + inferred.error().message);
    for (size_t slot = 0; slot < n.outputs.size(); ++slot)
      if (!refines(g[n.outputs[slot]].type, inferred->types[slot]))
        return broken("V6", node_text(n) + " gives " + inferred->types[slot].str() +
                                ", recorded as " + g[n.outputs[slot]].type.str());
    return ok();
  }

  Status no_dead_nodes() {
    const Graph& g = *graph_;
    std::vector<bool> needed(g.node_capacity());
    std::vector<ValueId> todo = g.outputs();
    for (const State& s : g.states()) todo.push_back(s.next);
    while (!todo.empty()) {
      const NodeId producer = todo.back().valid() ? g[todo.back()].producer : NodeId{};
      todo.pop_back();
      if (!producer.valid() || needed[producer.index]) continue;
      needed[producer.index] = true;
      for (ValueId v : g[producer].inputs) todo.push_back(v);
    }
    for (uint32_t n = 0; n < g.node_capacity(); ++n)
      if (g.alive(NodeId{n}) && !needed[n])
        return broken("V13", node_text(g[NodeId{n}]) + " is not needed");
    return ok();
  }

  Status nesting() {
    std::vector<std::vector<uint32_t>> nested(model_.graphs.size());
    std::vector<size_t> waiting(model_.graphs.size());
    for (uint32_t g = 0; g < model_.graphs.size(); ++g)
      for (uint32_t n = 0; n < model_.graphs[g].node_capacity(); ++n) {
        const Node& node = model_.graphs[g][NodeId{n}];
        for (const NamedAttr& a : node.attrs)
          if (const auto* id = std::get_if<GraphId>(&a.value)) {
            if (!model_.graphs[id->index].states().empty())
              return broken("V14", "the nested graph '" + printable(model_.graphs[id->index].name) +
                                       "' has states");
            nested[g].push_back(id->index);
            ++waiting[id->index];
          }
      }
    std::vector<uint32_t> order;
    for (uint32_t g = 0; g < model_.graphs.size(); ++g)
      if (waiting[g] == 0) order.push_back(g);
    for (size_t i = 0; i < order.size(); ++i)
      for (uint32_t inner : nested[order[i]])
        if (--waiting[inner] == 0) order.push_back(inner);
    if (order.size() != model_.graphs.size()) return broken("V11", "a graph nests itself");
    return ok();
  }

  const Model& model_;
  const Catalogue& catalogue_;
  Phase phase_;
  const Graph* graph_ = nullptr;
  NameSet symbols_;
  std::vector<std::vector<NodeId>> uses_;
};

}  // namespace

Status verify(const Model& model, const Catalogue& catalogue, Phase phase) {
  return Verifier(model, catalogue, phase).all();
}

}  // namespace hone
