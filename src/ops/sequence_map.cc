// A graph applied to each element of sequences.
#include "ops/control.h"

namespace hone {
namespace {

Result<size_t> mapped(const Infer& c) {
  const int64_t n = c.integer("mapped");
  if (n < 1 || uint64_t(n) > c.inputs())
    return attribute_error(
        c, "mapped is " + std::to_string(n) + " for " + std::to_string(c.inputs()) + " inputs");
  return size_t(n);
}

Result<Types> infer(const Infer& c) {
  const size_t n = TRY(mapped(c));
  Types arguments;
  for (size_t i = 0; i < c.inputs(); ++i) {
    if (!c.has(i)) return type_error(c, "input " + std::to_string(i) + " is missing");
    const Type& type = c.type(i);
    arguments.push_back(i < n && type.is(Type::Wrapper::sequence) ? type.element() : type);
  }
  TRY(expect_arguments(c, "body", arguments));
  TRY(expect_results(c, "body", c.outputs()));
  Types out;
  for (const Type& type : c.graph_outputs("body")) out.push_back(Type::sequence_of(type));
  return out;
}

Status reference(Call& c) {
  const size_t n = TRY(mapped(c));
  const size_t length = c.datum(0).items.size();
  for (size_t i = 1; i < n; ++i)
    if (c.datum(i).kind == Datum::Kind::sequence && c.datum(i).items.size() != length)
      return shape_error(c, "the sequences have " + std::to_string(length) + " and " +
                                std::to_string(c.datum(i).items.size()) + " elements");
  if (length > c.iteration_limit)
    return fail(ErrorId::over_time, "sequence_map: the sequence is longer than the limit");
  const Types types = c.graph_outputs("body");
  std::vector<Datum> out(c.outputs());
  for (size_t k = 0; k < out.size(); ++k) {
    out[k].kind = Datum::Kind::sequence;
    out[k].empty_type = types[k];
  }
  for (size_t i = 0; i < length; ++i) {
    std::vector<Datum> arguments;
    for (size_t k = 0; k < c.inputs(); ++k) {
      const Datum& datum = c.datum(k);
      const bool element = k < n && datum.kind == Datum::Kind::sequence;
      arguments.push_back(element ? datum.items[i] : datum);
    }
    auto results = TRY(run_nested(c, "body", arguments));
    for (size_t k = 0; k < out.size(); ++k) out[k].items.push_back(std::move(results[k]));
  }
  for (size_t k = 0; k < out.size(); ++k) TRY(hand_on(c, k, std::move(out[k])));
  return ok();
}

}  // namespace

const OpDef& sequence_map_op() {
  static const OpDef def{
      .name = "sequence_map",
      .doc =
          "Sequences of what `body` gives for the elements of the first `mapped` inputs "
          "(sequences of one length; tensors are passed whole) and the captures.",
      .inputs = {{"sequence", kAny, 0, Port::Presence::required, Port::Holds::sequence},
                 {"values", kAny, 0, Port::Presence::variadic, Port::Holds::any}},
      .outputs = {{"outputs", kAny, 0, Port::Presence::variadic, Port::Holds::sequence}},
      .attrs = {{"body", AttrKind::graph, true}, {"mapped", AttrKind::integer, true}},
      .traits = Trait::control,
      .infer = infer,
      .reference = reference,
      .examples = {R"(graph main(x: sequence(f32[2]), y: sequence(f32[2]), b: f32[2]) -> (z) {
        z = sequence_map(x, y, b) <body=graph body, mapped=2>
      }
      graph body(x: f32[2], y: f32[2], b: f32[2]) -> (z) { z = add(mul(x, y), b) })"},
  };
  return def;
}

}  // namespace hone
