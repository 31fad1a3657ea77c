// Repetition of a graph while a condition holds.
#include "ops/control.h"

namespace hone {
namespace {

constexpr size_t kFirst = 2;  // carried values start after the trip count and the condition

Result<size_t> carried(const Infer& c) {
  const int64_t n = c.integer("carried");
  const size_t given = c.inputs() > kFirst ? c.inputs() - kFirst : 0;
  if (n < 0 || uint64_t(n) > given)
    return attribute_error(
        c, std::to_string(n) + " carried values, but " + std::to_string(given) + " inputs");
  return size_t(n);
}

// Where the body takes an optional, it may give what the optional would hold; so does the loop
// then.
bool opens(const Type& taken, const Type& given) {
  return taken.is(Type::Wrapper::optional) && !given.is(Type::Wrapper::optional);
}

Datum wrapped(Datum value) {
  Datum out;
  out.kind = Datum::Kind::optional;
  out.empty_type = value.type();
  out.items.push_back(std::move(value));
  return out;
}

Result<Types> infer(const Infer& c) {
  const size_t n = TRY(carried(c));
  for (size_t i = 0; i < kFirst; ++i) {
    if (!c.has(i)) continue;
    if (auto count = element_count(c.shape(i)).constant(); count && *count != 1)
      return shape_error(
          c, "input " + std::to_string(i) + " must be one element, has shape " + c.shape(i).str());
  }
  const Types formal = c.graph_inputs("body");
  if (formal.size() < kFirst) return type_error(c, "the body takes fewer than two inputs");
  // The body may want its scalars as vectors of one element.
  Types arguments{formal[0], formal[1]};
  if (!formal[0].is_tensor() || formal[0].tensor.dtype != DType::i64)
    return type_error(c, "the body takes " + formal[0].str() + " for the iteration");
  if (!formal[1].is_tensor() || formal[1].tensor.dtype != DType::boolean)
    return type_error(c, "the body takes " + formal[1].str() + " for the condition");
  for (size_t i = kFirst; i < c.inputs(); ++i) {
    if (!c.has(i)) return type_error(c, "input " + std::to_string(i) + " is missing");
    arguments.push_back(c.type(i));
  }
  TRY(expect_arguments(c, "body", arguments));
  TRY(expect_results(c, "body", c.outputs() + 1));
  if (c.outputs() < n) return type_error(c, "there are more carried values than outputs");
  const Types results = c.graph_outputs("body");
  Types out;
  for (size_t i = 0; i < n; ++i) {
    const Type &taken = formal[kFirst + i], &given = results[1 + i], &first = c.type(kFirst + i);
    const bool open = opens(taken, given);
    if (!compatible(open ? taken.element() : taken, given))
      return type_error(c, "the body takes " + taken.str() + " for carried value " +
                               std::to_string(i) + ", but gives " + given.str());
    out.push_back(TRY(either(c, open ? first.element() : first, given)));
  }
  for (size_t i = n; i < c.outputs(); ++i)
    out.push_back(TRY(with_axis(c, results[1 + i], 0, Dim::unknown())));
  return out;
}

// A scalar as the body declares it: with one axis or with none.
Datum scalar_for(const Type& formal, DType dtype, int64_t value) {
  Tensor t = Tensor::scalar(dtype, 0);
  store_integer(t, 0, value);
  const Shape& shape = formal.tensor.shape;
  return shape.ranked ? t.reshaped(Extents(shape.rank(), 1)) : t;
}

Status reference(Call& c) {
  const size_t n = TRY(carried(c));
  const Types formal = c.graph_inputs("body"), results = c.graph_outputs("body");
  std::vector<Datum> values, captures;
  for (size_t i = kFirst; i < c.inputs(); ++i)
    (i < kFirst + n ? values : captures).push_back(c.datum(i));
  std::vector<Stack> stacks(c.outputs() - n);
  const int64_t trips = c.has(0) ? load_integer(c.in(0), 0) : INT64_MAX;
  bool go_on = c.has(1) ? TRY(truth(c, c.datum(1))) : true;
  int64_t i = 0;
  for (; i < trips && go_on; ++i) {
    if (uint64_t(i) >= c.iteration_limit)
      return fail(ErrorId::over_time,
                  "loop: " + std::to_string(i) + " iterations and no end; the limit is reached");
    std::vector<Datum> arguments{scalar_for(formal[0], DType::i64, i),
                                 scalar_for(formal[1], DType::boolean, 1)};
    for (size_t k = 0; k < n; ++k) {
      const bool wrap = i > 0 && opens(formal[kFirst + k], results[1 + k]);
      arguments.push_back(wrap ? wrapped(std::move(values[k])) : std::move(values[k]));
    }
    arguments.insert(arguments.end(), captures.begin(), captures.end());
    auto outputs = TRY(run_nested(c, "body", arguments));
    go_on = TRY(truth(c, outputs[0]));
    for (size_t k = 0; k < n; ++k) values[k] = std::move(outputs[1 + k]);
    for (size_t k = 0; k < stacks.size(); ++k) TRY(stacks[k].push(c, outputs[1 + n + k]));
  }
  for (size_t k = 0; k < n; ++k) {
    Datum& value = values[k];
    if (i == 0 && opens(formal[kFirst + k], results[1 + k])) {
      if (value.items.empty())
        return value_error(c, "carried value " + std::to_string(k) + " is an empty optional");
      value = Datum(value.items[0]);
    }
    TRY(hand_on(c, k, std::move(value)));
  }
  for (size_t k = 0; k < stacks.size(); ++k)
    TRY(hand_on(
        c, n + k,
        Datum(TRY(stacks[k].join(c, results[1 + n + k].tensor, 0, false, stacks[k].size())))));
  return ok();
}

}  // namespace

const OpDef& loop_op() {
  static const OpDef def{
      .name = "loop",
      .doc =
          "Runs `body` while its condition holds, at most max_trip_count times. The body takes "
          "iteration (i64), condition (bool), the carried values and the captures; it gives the "
          "condition, the next carried values, and elements that are stacked over the iterations. "
          "Outputs: the last carried values, then the stacks.",
      .inputs = {{"max_trip_count", DType::i64, 0, Port::Presence::optional},
                 {"condition", DType::boolean, 0, Port::Presence::optional},
                 {"values", kAny, 0, Port::Presence::variadic, Port::Holds::any}},
      .outputs = {{"outputs", kAny, 0, Port::Presence::variadic, Port::Holds::any}},
      .attrs = {{"body", AttrKind::graph, true},
                {"carried", AttrKind::integer, true, {}, "how many values are carried"}},
      .traits = Trait::control,
      .infer = infer,
      .reference = reference,
      .examples = {R"(graph main(x: f32[2], step: f32[2]) -> (last, all) {
        last, all = loop(i64{3}, _, x, step) <body=graph body, carried=1>
      }
      graph body(i: i64[], c: bool[], x: f32[2], step: f32[2]) -> (go = c, y, y2 = y) {
        y = add(x, step)
      })",
                   R"(graph main(x: f32[2]) -> (last) {
        last = loop(i64{100}, bool{1}, x) <body=graph body, carried=1>
      }
      graph body(i: i64[], c: bool[], x: f32[2]) -> (go, y) {
        y = mul(x, 0.5)
        go = less(i, i64{4})
      })"},
  };
  return def;
}

}  // namespace hone
