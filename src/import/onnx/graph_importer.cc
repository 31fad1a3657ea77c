// The nodes of a graph in order: names to values, translation, captures of nested graphs.
#include "import/onnx/graph_importer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/text.h"

namespace hone::onnx {
namespace {

Error undefined(const Party& user, std::string_view name) {
  return fail(ErrorId::undefined_name,
              fmt::format("{} uses '{}', which nothing defines", user.str(), printable(name)));
}

// Only for the message: does a node of the list define the name after all?
const NodeProto* definer_of(const std::vector<NodeProto>& nodes, std::string_view name) {
  for (const NodeProto& node : nodes)
    if (std::find(node.outputs.begin(), node.outputs.end(), name) != node.outputs.end())
      return &node;
  return nullptr;
}

// Memory that nodes and values take in the graph. Names and attributes are charged where they are
// made.
uint64_t size_of(const Node& node) {
  // Of a value that is used, the users grow too.
  return sizeof(Node) + 64 + node.attrs.size() * sizeof(NamedAttr) +
         (node.inputs.size() + node.outputs.size()) * 2 * sizeof(ValueId) +
         node.inputs.size() * 2 * sizeof(NodeId);
}

uint64_t size_of(const std::vector<Dim>& dims) {
  uint64_t bytes = dims.size() * sizeof(Dim);
  for (const Dim& d : dims) bytes += d.size() * 160;
  return bytes;
}

uint64_t size_of(const Value& value) {
  return sizeof(Value) + 96 + size_of(value.type.tensor.shape.dims) +
         (value.known ? size_of(*value.known) : 0);
}

std::string_view label(const NodeProto& node) {
  if (!node.name.empty()) return node.name;
  return node.outputs.empty() ? node.op_type : node.outputs[0];
}

}  // namespace

class GraphImporter::Context : public NodeContext {
 public:
  Context(GraphImporter& importer, Scope& scope, const PreparedNode& prepared, int64_t opset,
          std::vector<ValueId> inputs)
      : NodeContext(importer.state_, importer.builder_, *prepared.node,
                    scope.prefix + std::string(label(*prepared.node)), opset, std::move(inputs)),
        importer_(importer),
        scope_(scope),
        homes_(prepared.homes) {}

  Result<Nested> nested(std::string_view name, const Types& formal_types) override {
    const AttributeProto* a = TRY(use(name, AttributeType::graph, true));
    const GraphProto* graph = TRY(state_.nested.parse(*a, state_.ledger));
    const auto place = static_cast<size_t>(a - node_.attributes.data());
    Scope& home = homes_.empty() ? scope_ : *homes_[place];
    return importer_
        .import_nested(home, scope_.prefix, *graph, fmt::format("{}.{}", name_, name), formal_types)
        .context(fmt::format("importing the graph '{}' of {}", name, describe()));
  }
  std::vector<ValueId> unify_captures(std::vector<Nested>& graphs) override {
    return importer_.unify_captures(graphs);
  }

 private:
  GraphImporter& importer_;
  Scope& scope_;
  const std::vector<Scope*>& homes_;
};

Status GraphImporter::import(const GraphProto& proto, Scope* outer, std::string prefix,
                             const Types& formal_types) {
  Scope scope{.graph = this,
              .outer = outer,
              .opsets = outer ? outer->opsets : &state_.opsets,
              .attributes = outer ? outer->attributes : nullptr,
              .prefix = std::move(prefix)};
  TRY(bind_initializers(scope, proto));
  TRY(bind_inputs(scope, proto, formal_types));
  TRY(collect_declared(scope, proto));
  TRY(import_nodes(scope, proto.nodes));
  return set_outputs(scope, proto);
}

Status GraphImporter::bind_initializers(Scope& scope, const GraphProto& proto) {
  const auto bind_constant = [&](const TensorProto& named, ConstantId id) -> Status {
    if (named.name.empty())
      return fail(ErrorId::malformed, describe(named) + " is an initializer without a name");
    return bind(scope, named.name, {.value = {}, .constant = id}, Party("an initializer"));
  };
  const size_t names = proto.initializers.size() + proto.sparse_initializers.size() +
                       proto.inputs.size() + proto.nodes.size();
  TRY(state_.ledger.charge(names * 3 * sizeof(Binding), "names"));
  scope.names.reserve(names);
  for (const TensorProto& t : proto.initializers)
    TRY(bind_constant(t, TRY(state_.tensors.constant(t, std::string(t.name)))));
  for (const SparseTensorProto& t : proto.sparse_initializers)
    TRY(bind_constant(t.values, TRY(state_.tensors.constant(t, std::string(t.values.name)))));
  return ok();
}

Result<Type> GraphImporter::input_type(const ValueInfo& info, bool nested, const Type* formal) {
  const std::string doing = fmt::format("reading input '{}'", printable(info.name));
  if (!is_given(info.type)) {
    if (formal) return *formal;
    return fail(ErrorId::unsupported_feature,
                fmt::format("input '{}' has no type", printable(info.name)));
  }
  auto declared = to_type(info.type, state_.symbols, !nested);
  if (!declared) return std::move(declared).context(doing);
  // Shapes of the items of sequences are written, but nobody keeps to them: not even the tests that
  // come with ONNX.
  if (!declared->is_tensor()) declared->tensor.shape = Shape::unranked();
  if (!formal) return declared;
  if (auto both = meet(*formal, *declared)) return *std::move(both);
  // Shapes that disagree say that the graph is called with several: neither is kept.
  if (auto common = join(*formal, *declared)) return *std::move(common);
  return fail(ErrorId::type_mismatch,
              fmt::format("input '{}' is declared as {} and is given {}", printable(info.name),
                          declared->str(), formal->str()));
}

Status GraphImporter::bind_inputs(Scope& scope, const GraphProto& proto,
                                  const Types& formal_types) {
  const bool nested = scope.outer != nullptr;
  for (const ValueInfo& info : proto.inputs) {
    if (info.name.empty()) return fail(ErrorId::malformed, "an input of the graph has no name");
    // An initializer that is an input too is its default: it is taken as the constant it is, in
    // every version of the format.
    if (auto it = scope.names.find(info.name); it != scope.names.end()) {
      const ConstantId constant = it->second.constant;
      if (!constant.valid())
        return fail(ErrorId::duplicate_name,
                    fmt::format("the graph has two inputs '{}'", printable(info.name)));
      if (!is_given(info.type)) continue;
      const Type declared = TRY(to_type(info.type, state_.symbols, false));
      const DType dtype = state_.model.constants[constant.index].type.dtype;
      if (!declared.is_tensor() || declared.tensor.dtype != dtype)
        return fail(ErrorId::type_mismatch,
                    fmt::format("input '{}' is declared as {}, its initializer holds {}",
                                printable(info.name), declared.str(), name(dtype)));
      continue;
    }
    const Type* formal =
        formal_inputs_ < formal_types.size() ? &formal_types[formal_inputs_] : nullptr;
    const Type type = TRY(input_type(info, nested, formal));
    TRY(state_.ledger.charge(info.name.size(), "names of inputs"));
    const ValueId value = builder_.graph().add_input(std::string(info.name), type);
    ++formal_inputs_;
    TRY(bind(scope, info.name, {.value = value, .constant = {}}, Party("the graph")));
  }
  return charge_growth();
}

Status GraphImporter::collect_declared(Scope& scope, const GraphProto& proto) {
  TRY(state_.ledger.charge((proto.value_info.size() + proto.outputs.size()) * 64, "value_info"));
  scope.declared.reserve(proto.value_info.size() + proto.outputs.size());
  for (const auto* list : {&proto.value_info, &proto.outputs})
    for (const ValueInfo& info : *list)
      if (is_given(info.type)) scope.declared.emplace(info.name, &info.type);
  return ok();
}

Status GraphImporter::set_outputs(Scope& scope, const GraphProto& proto) {
  std::set<std::string, std::less<>> seen;
  for (const ValueInfo& info : proto.outputs) {
    const std::string_view shown =
        scope.outer ? "the nested graph's list of outputs" : "the graph's list of outputs";
    const ValueId value = TRY(value_of(scope, info.name, shown));
    if (!value.valid()) return undefined(shown, info.name);
    std::string name(info.name);
    if (seen.contains(name) && !scope.outer)
      return fail(ErrorId::duplicate_name,
                  fmt::format("the graph has two outputs '{}'", printable(info.name)));
    // The outputs of nested graphs go by their position.
    for (size_t number = seen.size(); !seen.insert(name).second; ++number)
      name = fmt::format("{}.{}", info.name, number);
    if (is_given(info.type)) TRY(refine(scope, info.name, value, info.type, true));
    TRY(state_.ledger.charge(2 * (name.size() + sizeof(std::string)), "names of outputs"));
    builder_.graph().add_output(std::move(name), value);
  }
  return ok();
}

Status GraphImporter::import_nodes(Scope& scope, const std::vector<NodeProto>& nodes) {
  for (const NodeProto& node : nodes) {
    // Graphs may be imported several times, so that the survey's count is not all there is.
    TRY(state_.ledger.charge_nodes(1));
    PreparedNode prepared{&node, &node};
    std::optional<NodeProto> copy;
    const auto& attributes = node.attributes;
    if (std::any_of(attributes.begin(), attributes.end(),
                    [](const AttributeProto& a) { return !a.ref_name.empty(); }))
      prepared = TRY(substitute(scope, node, copy));
    std::vector<ValueId> inputs = TRY(resolve(scope, nodes, node));
    if (const auto function = state_.functions.find(node))
      TRY(call(scope, prepared, *function, std::move(inputs)));
    else
      TRY(translate(scope, prepared, std::move(inputs)));
    TRY(charge_growth());
  }
  return ok();
}

Result<std::vector<ValueId>> GraphImporter::resolve(Scope& scope,
                                                    const std::vector<NodeProto>& nodes,
                                                    const NodeProto& node) {
  std::vector<ValueId> inputs;
  inputs.reserve(node.inputs.size());
  for (const std::string_view name : node.inputs) {
    if (name.empty()) {
      inputs.emplace_back();
      continue;
    }
    const auto value = value_of(scope, name, node);
    if (value) {
      inputs.push_back(*value);
      continue;
    }
    if (value.error().id == ErrorId::undefined_name)
      if (const NodeProto* later = definer_of(nodes, name))
        return fail(ErrorId::undefined_name,
                    fmt::format("{} uses '{}' before {} defines it: the nodes of the file are not "
                                "in topological order",
                                describe(node), printable(name), describe(*later)));
    return value.error();
  }
  return inputs;
}

Status GraphImporter::translate(Scope& scope, const PreparedNode& prepared,
                                std::vector<ValueId> inputs) {
  const NodeProto& node = *prepared.node;
  const int64_t opset = TRY(opset_of(node, *scope.opsets));
  const Translation* row = find_translation(plain_domain(node.domain), node.op_type, opset);
  const OpDef* op = row && !row->translate ? state_.catalogue.find(row->direct) : nullptr;
  // The survey has told of all that are missing; what it did not get to see is refused here.
  if (!row || (!row->translate && !op))
    return fail(ErrorId::unsupported_operator,
                fmt::format("{}: hone does not have this operator in version {} of its domain",
                            describe(node), opset));
  Context context(*this, scope, prepared, opset, std::move(inputs));
  TRY(context.check_required(row->required));
  const auto run = [&]() -> Result<std::vector<ValueId>> {
    if (row->translate) return row->translate(context);
    Builder::Given given = TRY(context.given_to(*op));
    TRY(context.charge_name());
    return builder_.emit(*op, context.inputs(), std::move(given), node.outputs.size(),
                         context.name_);
  };
  auto outputs = run();
  if (!outputs) return std::move(outputs).context("importing " + describe(node)).take_error();
  TRY(context.check_all_used());
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const std::string_view output = node.outputs[i];
    if (output.empty()) continue;
    Binding binding;
    if (i < outputs->size()) binding.value = (*outputs)[i];
    if (!binding.value.valid()) binding.lost = prepared.original;
    TRY(bind(scope, output, binding, node));
    if (!binding.lost) TRY(settle(scope, output, binding.value));
  }
  return ok();
}

Result<Binding*> GraphImporter::look_up(Scope& scope, std::string_view name) {
  if (auto it = scope.names.find(name); it != scope.names.end()) return &it->second;
  if (!scope.outer) return static_cast<Binding*>(nullptr);
  GraphImporter& around = *scope.outer->graph;
  const Binding* found = TRY(around.look_up(*scope.outer, name));
  if (!found) return static_cast<Binding*>(nullptr);
  const Binding local = TRY(bring(around, *found, name));
  TRY(state_.ledger.charge(sizeof(Binding) * 2, "names of nested graphs"));
  return &scope.names.emplace(name, local).first->second;
}

Result<Binding> GraphImporter::bring(GraphImporter& from, const Binding& binding,
                                     std::string_view name) {
  if (&from == this || !binding.value.valid()) return binding;
  if (const Value& value = from.builder_.graph()[binding.value];
      value.kind == Value::Kind::constant)
    return Binding{.value = {}, .constant = value.constant};
  CHECK(around_ != nullptr);
  // Only where the graph itself uses it, the value has the name: on the way it may be taken.
  const ValueId outer = TRY(around_->bring(from, binding, {})).value;
  auto [at, fresh] = captures_.local.try_emplace(outer.index);
  if (fresh) {
    TRY(state_.ledger.charge(name.size(), "names of captured values"));
    // Copies: the graph is in the same vector.
    const Type type = around_->builder_.graph()[outer].type;
    const auto known = around_->builder_.graph()[outer].known;
    at->second = builder_.graph().add_input(std::string(name), type);
    builder_.graph().at(at->second).known = known;
    captures_.outer.push_back(outer);
    TRY(charge_growth());
  }
  return Binding{.value = at->second, .constant = {}};
}

Result<ValueId> GraphImporter::value_of(Scope& scope, std::string_view name, Party user) {
  Binding* const found = TRY(look_up(scope, name));
  if (!found) return undefined(user, name);
  if (found->lost)
    return fail(ErrorId::unsupported_feature,
                fmt::format("{} uses '{}', an output of {} that hone does not compute", user.str(),
                            printable(name), describe(*found->lost)));
  if (!found->value.valid() && found->constant.valid())
    found->value = builder_.constant(found->constant);
  return found->value;
}

Status GraphImporter::bind(Scope& scope, std::string_view name, Binding binding, Party definer) {
  if (scope.names.emplace(name, binding).second) return ok();
  return fail(ErrorId::duplicate_name,
              fmt::format("{} defines '{}', which is defined or used before", definer.str(),
                          printable(name)));
}

Status GraphImporter::settle(Scope& scope, std::string_view name, ValueId value) {
  if (scope.inlined) return ok();
  Value& v = builder_.graph().at(value);
  if (v.kind != Value::Kind::node) return ok();
  if (v.name.empty()) {
    TRY(state_.ledger.charge(name.size(), "names of values"));
    v.name = std::string(name);
  }
  const auto declared = scope.declared.find(name);
  return declared == scope.declared.end() ? ok()
                                          : refine(scope, name, value, *declared->second, false);
}

// Declared types are notes of tools, which get stale: they are compared, but nothing is taken from
// them that no inference confirms, for passes rely on types. Only outputs of the main graph are
// held to their shapes.
Status GraphImporter::refine(Scope& scope, std::string_view value_name, ValueId id,
                             const TypeProto& declared_proto, bool is_output) {
  auto declared = to_type(declared_proto, state_.symbols, false);
  if (!declared) {
    if (!is_output) return ok();
    return std::move(declared)
        .context(fmt::format("reading the type of '{}'", printable(value_name)))
        .take_error();
  }
  const Value& value = builder_.graph()[id];
  const auto contradiction = [&](ErrorId error) {
    return fail(error, fmt::format("'{}' is declared as {}, but is {}", printable(value_name),
                                   declared->str(), value.type.str()));
  };
  const bool map = std::find(declared->wrappers.begin(), declared->wrappers.end(),
                             Type::Wrapper::map) != declared->wrappers.end();
  if (declared->wrappers != value.type.wrappers || (map && declared->key != value.type.key) ||
      declared->tensor.dtype != value.type.tensor.dtype)
    return contradiction(ErrorId::type_mismatch);
  const Shape& said = declared->tensor.shape;
  const Shape& shape = value.type.tensor.shape;
  const bool strict = is_output && !scope.outer;
  if (!strict || !value.type.is_tensor() || !said.ranked || !shape.ranked) return ok();
  if (shape.rank() != said.rank()) return contradiction(ErrorId::shape_mismatch);
  for (size_t i = 0; i < shape.rank(); ++i) {
    const auto is = shape.dims[i].constant(), wanted = said.dims[i].constant();
    if (is && wanted && *is != *wanted) return contradiction(ErrorId::shape_mismatch);
  }
  return ok();
}

Status GraphImporter::charge_growth() {
  const Graph& graph = builder_.graph();
  uint64_t bytes = 0;
  for (; charged_nodes_ < graph.node_capacity(); ++charged_nodes_)
    bytes += size_of(graph[NodeId{static_cast<uint32_t>(charged_nodes_)}]);
  for (; charged_values_ < graph.value_count(); ++charged_values_)
    bytes += size_of(graph[ValueId{static_cast<uint32_t>(charged_values_)}]);
  TRY(state_.ledger.charge(bytes, "the imported graph"));
  return state_.tensors.charge_others();
}

}  // namespace hone::onnx
