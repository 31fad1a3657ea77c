// A graph run over the slices of tensors, carrying values from one to the next.
#include "ops/control.h"

namespace hone {
namespace {

constexpr size_t kFirst = 1;  // carried values start after the sequence lengths

struct Layout {
  size_t carried = 0, scans = 0, outputs = 0;  // outputs: stacked ones
  bool batched = false;
  Integers in_axes, in_directions, out_axes, out_directions;
};

Result<Integers> one_each(const Infer& c, std::string_view name, size_t count, bool flags) {
  Integers values(count, 0);
  if (!c.given(name) || c.list(name).empty()) return values;
  values = c.list(name);
  if (values.size() != count)
    return attribute_error(c, std::string(name) + " has " + std::to_string(values.size()) +
                                  " elements, " + std::to_string(count) + " are needed");
  for (int64_t v : values)
    if (flags && v != 0 && v != 1)
      return attribute_error(
          c, std::string(name) + " holds " + std::to_string(v) + ", must be 0 or 1");
  return values;
}

Result<Layout> layout(const Infer& c) {
  Layout l;
  const int64_t carried = c.integer("carried"), scans = c.integer("num_scan_inputs");
  const auto given = int64_t(c.inputs() > kFirst ? c.inputs() - kFirst : 0);
  if (carried < 0 || scans < 1 || carried > given || scans > given - carried)
    return attribute_error(c, std::to_string(carried) + " carried values and " +
                                  std::to_string(scans) + " scanned ones, but " +
                                  std::to_string(given) + " inputs");
  if (uint64_t(carried) > c.outputs())
    return attribute_error(c, "there are more carried values than outputs");
  l.carried = size_t(carried);
  l.scans = size_t(scans);
  l.outputs = c.outputs() - l.carried;
  l.batched = c.integer("batched") != 0;
  l.in_axes = TRY(one_each(c, "scan_input_axes", l.scans, false));
  l.in_directions = TRY(one_each(c, "scan_input_directions", l.scans, true));
  l.out_axes = TRY(one_each(c, "scan_output_axes", l.outputs, false));
  l.out_directions = TRY(one_each(c, "scan_output_directions", l.outputs, true));
  if (c.has(0) && !l.batched) return attribute_error(c, "sequence_lens needs batched=1");
  return l;
}

// Takes what two operands say about one extent.
Status agree(const Infer& c, Dim& known, const Dim& other, std::string_view what) {
  if (known.is_constant() && other.is_constant() && known != other)
    return shape_error(c, "the inputs differ in " + std::string(what) + ": " + known.str() +
                              " and " + other.str());
  if (!known.is_constant() && (other.is_constant() || known.is_unknown())) known = other;
  return ok();
}

Result<Types> infer(const Infer& c) {
  const Layout l = TRY(layout(c));
  Dim batch = Dim::unknown(), length = Dim::unknown();
  Types arguments;
  for (size_t i = 0; kFirst + i < c.inputs(); ++i) {
    if (!c.has(kFirst + i)) return type_error(c, "input " + std::to_string(i) + " is missing");
    Type type = c.type(kFirst + i);
    if (l.batched && i < l.carried + l.scans) {
      if (type.tensor.shape.ranked && type.tensor.shape.rank() > 0)
        TRY(agree(c, batch, type.tensor.shape.dims[0], "the batch"));
      type = TRY(without_axis(c, type, 0));
    }
    if (i >= l.carried && i < l.carried + l.scans) {
      const int64_t axis = l.in_axes[i - l.carried];
      Type element = TRY(without_axis(c, type, axis));
      if (const Shape& s = type.tensor.shape; s.ranked)
        TRY(agree(c, length, s.dims[size_t(TRY(normal_axis(axis, int64_t(s.rank()))))],
                  "the length of the scan"));
      type = std::move(element);
    }
    arguments.push_back(std::move(type));
  }
  TRY(expect_arguments(c, "body", arguments));
  TRY(expect_results(c, "body", c.outputs()));
  if (c.has(0)) {
    TRY(expect_rank(c, 0, 1));
    if (c.shape(0).ranked) TRY(agree(c, batch, c.shape(0).dims[0], "the batch"));
  }
  const Types results = c.graph_outputs("body");
  Types out;
  for (size_t i = 0; i < l.carried; ++i) {
    Type type = TRY(either(c, arguments[i], results[i]));
    out.push_back(l.batched ? TRY(with_axis(c, type, 0, batch)) : std::move(type));
  }
  for (size_t i = 0; i < l.outputs; ++i) {
    Type type = TRY(with_axis(c, results[l.carried + i], l.out_axes[i], length));
    out.push_back(l.batched ? TRY(with_axis(c, type, 0, batch)) : std::move(type));
  }
  return out;
}

struct Scanned {
  std::vector<Datum> carried;
  std::vector<Tensor> stacked;
};

Result<Scanned> scan_one(Call& c, const Layout& l, std::vector<Datum> carried,
                         const std::vector<Tensor>& xs, std::span<const Datum> captures,
                         int64_t length, int64_t extent) {
  if (uint64_t(length) > c.iteration_limit)
    return fail(ErrorId::over_time,
                "scan: " + std::to_string(length) + " iterations are more than the limit");
  std::vector<Stack> stacks(l.outputs);
  std::vector<int64_t> axes;
  for (size_t k = 0; k < l.scans; ++k)
    axes.push_back(TRY(normal_axis(l.in_axes[k], int64_t(xs[k].rank()))));
  for (int64_t i = 0; i < length; ++i) {
    std::vector<Datum> arguments = std::move(carried);
    for (size_t k = 0; k < l.scans; ++k)
      arguments.emplace_back(
          TRY(slice_at(c, xs[k], axes[k], l.in_directions[k] ? length - 1 - i : i)));
    arguments.insert(arguments.end(), captures.begin(), captures.end());
    auto results = TRY(run_nested(c, "body", arguments));
    for (size_t k = 0; k < l.outputs; ++k) TRY(stacks[k].push(c, results[l.carried + k]));
    results.resize(l.carried);
    carried = std::move(results);
  }
  Scanned done{std::move(carried), {}};
  const Types results = c.graph_outputs("body");
  for (size_t k = 0; k < l.outputs; ++k)
    done.stacked.push_back(TRY(stacks[k].join(c, results[l.carried + k].tensor, l.out_axes[k],
                                              l.out_directions[k] != 0, extent)));
  return done;
}

Status reference(Call& c) {
  const Layout l = TRY(layout(c));
  std::vector<Datum> carried, captures;
  std::vector<Tensor> xs;
  for (size_t i = 0; kFirst + i < c.inputs(); ++i) {
    const Datum& datum = c.datum(kFirst + i);
    if (i < l.carried)
      carried.push_back(datum);
    else if (i < l.carried + l.scans)
      xs.push_back(datum.tensor);
    else
      captures.push_back(datum);
  }
  const size_t first_axis = l.batched ? 1 : 0;
  const auto axis = size_t(TRY(normal_axis(l.in_axes[0], int64_t(xs[0].rank() - first_axis))));
  const int64_t extent = xs[0].shape()[axis + first_axis];
  if (!l.batched) {
    Scanned done = TRY(scan_one(c, l, std::move(carried), xs, captures, extent, extent));
    for (size_t k = 0; k < l.carried; ++k) TRY(hand_on(c, k, std::move(done.carried[k])));
    for (size_t k = 0; k < l.outputs; ++k)
      TRY(hand_on(c, l.carried + k, Datum(std::move(done.stacked[k]))));
    return ok();
  }
  const int64_t batch = xs[0].shape()[0];
  std::vector<Stack> stacks(c.outputs());
  for (int64_t b = 0; b < batch; ++b) {
    int64_t length = extent;
    if (c.has(0)) length = load_integer(c.in(0), b);
    if (length < 0 || length > extent)
      return value_error(c, "sequence_lens holds " + std::to_string(length) + " for sequences of " +
                                std::to_string(extent));
    std::vector<Datum> own;
    std::vector<Tensor> own_xs;
    for (const Datum& d : carried) own.emplace_back(TRY(slice_at(c, d.tensor, 0, b)));
    for (const Tensor& x : xs) own_xs.push_back(TRY(slice_at(c, x, 0, b)));
    Scanned done = TRY(scan_one(c, l, std::move(own), own_xs, captures, length, extent));
    for (size_t k = 0; k < l.carried; ++k) TRY(stacks[k].push(c, done.carried[k]));
    for (size_t k = 0; k < l.outputs; ++k)
      TRY(stacks[l.carried + k].push(c, Datum(std::move(done.stacked[k]))));
  }
  for (size_t k = 0; k < stacks.size(); ++k) {
    const Type element = TRY(without_axis(c, c.out_type(k), 0));
    TRY(hand_on(c, k, Datum(TRY(stacks[k].join(c, element.tensor, 0, false, batch)))));
  }
  return ok();
}

}  // namespace

const OpDef& scan_op() {
  static const OpDef def{
      .name = "scan",
      .doc =
          "Runs `body` for each slice of the scanned inputs along their axes. The body takes the "
          "carried values, one slice of each scanned input, and the captures; it gives the next "
          "carried values and elements that are stacked along the output axes. Directions: 1 is "
          "backwards. batched=1: all but the captures have a leading batch axis, and each batch "
          "entry may have its own sequence length; what lies behind it is zero.",
      .inputs = {{"sequence_lens", DType::i64, 0, Port::Presence::optional},
                 {"values", kAny, 0, Port::Presence::variadic, Port::Holds::any}},
      .outputs = {{"outputs", kAny, 0, Port::Presence::variadic, Port::Holds::any}},
      .attrs = {{"body", AttrKind::graph, true},
                {"carried", AttrKind::integer, true, {}, "how many values are carried"},
                {"num_scan_inputs", AttrKind::integer, true},
                {"scan_input_axes", AttrKind::integers},
                {"scan_input_directions", AttrKind::integers},
                {"scan_output_axes", AttrKind::integers},
                {"scan_output_directions", AttrKind::integers},
                {"batched", AttrKind::integer, false, int64_t{0}}},
      .traits = Trait::control,
      .infer = infer,
      .reference = reference,
      .examples = {R"(graph main(x: f32[3], a: f32[4,3], k: f32[3]) -> (last, all) {
        last, all = scan(_, x, a, k) <body=graph body, carried=1, num_scan_inputs=1>
      }
      graph body(x: f32[3], a: f32[3], k: f32[3]) -> (y, z) {
        y = add(x, a)
        z = mul(y, k)
      })",
                   R"(graph main(x: f32[3], a: f32[3,4]) -> (last, all) {
        last, all = scan(_, x, a) <body=graph body, carried=1, num_scan_inputs=1,
          scan_input_axes=[1], scan_input_directions=[1], scan_output_axes=[1]>
      }
      graph body(x: f32[3], a: f32[3]) -> (y, z = y) { y = add(x, a) })"},
  };
  return def;
}

}  // namespace hone
