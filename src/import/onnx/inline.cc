// Nested graphs as isolated graphs with captures, and function calls replaced by the body.
#include <fmt/format.h>

#include "base/text.h"
#include "import/onnx/graph_importer.h"

namespace hone::onnx {

Result<NodeContext::Nested> GraphImporter::import_nested(Scope& home, std::string prefix,
                                                         const GraphProto& proto,
                                                         std::string_view graph_name,
                                                         const Types& formal_types) {
  TRY(Level::check(state_, "the graph"));
  const Level level(state_);
  TRY(state_.ledger.charge(sizeof(Graph) + 256 + 4 * graph_name.size(), "nested graphs"));
  const GraphId id = state_.model.add_graph(state_.fresh_graph_name(graph_name));
  GraphImporter inner(state_, id, this);
  TRY(inner.import(proto, &home, std::move(prefix), formal_types));
  NodeContext::Nested nested{id, inner.formal_inputs_, std::move(inner.captures_.outer), {}};
  const Graph& graph = state_.model.graphs[id.index];
  for (const ValueId output : graph.outputs()) nested.outputs.push_back(graph[output].type);
  return nested;
}

std::vector<ValueId> GraphImporter::unify_captures(std::vector<NodeContext::Nested>& graphs) {
  std::vector<ValueId> all;
  std::unordered_map<uint32_t, size_t> place;  // in `all`, by value
  for (const auto& nested : graphs)
    for (const ValueId v : nested.captures)
      if (place.try_emplace(v.index, all.size()).second) all.push_back(v);
  for (auto& nested : graphs) {
    Graph& graph = state_.model.graphs[nested.graph.index];
    std::vector<ValueId> inputs(
        graph.inputs.begin(),
        graph.inputs.begin() + static_cast<std::ptrdiff_t>(nested.formal_inputs));
    inputs.resize(nested.formal_inputs + all.size());
    for (size_t i = 0; i < nested.captures.size(); ++i)
      inputs[nested.formal_inputs + place.at(nested.captures[i].index)] =
          graph.inputs[nested.formal_inputs + i];
    for (size_t i = 0; i < all.size(); ++i) {
      ValueId& input = inputs[nested.formal_inputs + i];
      if (!input.valid()) input = graph.add_input({}, builder_.graph()[all[i]].type);
    }
    graph.inputs = std::move(inputs);
    nested.captures = all;
  }
  return all;
}

Result<PreparedNode> GraphImporter::substitute(Scope& scope, const NodeProto& node,
                                               std::optional<NodeProto>& copy) {
  NodeProto& out = copy.emplace(node);
  out.attributes.clear();
  PreparedNode prepared{&node, &out};
  for (const AttributeProto& a : node.attributes) {
    const AttributeProto* source = &a;
    Scope* home = &scope;
    if (!a.ref_name.empty()) {
      if (!scope.attributes)
        return fail(ErrorId::bad_attribute,
                    fmt::format("{}: attribute '{}' refers to '{}' of a function, but is in none",
                                describe(node), printable(a.name), printable(a.ref_name)));
      const auto it = scope.attributes->find(a.ref_name);
      if (it == scope.attributes->end())
        return fail(ErrorId::bad_attribute,
                    fmt::format("{}: attribute '{}' refers to '{}', which the function does not "
                                "declare",
                                describe(node), printable(a.name), printable(a.ref_name)));
      source = it->second.attribute;
      home = it->second.scope;
      if (!source) continue;  // not given in this call
    }
    TRY(state_.ledger.charge(sizeof(AttributeProto) + sizeof(Scope*) +
                                 source->ints.size() * sizeof(int64_t) +
                                 source->floats.size() * sizeof(float) +
                                 source->strings.size() * sizeof(std::string_view) +
                                 source->tensors.size() * sizeof(Bytes),
                             "attributes of function calls"));
    out.attributes.push_back(*source);
    out.attributes.back().name = a.name;
    prepared.homes.push_back(home);
  }
  return prepared;
}

Result<CallAttributes> GraphImporter::call_attributes(Scope& scope, const PreparedNode& prepared,
                                                      const FunctionProto& function, Scope& body) {
  const NodeProto& node = *prepared.node;
  TRY(state_.ledger.charge(
      (function.attributes.size() + function.attribute_defaults.size()) * 4 * sizeof(Written),
      "attributes of function calls"));
  CallAttributes attributes;
  for (const std::string_view name : function.attributes) attributes.emplace(name, Written{});
  for (const AttributeProto& a : function.attribute_defaults) attributes[a.name] = {&a, &body};
  for (size_t i = 0; i < node.attributes.size(); ++i) {
    const AttributeProto& a = node.attributes[i];
    const auto it = attributes.find(a.name);
    if (it == attributes.end())
      return fail(ErrorId::bad_attribute, fmt::format("{}: the function has no attribute '{}'",
                                                      describe(node), printable(a.name)));
    it->second = {&a, prepared.homes.empty() ? &scope : prepared.homes[i]};
  }
  return attributes;
}

Status GraphImporter::call(Scope& scope, const PreparedNode& prepared, uint32_t index,
                           std::vector<ValueId> inputs) {
  const NodeProto& node = *prepared.node;
  const FunctionProto& function = state_.functions[index];
  TRY(Level::check(state_, "the call of a function").context(describe(node)));
  const Level level(state_);
  const auto refuse = [&](std::string_view what, size_t given, size_t declared) {
    return fail(ErrorId::bad_arity, fmt::format("{} gives {} {}, the function has {}",
                                                describe(node), given, what, declared));
  };
  if (inputs.size() > function.inputs.size())
    return refuse("inputs", inputs.size(), function.inputs.size());
  if (node.outputs.size() > function.outputs.size())
    return refuse("outputs", node.outputs.size(), function.outputs.size());
  const std::string_view shown = node.name.empty() ? node.op_type : node.name;
  Scope body{.graph = this,
             .opsets = &state_.functions.opsets(index),
             .prefix = fmt::format("{}{}/", scope.prefix, shown),
             .inlined = true};
  TRY(state_.ledger.charge(body.prefix.size(), "names of function calls"));
  const CallAttributes attributes = TRY(call_attributes(scope, prepared, function, body));
  body.attributes = &attributes;
  const std::string own = "function '" + printable(function.name) + "'";
  const std::string own_outputs = "the list of outputs of " + own;
  inputs.resize(function.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i)
    TRY(bind(body, function.inputs[i], {.value = inputs[i], .constant = {}}, Party(own)));
  const auto doing = [&] { return "inlining " + describe(node); };
  if (auto status = import_nodes(body, function.nodes); !status)
    return std::move(status).context(doing());
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const std::string_view output = node.outputs[i];
    if (output.empty()) continue;
    auto value = value_of(body, function.outputs[i], Party(own_outputs));
    if (!value) return std::move(value).context(doing()).take_error();
    Binding binding{.value = *value, .constant = {}};
    if (!value->valid()) binding.lost = prepared.original;
    TRY(bind(scope, output, binding, node));
    if (!binding.lost) TRY(settle(scope, output, binding.value));
  }
  return ok();
}

}  // namespace hone::onnx
