// Merges nodes that compute the same thing, and constants that hold the same elements.
#include <algorithm>
#include <string>
#include <unordered_map>

#include "base/hash.h"
#include "passes/pass.h"

namespace hone {
namespace {

// Everything that decides what a node computes, as bytes; the same for exchanged arguments of a
// commutative operator, which canonicalize would order only after their producers have been merged.
std::string key_of(const Node& node) {
  std::string key(node.op->name);
  key += '(';
  std::vector<ValueId> inputs = node.inputs;
  if (node.op->is(Trait::commutative) && inputs.size() > 1 && inputs[1].index < inputs[0].index)
    std::swap(inputs[0], inputs[1]);
  for (ValueId v : inputs) key += std::to_string(v.index) + ",";
  key += ')';
  for (const NamedAttr& a : node.attrs) {
    key += a.name;
    key += '=';
    key += print(a.value);
    key += ';';
  }
  return key + "#" + std::to_string(node.outputs.size());
}

// Small constants by content, so that equal literals become one value; large ones by where they
// lie.
std::string key_of(const Model& model, const Constant& c) {
  std::string key = c.type.str() + ":" + std::to_string(c.scale.index) + ":" +
                    std::to_string(c.zero_point.index) + ":";
  if (const auto* span = std::get_if<Constant::Span>(&c.data)) {
    const DataSource& source = model.sources[span->source];
    if (source.memory && span->length <= (1 << 16)) {
      const auto bytes = source.bytes().subspan(span->offset, span->length);
      return key + sha256_hex(bytes);
    }
    return key + "@" + std::to_string(span->source) + "," + std::to_string(span->offset);
  }
  if (const auto* texts = std::get_if<std::vector<std::string>>(&c.data)) {
    for (const std::string& text : *texts) key += std::to_string(text.size()) + ":" + text;
    return key + "s";
  }
  const auto& bytes = std::get<std::vector<std::byte>>(c.data);
  return key + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Graphs that draw random numbers, or nest one that does: running one twice gives two results.
std::vector<bool> random_graphs(const Model& model) {
  std::vector<bool> random(model.graphs.size());
  std::vector<std::vector<uint32_t>> users(model.graphs.size());
  std::vector<uint32_t> todo;
  for (uint32_t g = 0; g < model.graphs.size(); ++g) {
    const Graph& graph = model.graphs[g];
    for (uint32_t n = 0; n < graph.node_capacity(); ++n) {
      if (!graph.alive(NodeId{n})) continue;
      if (graph[NodeId{n}].op->is(Trait::random)) todo.push_back(g);
      for (const NamedAttr& a : graph[NodeId{n}].attrs)
        if (const auto* id = std::get_if<GraphId>(&a.value)) users[id->index].push_back(g);
    }
  }
  while (!todo.empty()) {
    const uint32_t g = todo.back();
    todo.pop_back();
    if (random[g]) continue;
    random[g] = true;
    todo.insert(todo.end(), users[g].begin(), users[g].end());
  }
  return random;
}

bool is_random(const Node& node, const std::vector<bool>& random_graphs) {
  if (node.op->is(Trait::random)) return true;
  return std::any_of(node.attrs.begin(), node.attrs.end(), [&](const NamedAttr& a) {
    const auto* id = std::get_if<GraphId>(&a.value);
    return id && random_graphs[id->index];
  });
}

using Seen = std::unordered_map<std::string, uint32_t, SeededHash, std::equal_to<>>;

Status merge_constants(PassContext& c, Rewriter& rewriter) {
  Seen seen;
  Graph& graph = rewriter.graph();
  for (uint32_t v = 0; v < graph.value_count() && !rewriter.done(); ++v) {
    const Value& value = graph[ValueId{v}];
    if (value.kind != Value::Kind::constant) continue;
    if (value.users.empty() && !graph.is_output(ValueId{v})) continue;
    auto [it, fresh] = seen.emplace(key_of(c.model, c.model.constants[value.constant.index]), v);
    if (!fresh) TRY(rewriter.replace(ValueId{v}, ValueId{it->second}, "equal constants"));
  }
  return ok();
}

}  // namespace

const PassDef& merge_pass() {
  static const PassDef def{
      .name = "merge",
      .doc = "merges equal nodes (common subexpressions) and equal constants",
      .run = [](PassContext& c) -> Status {
        const std::vector<bool> random = random_graphs(c.model);
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) {
          Rewriter rewriter = c.rewriter(GraphId{g});
          TRY(merge_constants(c, rewriter));
          Seen seen;
          for (NodeId n : TRY(rewriter.graph().order())) {
            if (rewriter.done()) break;
            const Node& node = rewriter.graph()[n];
            if (is_random(node, random)) continue;
            auto [it, fresh] = seen.emplace(key_of(node), n.index);
            if (fresh) continue;
            const std::vector<ValueId> same = rewriter.graph()[NodeId{it->second}].outputs;
            const std::vector<ValueId> own = node.outputs;
            for (size_t slot = 0; slot < own.size(); ++slot)
              if (!rewriter.graph()[own[slot]].users.empty() ||
                  rewriter.graph().is_output(own[slot]))
                if (rewriter.can_replace(own[slot], same[slot]))
                  TRY(rewriter.replace(own[slot], same[slot], "equal nodes"));
          }
        }
        return ok();
      },
  };
  return def;
}

}  // namespace hone
