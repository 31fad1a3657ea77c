#include "ir/op.h"

#include <algorithm>

#include "base/check.h"
#include "ir/model.h"

namespace hone {

OpDef::~OpDef() = default;

std::optional<Integers> Infer::integers(size_t i) const {
  const Known* elements = known(i);
  if (!elements) return std::nullopt;
  Integers out;
  for (const Dim& d : *elements) {
    const auto n = d.constant();
    if (!n) return std::nullopt;
    out.push_back(*n);
  }
  return out;
}

const Attr* Infer::find(std::string_view wanted) const {
  for (const NamedAttr& a : attrs_)
    if (a.name == wanted) return &a.value;
  for (const AttrDef& d : op_.attrs)
    if (d.name == wanted) return d.fallback ? &*d.fallback : nullptr;
  CHECK(!"an operator reads an attribute it does not declare");
  return nullptr;
}

namespace {

template <class T>
const T& need(const Attr* attr) {
  CHECK(attr != nullptr);
  const T* value = std::get_if<T>(attr);
  CHECK(value != nullptr);
  return *value;
}

}  // namespace

bool Infer::given(std::string_view wanted) const { return find(wanted) != nullptr; }
int64_t Infer::integer(std::string_view wanted) const { return need<int64_t>(find(wanted)); }
double Infer::real(std::string_view wanted) const {
  const Attr* attr = find(wanted);
  CHECK(attr != nullptr);
  if (const auto* wide = std::get_if<double>(attr)) return *wide;
  return need<float>(attr);
}
const std::string& Infer::text(std::string_view wanted) const {
  return need<std::string>(find(wanted));
}
const Integers& Infer::list(std::string_view wanted) const { return need<Integers>(find(wanted)); }
const Reals& Infer::reals(std::string_view wanted) const { return need<Reals>(find(wanted)); }
const Texts& Infer::texts(std::string_view wanted) const { return need<Texts>(find(wanted)); }
DType Infer::dtype_attr(std::string_view wanted) const { return need<DType>(find(wanted)); }
const Type& Infer::type_attr(std::string_view wanted) const { return need<Type>(find(wanted)); }
GraphId Infer::graph(std::string_view wanted) const { return need<GraphId>(find(wanted)); }

std::optional<Attr> Infer::attribute(std::string_view wanted) const {
  for (const AttrDef& d : op_.attrs) {
    if (d.name != wanted) continue;
    const Attr* value = find(wanted);
    return value ? std::optional<Attr>(*value) : std::nullopt;
  }
  return std::nullopt;
}

Types Infer::graph_inputs(std::string_view wanted) const {
  CHECK(model_ != nullptr);
  const Graph& g = model_->graphs[graph(wanted).index];
  Types types;
  for (ValueId v : g.inputs) types.push_back(g[v].type);
  return types;
}

Types Infer::graph_outputs(std::string_view wanted) const {
  CHECK(model_ != nullptr);
  const Graph& g = model_->graphs[graph(wanted).index];
  Types types;
  for (ValueId v : g.outputs()) types.push_back(g[v].type);
  return types;
}

Result<Tensor*> Call::out(size_t i) {
  const auto extents = out_types_[i].tensor.shape.fixed();
  if (!extents)
    return fail(ErrorId::internal, std::string(op_.name) + ": output " + std::to_string(i) +
                                       " has no fixed shape: " + out_types_[i].str());
  return out(i, *extents);
}

Result<Tensor*> Call::out(size_t i, Extents shape) {
  Datum& datum = out_[i];
  const DType dtype = out_types_[i].tensor.dtype;
  if (datum.tensor.defined() && datum.tensor.dtype() == dtype && datum.tensor.shape() == shape)
    return &datum.tensor;
  datum = Datum(TRY(Tensor::make(dtype, std::move(shape), memory_limit)));
  return &datum.tensor;
}

Catalogue::Catalogue(std::vector<const OpDef*> ops) : ops_(std::move(ops)) {
  std::sort(ops_.begin(), ops_.end(),
            [](const OpDef* a, const OpDef* b) { return a->name < b->name; });
  for (size_t i = 1; i < ops_.size(); ++i) CHECK(ops_[i - 1]->name != ops_[i]->name);
}

const OpDef* Catalogue::find(std::string_view wanted) const {
  auto it = std::lower_bound(ops_.begin(), ops_.end(), wanted,
                             [](const OpDef* op, std::string_view n) { return op->name < n; });
  return it != ops_.end() && (*it)->name == wanted ? *it : nullptr;
}

namespace {

// The port that input or output number i belongs to; null when there are too many.
const Port* port_for(const Ports& ports, size_t i) {
  if (i < ports.size()) return &ports[i];
  if (!ports.empty() && ports.back().presence == Port::Presence::variadic) return &ports.back();
  return nullptr;
}

std::string plural(size_t n, std::string_view what) {
  return std::to_string(n) + " " + std::string(what) + (n == 1 ? "" : "s");
}

Error arity_error(const OpDef& op, const Ports& ports, size_t given, std::string_view what) {
  size_t least = 0;
  for (const Port& p : ports) least += p.presence == Port::Presence::required;
  const bool open = !ports.empty() && ports.back().presence == Port::Presence::variadic;
  std::string range = std::to_string(least);
  if (open)
    range += " or more";
  else if (ports.size() != least)
    range += " to " + std::to_string(ports.size());
  return fail(ErrorId::bad_arity, std::string(op.name) + " takes " + range + " " +
                                      std::string(what) + "s, got " + std::to_string(given));
}

bool kind_fits(Port::Holds holds, const Type& type) {
  switch (holds) {
    case Port::Holds::any: return true;
    case Port::Holds::tensor: return type.is_tensor();
    case Port::Holds::sequence: return type.is(Type::Wrapper::sequence);
    case Port::Holds::optional: return type.is(Type::Wrapper::optional);
    case Port::Holds::map: return type.is(Type::Wrapper::map);
  }
  return false;
}

Status check_port(const OpDef& op, const Port& port, size_t i, const Type& type) {
  const std::string where =
      std::string(op.name) + ": input " + std::to_string(i) + " '" + std::string(port.name) + "' ";
  if (!kind_fits(port.holds, type))
    return fail(ErrorId::type_mismatch, where + "cannot be " + type.str());
  if (port.holds == Port::Holds::tensor && !port.dtypes.has(type.tensor.dtype))
    return fail(ErrorId::type_mismatch,
                where + "cannot hold " + std::string(name(type.tensor.dtype)));
  return ok();
}

}  // namespace

Status check_call(const OpDef& op, const Attrs& attrs, std::span<const Infer::Input> inputs,
                  size_t outputs) {
  (void)attrs;
  std::optional<DType> letters[128];
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Port* port = port_for(op.inputs, i);
    if (!port) return arity_error(op, op.inputs, inputs.size(), "input");
    if (!inputs[i].type) {
      if (port->presence == Port::Presence::required)
        return fail(ErrorId::bad_arity, std::string(op.name) + ": input " + std::to_string(i) +
                                            " '" + std::string(port->name) + "' is missing");
      continue;
    }
    TRY(check_port(op, *port, i, *inputs[i].type));
    if (!port->same || port->holds != Port::Holds::tensor) continue;
    auto& bound = letters[size_t(port->same) & 127];
    const DType dtype = inputs[i].type->tensor.dtype;
    if (!bound) bound = dtype;
    if (*bound != dtype)
      return fail(ErrorId::type_mismatch, std::string(op.name) + ": input " + std::to_string(i) +
                                              " '" + std::string(port->name) + "' holds " +
                                              std::string(name(dtype)) + " where " +
                                              std::string(name(*bound)) + " is needed");
  }
  for (size_t i = inputs.size(); i < op.inputs.size(); ++i)
    if (op.inputs[i].presence == Port::Presence::required)
      return arity_error(op, op.inputs, inputs.size(), "input");
  if (outputs > 0 && !port_for(op.outputs, outputs - 1))
    return arity_error(op, op.outputs, outputs, "output");
  for (size_t i = outputs; i < op.outputs.size(); ++i)
    if (op.outputs[i].presence == Port::Presence::required)
      return arity_error(op, op.outputs, outputs, "output");
  return ok();
}

Result<Attrs> normalize(const OpDef& op, std::vector<std::pair<std::string, Attr>> given) {
  Attrs out;
  const std::string where = std::string(op.name) + ": attribute '";
  std::vector<bool> used(given.size());
  for (const AttrDef& def : op.attrs) {
    Attr* value = nullptr;
    for (size_t i = 0; i < given.size(); ++i) {
      if (given[i].first != def.name) continue;
      if (value) return fail(ErrorId::bad_attribute, where + given[i].first + "' is given twice");
      value = &given[i].second;
      used[i] = true;
    }
    if (!value) {
      if (def.required)
        return fail(ErrorId::bad_attribute, where + std::string(def.name) + "' is missing");
      continue;
    }
    if (!has_kind(*value, def.kind) && !std::holds_alternative<AttrVariable>(*value))
      return fail(ErrorId::bad_attribute, where + std::string(def.name) + "' must be of kind " +
                                              std::string(name(def.kind)) + ", is " +
                                              print(*value));
    if (const auto* wide = std::get_if<double>(value)) *value = real_attr(*wide);
    if (!(def.fallback && *def.fallback == *value)) out.push_back({def.name, *value});
  }
  for (size_t i = 0; i < given.size(); ++i)
    if (!used[i])
      return fail(ErrorId::bad_attribute, where + given[i].first + "' is unknown; " +
                                              plural(op.attrs.size(), "attribute") + " declared");
  return out;
}

Cost default_cost(const Infer& c, const Types& out) {
  Cost cost;
  for (size_t i = 0; i < c.inputs(); ++i)
    if (c.has(i)) cost.bytes_read = cost.bytes_read + stored_bytes(c.tensor(i));
  for (const Type& type : out) {
    if (!type.is_tensor()) continue;
    cost.bytes_written = cost.bytes_written + stored_bytes(type.tensor);
    cost.flops = cost.flops + element_count(type.tensor.shape);
  }
  return cost;
}

Cost cost_of(const Infer& c, const Types& out) {
  return c.op().cost ? c.op().cost(c, out) : default_cost(c, out);
}

}  // namespace hone
