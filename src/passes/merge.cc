// Merges nodes that compute the same thing, and constants that hold the same elements.
#include <string>
#include <unordered_map>

#include "base/hash.h"
#include "passes/pass.h"

namespace hone {
namespace {

// Everything that decides what a node computes, as bytes.
std::string key_of(const Node& node) {
  std::string key(node.op->name);
  key += '(';
  for (ValueId v : node.inputs) key += std::to_string(v.index) + ",";
  key += ')';
  for (const NamedAttr& a : node.attrs) {
    key += a.name;
    key += '=';
    key += print(a.value);
    key += ';';
  }
  return key + "#" + std::to_string(node.outputs.size());
}

// Small constants by content, so that equal literals become one value; large ones by where they lie.
std::string key_of(const Model& model, const Constant& c) {
  std::string key = c.type.str() + ":" + std::to_string(c.scale.index) + ":" +
                    std::to_string(c.zero_point.index) + ":";
  if (const auto* span = std::get_if<Constant::Span>(&c.data)) {
    const DataSource& source = model.sources[span->source];
    if (source.memory && span->length <= (1 << 16)) {
      const auto bytes = std::span<const std::byte>(*source.memory).subspan(span->offset,
                                                                            span->length);
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
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) {
          Rewriter rewriter = c.rewriter(GraphId{g});
          TRY(merge_constants(c, rewriter));
          Seen seen;
          for (NodeId n : TRY(rewriter.graph().order())) {
            if (rewriter.done()) break;
            const Node& node = rewriter.graph()[n];
            if (node.op->is(Trait::random)) continue;
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
