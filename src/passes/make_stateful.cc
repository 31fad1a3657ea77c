// Turns pairs of past inputs and present outputs into states, on request.
#include <algorithm>
#include <string>

#include "base/text.h"
#include "passes/pass.h"

namespace hone {
namespace {

struct Pair {
  size_t input, output;
};

// "past_key_values.0.key" pairs with "present.0.key", "h0" with "hn" by a rule `past:present`: the
// first text in an input's name, replaced by the second, gives the output's name.
std::optional<size_t> partner(const Graph& g, const std::string& input, const std::string& past,
                              const std::string& present) {
  const size_t at = input.find(past);
  if (at == std::string::npos) return std::nullopt;
  std::string wanted = input;
  wanted.replace(at, past.size(), present);
  for (size_t o = 0; o < g.outputs().size(); ++o)
    if (g.output_names()[o] == wanted) return o;
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> rules(const PassContext& c) {
  auto option = c.options.find("pairs");
  if (option == c.options.end())
    return {{"past_key_values", "present"}, {"past", "present"}, {"_in", "_out"}};
  std::vector<std::pair<std::string, std::string>> out;
  std::string rest = option->second;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('|'), rest.size());
    const std::string rule = rest.substr(0, end);
    rest.erase(0, std::min(end + 1, rest.size()));
    if (const size_t colon = rule.find(':'); colon != std::string::npos)
      out.emplace_back(rule.substr(0, colon), rule.substr(colon + 1));
  }
  return out;
}

std::vector<Pair> find_pairs(const PassContext& c, const Graph& g) {
  std::vector<Pair> pairs;
  std::vector<bool> taken(g.outputs().size());
  for (size_t i = 0; i < g.inputs.size(); ++i)
    for (const auto& [past, present] : rules(c)) {
      const auto o = partner(g, g[g.inputs[i]].name, past, present);
      if (!o || taken[*o]) continue;
      taken[*o] = true;
      pairs.push_back({i, *o});
      break;
    }
  return pairs;
}

// The axis along which the present is longer than the past; none when the types are the same.
Result<std::optional<size_t>> growing_axis(const Graph& g, const Pair& pair) {
  const Value &past = g[g.inputs[pair.input]], &present = g[g.outputs()[pair.output]];
  auto differ = [&] {
    return fail(ErrorId::type_mismatch, "'" + printable(past.name) + "' of type " +
                                            past.type.str() + " cannot be the state of '" +
                                            printable(g.output_names()[pair.output]) +
                                            "' of type " + present.type.str());
  };
  if (refines(present.type, past.type)) return std::optional<size_t>();
  if (!past.type.is_tensor() || !present.type.is_tensor()) return differ();
  const TensorType &a = past.type.tensor, &b = present.type.tensor;
  if (a.dtype != b.dtype || !a.shape.ranked || a.shape.rank() != b.shape.rank()) return differ();
  std::optional<size_t> axis;
  for (size_t i = 0; i < a.shape.rank(); ++i) {
    if (a.shape.dims[i] == b.shape.dims[i]) continue;
    if (axis) return differ();
    axis = i;
  }
  return axis;
}

class StateMaker {
 public:
  explicit StateMaker(PassContext& c) : c_(c), rewriter_(c.rewriter(c.model.entry)) {}

  Status make(const Pair& pair) {
    const std::optional<size_t> axis = TRY(growing_axis(rewriter_.graph(), pair));
    return axis ? growing(pair, *axis) : plain(pair);
  }

  // Takes the pairs out of the interface.
  void drop_interface(const std::vector<Pair>& pairs) {
    Graph& g = rewriter_.graph();
    std::vector<bool> input(g.inputs.size()), output(g.outputs().size());
    for (const Pair& p : pairs) input[p.input] = output[p.output] = true;
    std::vector<ValueId> inputs;
    for (size_t i = 0; i < g.inputs.size(); ++i)
      if (!input[i]) inputs.push_back(g.inputs[i]);
    g.inputs = std::move(inputs);
    g.remove_outputs(output);
  }

 private:
  // A state has the name of the input it comes from.
  ValueId add_state(ValueId input, Type type) {
    Graph& g = rewriter_.graph();
    std::string name = std::move(g.at(input).name);
    g.at(input).name.clear();
    for (const Dim& d : type.tensor.shape.dims)
      d.each_symbol([&](const std::string& s) { bind_at(s, BindingTime::session); });
    return g.add_state(std::move(name), std::move(type));
  }

  void bind_at(const std::string& symbol, BindingTime time) {
    c_.model.add_symbol(symbol, time);
    for (Symbol& s : c_.model.symbols)
      if (s.name == symbol) s.time = time;
  }

  Status plain(const Pair& pair) {
    Graph& g = rewriter_.graph();
    const ValueId input = g.inputs[pair.input];
    const ValueId now = add_state(input, g[input].type);
    g.set_next(now, g.outputs()[pair.output]);
    return rewriter_.replace(input, now, "made a state");
  }

  // The cache holds `capacity` rows of which `length` count; the model sees a slice of it.
  Status growing(const Pair& pair, size_t axis) {
    Graph& g = rewriter_.graph();
    const ValueId input = g.inputs[pair.input];
    const Type past = g[input].type;
    Type cached = past;
    cached.tensor.shape.dims[axis] = Dim::symbol("capacity");
    past.tensor.shape.dims[axis].each_symbol(
        [&](const std::string& s) { bind_at(s, BindingTime::data); });
    const std::string name = g[input].name;
    const ValueId cache = add_state(input, cached);
    const ValueId length = g.add_state(name + ".length", Type(DType::i64, {1}));

    const ValueId seen = TRY(rewriter_.add1(
        "slice", {cache, rewriter_.integers({0}), length, rewriter_.integers({int64_t(axis)})}));
    // The slice has the rows seen so far: the symbol of the old input, now told by the data.
    g.at(seen).type = past;
    TRY(rewriter_.replace(input, seen, "made a state"));
    const ValueId present = rewriter_.graph().outputs()[pair.output];
    const ValueId next =
        TRY(rewriter_.add1("tensor_scatter", {cache, present}, {{"axis", int64_t(axis)}}));
    const ValueId next_length = TRY(
        rewriter_.add1("shape", {present}, {{"start", int64_t(axis)}, {"end", int64_t(axis) + 1}}));
    rewriter_.graph().set_next(cache, next);
    rewriter_.graph().set_next(length, next_length);
    return ok();
  }

  PassContext& c_;
  Rewriter rewriter_;
};

}  // namespace

const PassDef& make_stateful_pass() {
  static const PassDef def{
      .name = "make_stateful",
      .doc =
          "turns pairs of past inputs and present outputs (pairs=past:present|in:out) into "
          "states; the state starts empty or as zeros",
      .options = {"pairs"},
      .run = [](PassContext& c) -> Status {
        const std::vector<Pair> pairs = find_pairs(c, c.model.main());
        if (pairs.empty())
          return fail(ErrorId::bad_data,
                      "no input pairs with an output; name the rule with pairs=PAST:PRESENT");
        StateMaker maker(c);
        for (const Pair& pair : pairs) TRY(maker.make(pair));
        maker.drop_interface(pairs);
        return ok();
      },
  };
  return def;
}

}  // namespace hone
