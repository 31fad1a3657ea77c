#include "runtime/specialization.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "ir/builder.h"
#include "runtime/places.h"

namespace hone {
namespace {

bool is_fixed_tensor(const Type& t) {
  return t.is_tensor() && t.tensor.shape.is_fixed() && t.tensor.dtype != DType::string;
}

Error misfit(const Given& g, const std::string& why = {}) {
  const bool state = g.port->kind == Value::Kind::state;
  return fail(ErrorId::bad_data, (state ? "state '" : "input '") + printable(g.port->name) +
                                     "' takes " + g.port->type.str() + ", got " + g.type.str() +
                                     why);
}

// The name of the symbol that this is, if it is nothing else.
std::optional<std::string> symbol_of(const Dim& d) {
  std::optional<std::string> symbol;
  d.each_symbol([&](const std::string& s) { symbol = s; });
  if (!symbol || d != Dim::symbol(*symbol)) return std::nullopt;
  return symbol;
}

bool all_bound(const Dim& d, const Dim::Bindings& bindings) {
  bool all = true;
  d.each_symbol([&](const std::string& symbol) { all = all && bindings.contains(symbol); });
  return all;
}

}  // namespace

Error not_as_declared(const Value& value, const Type& actual) {
  return fail(ErrorId::bad_data, "value '" + printable(value.name) + "' is " + actual.str() +
                                     " where the model says " + value.type.str());
}

Status bind_symbols(const std::vector<Given>& given, Dim::Bindings& bindings) {
  // Symbols that stand alone first: what is made of them may come before them.
  for (const Given& g : given) {
    const Type &declared = g.port->type, &actual = g.type;
    const Shape &want = declared.tensor.shape, &have = actual.tensor.shape;
    if (declared.wrappers != actual.wrappers || declared.tensor.dtype != actual.tensor.dtype)
      return misfit(g);
    if (!want.ranked || !declared.is_tensor()) continue;
    if (want.rank() != have.rank()) return misfit(g);
    for (size_t axis = 0; axis < want.rank(); ++axis)
      if (const auto symbol = symbol_of(want.dims[axis]))
        bindings.emplace(*symbol, *have.dims[axis].constant());
  }
  std::map<Dim, int64_t> rests;  // of polynomials with symbols that nothing binds
  for (const Given& g : given) {
    const Shape &want = g.port->type.tensor.shape, &have = g.type.tensor.shape;
    if (!want.ranked || !g.type.is_tensor()) continue;
    for (size_t axis = 0; axis < want.rank(); ++axis) {
      const Dim& dim = want.dims[axis];
      if (dim.is_unknown()) continue;
      const int64_t actual = *have.dims[axis].constant();
      std::optional<int64_t> wanted = dim.evaluate(bindings);
      if (!wanted && !all_bound(dim, bindings)) {
        const Dim rest = dim.substitute(bindings);
        if (rest.is_unknown()) continue;
        wanted = rests.emplace(rest, actual).first->second;
      }
      if (wanted == actual) continue;
      const std::string is = dim.is_constant() ? ""
                             : wanted          ? " is " + std::to_string(*wanted)
                                               : " has no value";
      return misfit(g, " (axis " + std::to_string(axis) + ": " + dim.str() + is + ", not " +
                           std::to_string(actual) + ")");
    }
  }
  return ok();
}

Result<std::unique_ptr<Specialization>> Specialization::make(const Program& program, GraphId graph,
                                                             const Types& inputs,
                                                             const Types& states) {
  auto made = std::unique_ptr<Specialization>(new Specialization);
  TRY(made->infer(program, graph, inputs, states));
  TRY(made->place_values(program, graph));
  return made;
}

Status Specialization::infer(const Program& program, GraphId id, const Types& inputs,
                             const Types& states) {
  const Graph& graph = program.model().graphs[id.index];
  const Program::GraphPlan& plan = program.plan(id);
  types_.resize(graph.value_count());
  known_.resize(graph.value_count());
  for (uint32_t v = 0; v < graph.value_count(); ++v) {
    const Value& value = graph[ValueId{v}];
    if (value.kind != Value::Kind::constant) continue;
    types_[v] = Type(program.constant(value.constant).type());
    known_[v] = known_elements(program.constant(value.constant));
  }
  for (size_t i = 0; i < inputs.size(); ++i) types_[graph.inputs[i].index] = inputs[i];
  for (size_t i = 0; i < states.size(); ++i) types_[graph.states()[i].now.index] = states[i];
  steps_.resize(plan.order.size());
  for (size_t s = 0; s < steps_.size(); ++s) {
    steps_[s].node = plan.order[s];
    TRY(infer_step(program, graph, steps_[s])
            .context("planning " + std::string(graph[plan.order[s]].op->name) + " '" +
                     printable(graph[plan.order[s]].name) + "'"));
  }
  return ok();
}

Status Specialization::infer_step(const Program& program, const Graph& graph, Step& step) {
  const Node& node = graph[step.node];
  for (ValueId v : node.inputs) {
    if (!v.valid())
      step.in_types.push_back({});
    else
      step.in_types.push_back({&types_[v.index], known_[v.index] ? &*known_[v.index] : nullptr});
  }
  const Infer c(*node.op, node.attrs, step.in_types, node.outputs.size(), &program.model());
  step.out_types = TRY(node.op->infer(c));
  step.out_types.resize(node.outputs.size());
  step.planned = true;
  for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
    const ValueId v = node.outputs[slot];
    TRY(check_sizes(*node.op, step.out_types[slot]));
    if (!compatible(step.out_types[slot], graph[v].type))
      return not_as_declared(graph[v], step.out_types[slot]);
    types_[v.index] = step.out_types[slot];
    step.planned = step.planned && is_fixed_tensor(step.out_types[slot]);
    if (node.op->propagate && step.out_types[slot].is_tensor() &&
        step.out_types[slot].tensor.shape.rank() <= 1)
      if (auto known = node.op->propagate(c, slot); known && int64_t(known->size()) <= kMaxKnown)
        known_[v.index] = std::move(known);
  }
  for (const auto& input : step.in_types)
    if (input.type && !(input.type->is_tensor() && input.type->tensor.shape.is_fixed()))
      step.planned = false;
  return ok();
}

Status Specialization::place_values(const Program& program, GraphId id) {
  const Graph& graph = program.model().graphs[id.index];
  const Program::GraphPlan& plan = program.plan(id);
  Places places(graph, plan, types_, steps_);
  const Placement placement = TRY(places.place(program.limits().runtime_memory));
  arena_bytes_ = placement.arena_bytes;
  peak_live_bytes_ = placement.peak_live_bytes;

  // What nothing uses goes at once.
  for (size_t s = 0; s < steps_.size(); ++s)
    for (ValueId v : graph[steps_[s].node].outputs) {
      if (places.escapes(v.index)) continue;
      const int32_t use = plan.last_use[v.index];
      steps_[use >= 0 ? size_t(use) : s].release.push_back(v.index);
    }
  for (uint32_t v = 0; v < graph.value_count(); ++v) {
    const Value::Kind kind = graph[ValueId{v}].kind;
    if (kind != Value::Kind::constant && (kind != Value::Kind::node || places.escapes(v)))
      kept_.push_back(v);
  }
  return ok();
}

}  // namespace hone
