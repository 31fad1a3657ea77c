#include "ir/builder.h"

#include "base/checked.h"
#include "base/text.h"

namespace hone {
namespace {

std::string signature(const OpDef& op, std::span<const Infer::Input> inputs) {
  std::string text(op.name);
  text += "(";
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (i) text += ", ";
    text += inputs[i].type ? inputs[i].type->str() : "_";
    if (text.size() > 400) return text + ", …)";
  }
  return text + ")";
}

}  // namespace

Status check_sizes(const OpDef& op, const Type& type) {
  if (type.wrappers.size() > kMaxTypeDepth) {
    Error error =
        fail(ErrorId::over_depth, std::string(op.name) + " gives a type of " +
                                      std::to_string(type.wrappers.size()) +
                                      " wrappers; there can be " + std::to_string(kMaxTypeDepth));
    error.hint = "types are wrapped no deeper, whatever the settings say";
    return error;
  }
  const auto extents = type.tensor.shape.fixed();
  if (!extents) {
    if (!type.tensor.shape.ranked) return ok();
    for (const Dim& d : type.tensor.shape.dims)
      if (auto n = d.constant(); n && *n < 0)
        return fail(ErrorId::shape_mismatch,
                    std::string(op.name) + " gives a negative extent in " + type.str());
    return ok();
  }
  for (int64_t n : *extents)
    if (n < 0)
      return fail(ErrorId::shape_mismatch,
                  std::string(op.name) + " gives a negative extent in " + type.str());
  const auto count = checked_product(*extents);
  if (!count || !bytes_for(type.tensor.dtype, *count))
    return fail(ErrorId::overflow,
                std::string(op.name) + " gives " + type.str() + ", too large to address");
  return ok();
}

Result<Inferred> infer_node(const Model& model, const Graph& graph, const OpDef& op,
                            const Attrs& attrs, std::span<const ValueId> inputs, size_t outputs) {
  std::vector<Infer::Input> seen;
  seen.reserve(inputs.size());
  for (ValueId v : inputs) {
    if (!v.valid()) {
      seen.push_back({});
      continue;
    }
    const Value& value = graph[v];
    seen.push_back({&value.type, value.known ? &*value.known : nullptr});
  }
  auto doing = [&] { return "inferring the types of " + signature(op, seen); };
  if (auto status = check_call(op, attrs, seen, outputs); !status)
    return std::move(status).context(doing()).take_error();
  const Infer c(op, attrs, seen, outputs, &model);
  Inferred result;
  if (auto types = op.infer(c); types)
    result.types = types.take();
  else
    return std::move(types).context(doing()).take_error();
  if (result.types.size() < outputs)
    return fail(ErrorId::bad_arity, std::string(op.name) + " has " +
                                        std::to_string(result.types.size()) + " outputs, " +
                                        std::to_string(outputs) + " asked for");
  result.types.resize(outputs);
  result.known.resize(outputs);
  for (size_t slot = 0; slot < outputs; ++slot) {
    Type& type = result.types[slot];
    type.tensor.encoding = {};  // only constants and states are stored encoded
    if (auto status = check_sizes(op, type); !status)
      return std::move(status).context(doing()).take_error();
    if (!op.propagate || !type.is_tensor() || type.tensor.shape.rank() > 1) continue;
    auto known = op.propagate(c, slot);
    if (known && int64_t(known->size()) <= kMaxKnown) result.known[slot] = std::move(known);
  }
  return result;
}

Result<std::vector<ValueId>> Builder::emit(const OpDef& op, std::vector<ValueId> inputs,
                                           Given given, size_t outputs, std::string node_name) {
  auto doing = [&] {
    return "adding " +
           (node_name.empty() ? std::string(op.name) : "node '" + printable(node_name) + "'");
  };
  while (!inputs.empty() && !inputs.back().valid()) inputs.pop_back();
  auto attrs = normalize(op, std::move(given));
  if (!attrs) return std::move(attrs).context(doing()).take_error();
  auto inferred = infer_node(model_, graph(), op, *attrs, inputs, outputs);
  if (!inferred) return std::move(inferred).context(doing()).take_error();
  Graph& g = graph();
  const NodeId id = g.add_node(op, attrs.take(), std::move(inputs), std::move(inferred->types));
  g.at(id).name = std::move(node_name);
  const std::vector<ValueId> results = g[id].outputs;
  for (size_t slot = 0; slot < results.size(); ++slot)
    g.at(results[slot]).known = std::move(inferred->known[slot]);
  return results;
}

Result<std::vector<ValueId>> Builder::emit(std::string_view op_name, std::vector<ValueId> inputs,
                                           Given given, size_t outputs, std::string node_name) {
  const OpDef* op = catalogue_.find(op_name);
  if (!op)
    return fail(ErrorId::unsupported_operator,
                "there is no operator '" + printable(op_name) + "' in the catalogue");
  return emit(*op, std::move(inputs), std::move(given), outputs, std::move(node_name));
}

Result<ValueId> Builder::emit1(std::string_view op_name, std::vector<ValueId> inputs, Given given) {
  return TRY(emit(op_name, std::move(inputs), std::move(given), 1))[0];
}

ValueId Builder::constant(ConstantId id) {
  const ValueId v = graph().constant_value(id, model_.constants[id.index].type);
  Value& value = graph().at(v);
  const TensorType& type = value.type.tensor;
  if (!value.known && type.shape.rank() <= 1 && (kInts | DTypes(DType::boolean)).has(type.dtype))
    if (auto count = element_count(type.shape).constant(); count && *count <= kMaxKnown)
      if (auto tensor = model_.read(id); tensor) value.known = known_elements(*tensor);
  return v;
}

ValueId Builder::constant(Tensor tensor, std::string constant_name) {
  return constant(model_.add_constant(std::move(constant_name), std::move(tensor)));
}

ValueId Builder::integers(const Integers& elements) {
  return constant(Tensor::of({int64_t(elements.size())}, elements));
}

Result<ValueId> Builder::scalar(DType dtype, double value) {
  if (dtype == DType::string || is_complex(dtype))
    return fail(ErrorId::type_mismatch,
                "a real number is needed where there are elements of " + std::string(name(dtype)));
  return constant(Tensor::scalar(dtype, value));
}

}  // namespace hone
