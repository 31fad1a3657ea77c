// Choice between two graphs.
#include "ops/control.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  Types arguments;
  for (size_t i = 1; i < c.inputs(); ++i) {
    if (!c.has(i)) return type_error(c, "capture " + std::to_string(i - 1) + " is missing");
    arguments.push_back(c.type(i));
  }
  for (const char* branch : {"then", "else"}) {
    TRY(expect_arguments(c, branch, arguments));
    TRY(expect_results(c, branch, c.outputs()));
  }
  if (auto n = element_count(c.shape(0)).constant(); n && *n != 1)
    return shape_error(c, "the condition must be a single boolean, has shape " + c.shape(0).str());
  const Types a = c.graph_outputs("then"), b = c.graph_outputs("else");
  Types out;
  for (size_t i = 0; i < a.size(); ++i) out.push_back(TRY(either(c, a[i], b[i])));
  return out;
}

Status reference(Call& c) {
  std::vector<Datum> arguments;
  for (size_t i = 1; i < c.inputs(); ++i) arguments.push_back(c.datum(i));
  auto results = TRY(run_nested(c, TRY(truth(c, c.datum(0))) ? "then" : "else", arguments));
  for (size_t i = 0; i < results.size(); ++i) TRY(hand_on(c, i, std::move(results[i])));
  return ok();
}

}  // namespace

const OpDef& if_op() {
  static const OpDef def{
      .name = "if",
      .doc =
          "The outputs of the graph `then` where the condition (one boolean) holds, else those of "
          "`else`. Both graphs take the captures.",
      .inputs = {{"condition", DType::boolean},
                 {"captures", kAny, 0, Port::Presence::variadic, Port::Holds::any}},
      .outputs = {{"outputs", kAny, 0, Port::Presence::variadic, Port::Holds::any}},
      .attrs = {{"then", AttrKind::graph, true}, {"else", AttrKind::graph, true}},
      .traits = Trait::control,
      .infer = infer,
      .reference = reference,
      .examples = {R"(graph main(c: bool[], x: f32[2,3], y: f32[2,3]) -> (z) {
        z = if(c, x, y) <then=graph yes, else=graph no>
      }
      graph yes(x: f32[2,3], y: f32[2,3]) -> (z) { z = add(x, y) }
      graph no(x: f32[2,3], y: f32[2,3]) -> (z) { z = neg(x) })",
                   R"(graph main(x: f32[2]) -> (z) {
        z = if(bool[1]{0}, x) <then=graph yes, else=graph no>
      }
      graph yes(x: f32[2]) -> (x) {}
      graph no(x: f32[2]) -> (z) { z = concat(x, x) <axis=0> })"},
  };
  return def;
}

}  // namespace hone
