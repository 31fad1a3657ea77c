// Attributes of a node for its translation, and the nodes that the translation makes.
#include <fmt/format.h>

#include "base/text.h"
#include "import/onnx/import_state.h"
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

constexpr std::string_view kTypeNames[] = {
    "nothing", "a float",         "an integer",     "a string", "a tensor",
    "a graph", "floats",          "integers",       "strings",  "tensors",
    "graphs",  "a sparse tensor", "sparse tensors", "a type",   "types"};

// Attributes that say nothing about what is computed.
bool is_idle(std::string_view name, int64_t opset) {
  return name.starts_with("__") || name == "doc_string" ||
         (name == "consumed_inputs" && opset < 6);  // of the in-place operators of the first opsets
}

Texts to_texts(const std::vector<std::string_view>& strings) {
  return Texts(strings.begin(), strings.end());
}

}  // namespace

std::string NodeContext::describe() const { return onnx::describe(node_); }

const Type& NodeContext::type_of(ValueId value) {
  static const Type missing(DType::f32, Shape::unranked());
  return value.valid() ? builder_.graph()[value].type : missing;
}

Error NodeContext::attribute_error(std::string_view name, std::string_view what) const {
  return fail(ErrorId::bad_attribute,
              fmt::format("{}: attribute '{}' {}", describe(), printable(name), what));
}

Error NodeContext::unsupported(std::string why) const {
  return fail(ErrorId::unsupported_feature, fmt::format("{}: {}", describe(), why));
}

const AttributeProto* NodeContext::use(std::string_view name) {
  const AttributeProto* a = node_.find(name);
  if (a) used_[static_cast<size_t>(a - node_.attributes.data())] = true;
  return a;
}

Result<const AttributeProto*> NodeContext::use(std::string_view name, AttributeType type,
                                               bool required) {
  const AttributeProto* a = use(name);
  if (!a) {
    if (required) return attribute_error(name, "is missing");
    return a;
  }
  if (a->type == type) return a;
  // An empty list has no field that would tell its type, where the type is left out.
  const bool list = type == AttributeType::reals || type == AttributeType::integers ||
                    type == AttributeType::texts;
  if (list && a->type == AttributeType::undefined) return a;
  return attribute_error(
      name, fmt::format("must hold {}, holds {}", kTypeNames[static_cast<size_t>(type)],
                        kTypeNames[static_cast<size_t>(a->type)]));
}

bool NodeContext::has(std::string_view name) { return use(name) != nullptr; }
void NodeContext::ignore(std::string_view name) { use(name); }

Result<int64_t> NodeContext::integer(std::string_view name, std::optional<int64_t> fallback) {
  const auto* a = TRY(use(name, AttributeType::integer, !fallback));
  return a ? a->i : *fallback;
}

Result<float> NodeContext::real(std::string_view name, std::optional<float> fallback) {
  const auto* a = TRY(use(name, AttributeType::real, !fallback));
  return a ? a->f : *fallback;
}

Result<std::string> NodeContext::text(std::string_view name, std::optional<std::string> fallback) {
  const auto* a = TRY(use(name, AttributeType::text, !fallback));
  if (!a) return *std::move(fallback);
  TRY(state_.ledger.charge(a->s.size(), "attributes"));
  return std::string(a->s);
}

Result<Integers> NodeContext::integers(std::string_view name, std::optional<Integers> fallback) {
  const auto* a = TRY(use(name, AttributeType::integers, !fallback));
  if (!a) return *std::move(fallback);
  TRY(state_.ledger.charge(a->ints.size() * sizeof(int64_t), "attributes"));
  return a->ints;
}

Result<Reals> NodeContext::reals(std::string_view name, std::optional<Reals> fallback) {
  const auto* a = TRY(use(name, AttributeType::reals, !fallback));
  if (!a) return *std::move(fallback);
  TRY(state_.ledger.charge(a->floats.size() * sizeof(float), "attributes"));
  return a->floats;
}

Result<Texts> NodeContext::texts(std::string_view name, std::optional<Texts> fallback) {
  const auto* a = TRY(use(name, AttributeType::texts, !fallback));
  if (!a) return *std::move(fallback);
  for (const std::string_view s : a->strings)
    TRY(state_.ledger.charge(s.size() + sizeof(std::string), "attributes"));
  return to_texts(a->strings);
}

Result<DType> NodeContext::dtype(std::string_view name, std::optional<DType> fallback) {
  const auto* a = TRY(use(name, AttributeType::integer, !fallback));
  if (!a) return *fallback;
  if (const auto dtype = dtype_of_onnx(a->i)) return *dtype;
  return attribute_error(name, fmt::format("is {}, which is no element type", a->i));
}

Result<Tensor> NodeContext::tensor(std::string_view name) {
  const AttributeProto* given = use(name);
  if (given && given->type == AttributeType::sparse_tensor) {
    const auto proto = TRY(parse_sparse_tensor(given->sparse, given->sparse_offset, state_.ledger));
    return state_.tensors.tensor(proto).context(describe());
  }
  const auto* a = TRY(use(name, AttributeType::tensor, true));
  const auto proto = TRY(parse_tensor(a->t, a->t_offset, state_.ledger));
  return state_.tensors.tensor(proto).context(describe());
}

Result<ConstantId> NodeContext::tensor_constant(std::string_view name, std::string constant_name) {
  const AttributeProto* given = use(name);
  if (given && given->type == AttributeType::sparse_tensor) {
    const auto proto = TRY(parse_sparse_tensor(given->sparse, given->sparse_offset, state_.ledger));
    return state_.tensors.constant(proto, std::move(constant_name)).context(describe());
  }
  const auto* a = TRY(use(name, AttributeType::tensor, true));
  const auto proto = TRY(parse_tensor(a->t, a->t_offset, state_.ledger));
  return state_.tensors.constant(proto, std::move(constant_name)).context(describe());
}

Result<Type> NodeContext::type(std::string_view name) {
  const auto* a = TRY(use(name, AttributeType::type, true));
  const auto proto = TRY(parse_type(a->tp, a->tp_offset, state_.ledger));
  return to_type(proto, state_.symbols, false).context(describe());
}

// Every node has a copy, which the calls around it and a file with few nodes can make long.
Status NodeContext::charge_name() { return state_.ledger.charge(name_.size(), "names of nodes"); }

Result<std::vector<ValueId>> NodeContext::emit(std::string_view op, std::vector<ValueId> inputs,
                                               Builder::Given attrs,
                                               std::optional<size_t> outputs) {
  TRY(charge_name());
  return builder_.emit(op, std::move(inputs), std::move(attrs), outputs.value_or(output_count()),
                       name_);
}

Result<ValueId> NodeContext::emit1(std::string_view op, std::vector<ValueId> inputs,
                                   Builder::Given attrs) {
  TRY(charge_name());
  return TRY(builder_.emit(op, std::move(inputs), std::move(attrs), 1, name_))[0];
}

Result<Builder::Given> NodeContext::given_to(const OpDef& op) {
  Builder::Given given;
  for (const AttrDef& def : op.attrs) {
    if (!has(def.name)) continue;
    const auto as_attr = [&]() -> Result<Attr> {
      switch (def.kind) {
        case AttrKind::integer: return Attr(TRY(integer(def.name)));
        case AttrKind::real: return Attr(TRY(real(def.name)));
        case AttrKind::text: return Attr(TRY(text(def.name)));
        case AttrKind::integers: return Attr(TRY(integers(def.name)));
        case AttrKind::reals: return Attr(TRY(reals(def.name)));
        case AttrKind::texts: return Attr(TRY(texts(def.name)));
        case AttrKind::dtype: return Attr(TRY(dtype(def.name)));
        case AttrKind::type: return Attr(TRY(type(def.name)));
        case AttrKind::graph: break;
      }
      return attribute_error(def.name, "holds a graph, which needs a translation of its own");
    };
    Attr value = TRY(as_attr());
    given.emplace_back(std::string(def.name), std::move(value));
  }
  return given;
}

Status NodeContext::check_required(uint32_t required) const {
  for (size_t i = 0; required >> i != 0; ++i)
    if ((required >> i & 1) != 0 && !has_input(i))
      return fail(ErrorId::bad_arity, fmt::format("{}: input {} is missing", describe(), i));
  return ok();
}

Status NodeContext::check_all_used() const {
  for (size_t i = 0; i < used_.size(); ++i)
    if (!used_[i] && !is_idle(node_.attributes[i].name, opset_))
      return attribute_error(node_.attributes[i].name,
                             fmt::format("is unknown in version {} of the operator set", opset_));
  return ok();
}

}  // namespace hone::onnx
