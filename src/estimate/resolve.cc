#include "estimate/resolve.h"

#include <algorithm>
#include <cmath>

#include "ops/control.h"

namespace hone::estimate {
namespace {

using Elements = std::vector<std::optional<Known>>;

// Graphs can share graphs, level by level: what would take long is left open.
constexpr size_t kMostSteps = 200'000, kDeepest = 250;

bool is_fixed(const Type& type) { return type.is_tensor() && type.tensor.shape.is_fixed(); }

std::optional<Integers> numbers(const Known* known) {
  if (!known) return std::nullopt;
  Integers numbers;
  for (const Dim& d : *known) {
    const auto number = d.constant();
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}
std::optional<int64_t> number(const Known* known) {
  const auto all = numbers(known);
  return all && all->size() == 1 ? std::optional((*all)[0]) : std::nullopt;
}

double value_of(const Dim& d) { return double(d.constant().value_or(0)); }

// A single element as the body declares it.
Type scalar_like(const Type& formal) {
  const Shape& shape = formal.tensor.shape;
  return Type(formal.tensor.dtype, Shape::of(Extents(shape.ranked ? shape.rank() : 0, 1)));
}

class Resolver {
 public:
  explicit Resolver(const Program& program) : program_(program) {}

  Result<std::shared_ptr<const ResolvedGraph>> graph(GraphId id, const Types& inputs,
                                                     const Types& states, const Elements& known) {
    const Graph& graph = program_.model().graphs[id.index];
    auto made = std::make_shared<ResolvedGraph>();
    made->id = id;
    made->plan = TRY(Specialization::make(program_, id, inputs, states));
    made->types.resize(graph.value_count());
    made->known.resize(graph.value_count());
    for (uint32_t v = 0; v < graph.value_count(); ++v) {
      const Value& value = graph[ValueId{v}];
      if (value.kind != Value::Kind::constant) continue;
      made->types[v] = Type(program_.constant(value.constant).type());
      made->known[v] = known_elements(program_.constant(value.constant));
    }
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      made->types[graph.inputs[i].index] = inputs[i];
      if (i < known.size()) made->known[graph.inputs[i].index] = known[i];
    }
    for (size_t i = 0; i < states.size(); ++i) made->types[graph.states()[i].now.index] = states[i];
    const auto& planned = made->plan->steps();
    made->steps.resize(planned.size());
    steps_ += planned.size();
    ++depth_;
    Status status = ok();
    for (size_t s = 0; s < planned.size() && status; ++s)
      status = step(graph, graph[planned[s].node], planned[s], *made, made->steps[s]);
    --depth_;
    TRY(std::move(status));
    return std::shared_ptr<const ResolvedGraph>(std::move(made));
  }

 private:
  Status step(const Graph& graph, const Node& node, const Specialization::Step& planned,
              ResolvedGraph& all, ResolvedStep& step) {
    for (const ValueId v : node.inputs) {
      if (!v.valid())
        step.in.push_back({});
      else
        step.in.push_back(
            {&all.types[v.index], all.known[v.index] ? &*all.known[v.index] : nullptr});
    }
    const Infer c(*node.op, node.attrs, step.in, node.outputs.size(), &program_.model());
    step.out = TRY(node.op->infer(c));
    step.out.resize(node.outputs.size());
    if (node.op->is(Trait::control)) nested(c, step);
    step.known = std::ranges::all_of(step.out, is_fixed);
    for (const Infer::Input& in : step.in)
      if (in.type && !is_fixed(*in.type)) step.known = false;
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      const ValueId v = node.outputs[slot];
      // Kernels were chosen by what the model declares.
      if (!compatible(step.out[slot], graph[v].type))
        return not_as_declared(graph[v], step.out[slot]);
      all.types[v.index] = step.out[slot];
      if (!node.op->propagate || !step.out[slot].is_tensor() ||
          step.out[slot].tensor.shape.rank() > 1)
        continue;
      if (auto known = node.op->propagate(c, slot); known && int64_t(known->size()) <= kMaxKnown)
        all.known[v.index] = std::move(known);
    }
    for (const Trips& t : step.trips) {
      all.work += t.count * t.graph->work;
      step.uncovered = step.uncovered || t.at_least || !t.graph->covered;
    }
    const bool covered =
        node.op->is(Trait::control) ? !step.uncovered : step.known || node.op->is(Trait::view);
    all.covered = all.covered && covered;
    if (step.known && !planned.there && !node.op->is(Trait::view)) {
      const Cost cost = cost_of(c, step.out);
      all.work += value_of(cost.flops) + value_of(cost.bytes_read) + value_of(cost.bytes_written);
    }
    return ok();
  }

  void nested(const Infer& c, ResolvedStep& step) {
    const std::string_view name = c.op().name;
    const bool within = steps_ < kMostSteps && depth_ < kDeepest;
    const Status done = !within                  ? Status(too_many())
                        : name == "if"           ? branches(c, step)
                        : name == "loop"         ? loop(c, step)
                        : name == "scan"         ? scan(c, step)
                        : name == "sequence_map" ? sequence(c, step)
                                                 : Status(too_many());
    if (done) return;
    step.trips.clear();
    step.uncovered = true;
  }

  static Error too_many() { return fail(ErrorId::over_time, "too many nested graphs"); }

  Status branches(const Infer& c, ResolvedStep& step) {
    Types arguments;
    Elements known;
    append(c, 1, c.inputs(), true, arguments, known);
    const auto condition = number(c.known(0));
    std::shared_ptr<const ResolvedGraph> most;
    std::optional<Error> error;
    size_t possible = 0;
    for (const char* branch : {"then", "else"}) {
      if (condition && (*condition != 0) != (branch == std::string_view("then"))) continue;
      auto made = graph(c.graph(branch), arguments, {}, known);
      if (!made) {
        // What cannot be planned cannot run: it is the other one.
        error = made.take_error();
        continue;
      }
      ++possible;
      step.uncovered = step.uncovered || !(*made)->covered;
      if (most && most->work >= (*made)->work) continue;
      most = made.take();
      step.trips = {{branch, most, 1, false}};
    }
    if (!most) return *std::move(error);
    step.chosen = possible > 1;
    const Types results = outputs_of(*most);
    for (size_t i = 0; i < results.size(); ++i) refine(step.out[i], results[i]);
    return ok();
  }

  Status loop(const Infer& c, ResolvedStep& step) {
    constexpr size_t kFirst = 2;
    const auto carried = size_t(c.integer("carried"));
    const Types formal = c.graph_inputs("body");
    constexpr int64_t kOpen = INT64_MAX;
    const int64_t most = c.has(0) ? number(c.known(0)).value_or(kOpen) : kOpen;
    const int64_t go = c.has(1) ? number(c.known(1)).value_or(kOpen) : 1;
    if (most <= 0 || go == 0) {
      for (size_t i = 0; i < carried; ++i) refine(step.out[i], c.type(kFirst + i));
      for (size_t i = carried; i < step.out.size(); ++i) set_axis(step.out[i], 0, 0);
      return ok();
    }
    Types arguments{scalar_like(formal[0]), scalar_like(formal[1])};
    Elements known{std::nullopt, Known{Dim(1)}};
    append(c, kFirst, kFirst + carried, false, arguments, known);
    append(c, kFirst + carried, c.inputs(), true, arguments, known);
    // Whether another trip follows is known where the body always says so.
    const auto goes_on = [&](const ResolvedGraph& g) {
      const auto& elements = g.known[program_.model().graphs[g.id.index].outputs()[0].index];
      const auto next = number(elements ? &*elements : nullptr);
      return next && *next != 0;
    };
    auto first = TRY(graph(c.graph("body"), arguments, {}, known));
    const bool exact = most != kOpen && go != kOpen && goes_on(*first);
    const Types stable =
        TRY(repeat(first, arguments, known, kFirst, 1, carried, exact ? double(most) : 0, step));
    for (size_t i = 0; i < step.out.size() && !stable.empty(); ++i) {
      if (i < carried)
        refine(step.out[i], stable[1 + i]);
      else
        refine(step.out[i],
               TRY(with_axis(c, stable[1 + i], 0, exact ? Dim(most) : Dim::unknown())));
    }
    return ok();
  }

  Status scan(const Infer& c, ResolvedStep& step) {
    constexpr size_t kFirst = 1;
    const auto carried = size_t(c.integer("carried")), scans = size_t(c.integer("num_scan_inputs"));
    const bool batched = c.integer("batched") != 0;
    const auto axis_of = [&](std::string_view name, size_t i) {
      return c.given(name) && i < c.list(name).size() ? c.list(name)[i] : 0;
    };
    std::optional<int64_t> length, batch = batched ? std::nullopt : std::optional<int64_t>(1);
    Types arguments;
    for (size_t i = 0; kFirst + i < c.inputs(); ++i) {
      Type type = c.type(kFirst + i);
      if (batched && i < carried + scans) {
        if (type.tensor.shape.ranked && type.tensor.shape.rank() > 0 && !batch)
          batch = type.tensor.shape.dims[0].constant();
        type = TRY(without_axis(c, type, 0));
      }
      if (i >= carried && i < carried + scans) {
        const int64_t axis = axis_of("scan_input_axes", i - carried);
        if (const Shape& s = type.tensor.shape; s.ranked && !length)
          length = s.dims[size_t(TRY(normal_axis(axis, int64_t(s.rank()))))].constant();
        type = TRY(without_axis(c, type, axis));
      }
      arguments.push_back(std::move(type));
    }
    Elements known(arguments.size());
    for (size_t i = carried + scans; i < arguments.size(); ++i)
      if (const Known* k = c.known(kFirst + i)) known[i] = *k;
    std::optional<double> trips;
    if (length && batch) trips = double(*length) * double(*batch);
    if (c.has(0)) {
      trips.reset();
      if (const auto lengths = numbers(c.known(0))) {
        trips = 0;
        for (const int64_t n : *lengths) *trips += double(n);
      }
    }
    if (trips && *trips <= 0) return ok();  // the types that are declared say all there is
    auto first = TRY(graph(c.graph("body"), arguments, {}, known));
    const Types stable =
        TRY(repeat(first, arguments, known, 0, 0, carried, trips.value_or(0), step));
    if (stable.empty()) return ok();
    for (size_t i = 0; i < step.out.size(); ++i) {
      Type type = stable[i];
      if (i >= carried)
        type = TRY(with_axis(c, type, axis_of("scan_output_axes", i - carried),
                             length ? Dim(*length) : Dim::unknown()));
      if (batched) type = TRY(with_axis(c, type, 0, batch ? Dim(*batch) : Dim::unknown()));
      refine(step.out[i], type);
    }
    return ok();
  }

  Status sequence(const Infer& c, ResolvedStep& step) {
    const auto mapped = size_t(c.integer("mapped"));
    Types arguments;
    for (size_t i = 0; i < c.inputs(); ++i) {
      const Type& type = c.type(i);
      arguments.push_back(i < mapped && type.is(Type::Wrapper::sequence) ? type.element() : type);
    }
    auto body = TRY(graph(c.graph("body"), arguments, {}, {}));
    step.trips = {{"body", std::move(body), 1, true}};
    return ok();
  }

  // Trips through a body, `carried` of whose results (from `from` on) are arguments of the next
  // trip (from `to` on). 0 trips: nobody knows how many, at least one. Gives the types of its
  // results where all trips have the same.
  Result<Types> repeat(std::shared_ptr<const ResolvedGraph> body, Types arguments,
                       const Elements& known, size_t to, size_t from, size_t carried, double trips,
                       ResolvedStep& step) {
    // A body that changes the sizes of what it carries has other sizes in the next trip; most that
    // do so do it once, where a loop begins with something empty.
    const GraphId id = body->id;
    double left = trips;
    for (int kinds = 0; kinds < 2; ++kinds) {
      const Types results = outputs_of(*body);
      bool same = true;
      for (size_t i = 0; i < carried; ++i) {
        same = same && results[from + i] == arguments[to + i];
        arguments[to + i] = results[from + i];
      }
      if (same) {
        step.trips.push_back({"body", body, std::max(1.0, left), trips <= 0});
        return kinds == 0 ? results : Types();
      }
      step.trips.push_back({"body", body, 1, trips <= 0});
      left -= 1;
      if (trips <= 0 || left <= 0) break;
      if (kinds == 0) body = TRY(graph(id, arguments, {}, known));
    }
    if (trips <= 0 || left > 0) step.trips.back().at_least = true;
    return Types();
  }

  // Inputs of a step as arguments of a graph.
  static void append(const Infer& c, size_t begin, size_t end, bool elements, Types& arguments,
                     Elements& known) {
    for (size_t i = begin; i < end; ++i) {
      arguments.push_back(c.type(i));
      const Known* k = elements ? c.known(i) : nullptr;
      known.push_back(k ? std::optional(*k) : std::nullopt);
    }
  }

  Types outputs_of(const ResolvedGraph& g) const {
    Types types;
    for (const ValueId v : program_.model().graphs[g.id.index].outputs())
      types.push_back(g.types[v.index]);
    return types;
  }

  static void refine(Type& declared, const Type& found) {
    if (is_fixed(found)) declared = found;
  }
  static void set_axis(Type& type, size_t axis, int64_t extent) {
    if (type.is_tensor() && type.tensor.shape.ranked && axis < type.tensor.shape.rank())
      type.tensor.shape.dims[axis] = Dim(extent);
  }

  const Program& program_;
  size_t steps_ = 0, depth_ = 0;
};

}  // namespace

Result<std::shared_ptr<const ResolvedGraph>> resolve(const Program& program, GraphId graph,
                                                     const Types& inputs, const Types& states,
                                                     const Elements& known) {
  return Resolver(program).graph(graph, inputs, states, known);
}

}  // namespace hone::estimate
