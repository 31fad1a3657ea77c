// Operator sets, functions and nested graphs of one import.
#include "import/onnx/import_state.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hone::onnx {

std::string_view plain_domain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}

Result<Opsets> opsets_of(const std::vector<OpsetImport>& imports) {
  Opsets opsets;
  for (const OpsetImport& import : imports) {
    const std::string_view domain = plain_domain(import.domain);
    const std::string shown = domain.empty() ? "ai.onnx" : printable(domain);
    if (import.version < 1)
      return fail(ErrorId::malformed, fmt::format("the operator set {} is imported in version {}",
                                                  shown, import.version));
    if (domain.empty() && import.version > kNewestOpset)
      return fail(ErrorId::unsupported_version,
                  fmt::format("the model uses version {} of the operator set ai.onnx, the newest "
                              "that hone knows is {}",
                              import.version, kNewestOpset));
    const auto [at, added] = opsets.emplace(domain, import.version);
    if (!added && at->second != import.version)
      return fail(ErrorId::duplicate_name,
                  fmt::format("the operator set {} is imported in the versions {} and {}", shown,
                              at->second, import.version));
  }
  return opsets;
}

Result<int64_t> opset_of(const NodeProto& node, const Opsets& opsets) {
  const std::string_view domain = plain_domain(node.domain);
  if (auto it = opsets.find(domain); it != opsets.end()) return it->second;
  return fail(ErrorId::undefined_name,
              fmt::format("{} uses the operator set {}, which the model does not import",
                          describe(node), domain.empty() ? "ai.onnx" : printable(domain)));
}

std::string describe(const NodeProto& node) {
  const std::string_view name = !node.name.empty()      ? node.name
                                : !node.outputs.empty() ? node.outputs[0]
                                                        : std::string_view();
  return fmt::format("node '{}' ({}) at byte {}", printable(name), printable(node.op_type),
                     node.offset);
}

namespace {

std::string function_key(std::string_view domain, std::string_view name,
                         std::string_view overload) {
  std::string key(plain_domain(domain));
  key.append(1, '\0').append(name).append(1, '\0').append(overload);
  return key;
}

}  // namespace

Result<Functions> Functions::of(const ModelProto& model, Ledger& ledger) {
  Functions functions;
  for (const FunctionProto& proto : model.functions) {
    std::string key = function_key(proto.domain, proto.name, proto.overload);
    TRY(ledger.charge(key.size() + 64 * (proto.opsets.size() + 4), "functions"));
    auto opsets = opsets_of(proto.opsets);
    if (!opsets)
      return std::move(opsets)
          .context(fmt::format("reading function '{}'", printable(proto.name)))
          .take_error();
    const auto index = static_cast<uint32_t>(functions.functions_.size());
    if (!functions.index_.emplace(std::move(key), index).second)
      return fail(ErrorId::duplicate_name,
                  fmt::format("function '{}' of domain '{}' is there twice", printable(proto.name),
                              printable(proto.domain)));
    functions.functions_.push_back({&proto, opsets.take()});
  }
  return functions;
}

std::optional<uint32_t> Functions::find(const NodeProto& node) const {
  if (functions_.empty()) return std::nullopt;
  const auto it = index_.find(function_key(node.domain, node.op_type, node.overload));
  return it == index_.end() ? std::nullopt : std::optional(it->second);
}

Result<const GraphProto*> NestedGraphs::parse(const AttributeProto& attribute, Ledger& ledger) {
  auto& graph = graphs_[attribute.g_offset];
  if (!graph)
    graph = std::make_unique<GraphProto>(TRY(parse_graph(attribute.g, attribute.g_offset, ledger)));
  return static_cast<const GraphProto*>(graph.get());
}

std::string ImportState::fresh_graph_name(std::string_view stem) {
  std::string name(stem.empty() ? std::string_view("graph") : stem);
  for (;;) {
    const auto [at, fresh] = graph_names.emplace(name, 2);
    if (fresh) return name;
    auto& next = graph_names.find(stem.empty() ? std::string_view("graph") : stem)->second;
    name = fmt::format("{}.{}", stem.empty() ? "graph" : stem, next++);
  }
}

Status Level::check(const ImportState& state, std::string_view what) {
  // Whatever the user allows, the stack has an end.
  constexpr uint64_t kDeepest = 500;
  const uint64_t limit = std::min(state.ledger.limits().depth, kDeepest);
  if (state.depth < limit) return ok();
  Error error = fail(ErrorId::over_depth,
                     fmt::format("{} is nested deeper than the limit `depth` of {}", what, limit));
  if (limit == kDeepest) error.hint = "graphs are nested no deeper, whatever the settings say";
  return error;
}

}  // namespace hone::onnx
