// ONNX control flow: If, Loop, Scan, SequenceMap.
#include <algorithm>

#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Values = std::vector<ValueId>;

Result<Values> translate_if(NodeContext& c) {
  std::vector<NodeContext::Nested> branches;
  branches.push_back(TRY(c.nested("then_branch", {})));
  branches.push_back(TRY(c.nested("else_branch", {})));
  Values inputs{c.input(0)};
  for (ValueId v : c.unify_captures(branches)) inputs.push_back(v);
  return c.emit("if", std::move(inputs), {{"then", branches[0].graph}, {"else", branches[1].graph}},
                branches[0].outputs.size());
}

// Imports a body whose formal inputs [first, first + carried) are fed back from its outputs
// [result, result + carried). Their types must hold for every iteration: where the body gives
// another type than it takes, it is imported again with wider ones. (The budget of nodes bounds the
// work: each is charged as often as it is imported.)
Result<NodeContext::Nested> nested_loop(NodeContext& c, Types formal, size_t first, size_t carried,
                                        size_t result) {
  Model& model = c.builder().model();
  for (int attempt = 0;; ++attempt) {
    const size_t graphs = model.graphs.size();
    auto body = TRY(c.nested("body", formal));
    if (body.outputs.size() < result + carried)
      return c.unsupported("the body has fewer outputs than carried values");
    bool stable = true;
    for (size_t i = 0; i < carried; ++i) {
      Type& taken = formal[first + i];
      Type given = body.outputs[result + i];
      // Where an optional is taken, what it would hold may be given.
      if (taken.is(Type::Wrapper::optional) && !given.is(Type::Wrapper::optional))
        given = Type::optional_of(std::move(given));
      if (refines(given, taken)) continue;
      auto both = join(taken, given);
      if (!both)
        return c.unsupported("a carried value is " + taken.str() + " first and " + given.str() +
                             " later");
      stable = false;
      taken = *std::move(both);
      if (attempt > 0) taken.tensor.shape = Shape::unranked();
    }
    if (stable || attempt == 2) return body;
    model.drop_graphs(graphs);  // the body and what is nested in it
  }
}

Result<Type> element_of(NodeContext& c, Type type, int64_t axis) {
  if (!type.is_tensor()) return c.unsupported("cannot scan " + type.str());
  type.tensor.encoding = {};
  Shape& shape = type.tensor.shape;
  if (!shape.ranked) return type;
  const auto rank = int64_t(shape.rank());
  if (axis < -rank || axis >= rank)
    return c.unsupported("axis " + std::to_string(axis) + " is out of range for " + shape.str());
  shape.dims.erase(shape.dims.begin() + (axis < 0 ? axis + rank : axis));
  return type;
}

Result<Type> dense_input(NodeContext& c, size_t i) {
  if (!c.has_input(i)) return c.unsupported("input " + std::to_string(i) + " is missing");
  Type type = c.input_type(i);
  type.tensor.encoding = {};
  return type;
}

Result<Values> translate_loop(NodeContext& c) {
  const size_t carried = c.input_count() > 2 ? c.input_count() - 2 : 0;
  Types formal{Type(DType::i64, Shape{}), Type(DType::boolean, Shape{})};
  for (size_t i = 0; i < carried; ++i) formal.push_back(TRY(dense_input(c, 2 + i)));
  const auto body = TRY(nested_loop(c, std::move(formal), 2, carried, 1));
  Values inputs{c.input(0), c.input(1)};
  for (size_t i = 0; i < carried; ++i) inputs.push_back(c.input(2 + i));
  inputs.insert(inputs.end(), body.captures.begin(), body.captures.end());
  return c.emit("loop", std::move(inputs), {{"body", body.graph}, {"carried", int64_t(carried)}},
                body.outputs.size() - 1);
}

Result<Values> translate_scan(NodeContext& c, bool batched) {
  const size_t first = batched ? 1 : 0;
  const size_t count = c.input_count() > first ? c.input_count() - first : 0;
  const int64_t scans = TRY(c.integer("num_scan_inputs"));
  if (scans < 1 || uint64_t(scans) > count)
    return c.unsupported("num_scan_inputs is " + std::to_string(scans) + " for " +
                         std::to_string(count) + " inputs");
  const size_t carried = count - size_t(scans);
  Builder::Given attrs{{"carried", int64_t(carried)}, {"num_scan_inputs", scans}};
  Integers axes(size_t(scans), 0);
  if (batched) {
    attrs.emplace_back("batched", int64_t{1});
    if (c.has("directions"))
      attrs.emplace_back("scan_input_directions", TRY(c.integers("directions")));
  } else {
    axes = TRY(c.integers("scan_input_axes", axes));
    if (axes.size() != size_t(scans))
      return c.unsupported("scan_input_axes has " + std::to_string(axes.size()) + " elements");
    attrs.emplace_back("scan_input_axes", axes);
    for (const char* name : {"scan_input_directions", "scan_output_axes", "scan_output_directions"})
      if (c.has(name)) attrs.emplace_back(name, TRY(c.integers(name)));
  }
  Types formal;
  for (size_t i = 0; i < count; ++i) {
    Type type = TRY(dense_input(c, first + i));
    if (batched) type = TRY(element_of(c, std::move(type), 0));
    if (i >= carried) type = TRY(element_of(c, std::move(type), axes[i - carried]));
    formal.push_back(std::move(type));
  }
  const auto body = TRY(nested_loop(c, std::move(formal), 0, carried, 0));
  attrs.emplace_back("body", body.graph);
  Values inputs{batched ? c.input(0) : ValueId{}};
  for (size_t i = 0; i < count; ++i) inputs.push_back(c.input(first + i));
  inputs.insert(inputs.end(), body.captures.begin(), body.captures.end());
  return c.emit("scan", std::move(inputs), std::move(attrs), body.outputs.size());
}

Result<Values> translate_sequence_map(NodeContext& c) {
  Types formal;
  for (size_t i = 0; i < c.input_count(); ++i) {
    const Type type = TRY(dense_input(c, i));
    formal.push_back(type.is(Type::Wrapper::sequence) ? type.element() : type);
  }
  const auto body = TRY(c.nested("body", formal));
  Values inputs = c.inputs();
  inputs.insert(inputs.end(), body.captures.begin(), body.captures.end());
  return c.emit("sequence_map", std::move(inputs),
                {{"body", body.graph}, {"mapped", int64_t(c.input_count())}}, body.outputs.size());
}

constexpr Translation kTable[] = {
    {"", "If", 1, {}, translate_if, first_inputs(1)},
    {"", "Loop", 1, {}, translate_loop},
    {"", "Scan", 8, {}, [](NodeContext& c) { return translate_scan(c, true); }},
    {"", "Scan", 9, {}, [](NodeContext& c) { return translate_scan(c, false); }},
    {"", "SequenceMap", 17, {}, translate_sequence_map, first_inputs(1)},
};

}  // namespace

std::span<const Translation> control_translations() { return kTable; }

}  // namespace hone::onnx
