#include "estimate/workload.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>

#include "base/checked.h"
#include "base/text.h"
#include "estimate/reuse.h"

namespace hone::estimate {
namespace {

int64_t bytes_of(const Type& type) {
  if (!type.is_tensor()) return 0;
  const auto shape = type.tensor.shape.fixed();
  const auto count = shape ? checked_product(*shape) : std::nullopt;
  return count ? bytes_for(type.tensor.dtype, *count).value_or(0) : 0;
}

double value_of(const Dim& d) { return double(d.constant().value_or(0)); }

// Where a value lies: in an arena, or at a place of its own.
struct Spot {
  int64_t offset = -1;
  uint64_t key = 0;
};

// A graph as it runs at one place: the entry graph, or what a step of another one runs.
struct Instance {
  const ResolvedGraph* resolved = nullptr;
  const Graph* graph = nullptr;
  size_t depth = 0;
  size_t arena = 0;
  double trips = 1;         // within one run of the step
  size_t nested = 0;        // position in Workload::nested, for all but the entry graph
  std::vector<Spot> spots;  // by value
  std::vector<std::vector<Instance*>> within;  // by step: what it runs
};

// Executors of nested graphs belong to the one that runs them, one for each graph, and keep their
// arenas.
struct Arena {
  int64_t base = 0, bytes = 0;
  std::map<uint32_t, size_t> of_graph;  // that it runs: their arenas
};

class Reader {
 public:
  explicit Reader(Workload& w) : w_(w), model_(w.program->model()), graph_(model_.main()) {}

  void read() {
    Instance& entry = add(*w_.resolved, 0);
    w_.steps = std::move(steps_of_entry_);
    sizes();
    lay_out();
    place(entry);
    clock_ = ReuseClock(arenas_.back().base + arenas_.back().bytes);
    // Twice: what the first run touches, the second finds where the first left it.
    for (int run = 0; run < 2; ++run) replay(entry);
    timeline(entry);
  }

 private:
  void sizes() {
    w_.arena_bytes = w_.plan->arena_bytes();
    w_.peak_live_bytes = w_.plan->peak_live_bytes();
    const Types& types = w_.resolved->types;
    for (const ValueId v : graph_.inputs) w_.input_bytes += bytes_of(types[v.index]);
    for (const ValueId v : graph_.outputs()) w_.output_bytes += bytes_of(types[v.index]);
    for (const State& s : graph_.states()) w_.state_bytes += bytes_of(types[s.now.index]);
    std::vector<bool> seen(model_.constants.size());
    for (const Graph& graph : model_.graphs)
      for (uint32_t i = 0; i < graph.value_count(); ++i) {
        const Value& value = graph[ValueId{i}];
        if (value.kind != Value::Kind::constant || value.users.empty() ||
            seen[value.constant.index])
          continue;
        seen[value.constant.index] = true;
        w_.weight_bytes += constant_bytes(value.constant);
      }
  }

  int64_t constant_bytes(ConstantId id) const {
    const auto stored = model_.stored(id);
    return stored ? int64_t(stored->size()) : 0;
  }

  // Instances in the order of running; of nested ones the entry graph's step is known.
  Instance& add(const ResolvedGraph& resolved, size_t arena) {
    Instance& instance = instances_.emplace_back();
    instance.resolved = &resolved;
    instance.graph = &model_.graphs[resolved.id.index];
    instance.arena = arena;
    if (arenas_.empty()) arenas_.emplace_back();
    arenas_[arena].bytes = std::max(arenas_[arena].bytes, resolved.plan->arena_bytes());
    const auto& planned = resolved.plan->steps();
    instance.within.resize(planned.size());
    std::vector<Step> steps;
    const auto& backends = w_.program->plan(resolved.id).backend;
    for (size_t i = 0; i < planned.size(); ++i) {
      steps.push_back(step(instance, i));
      steps.back().defined = backends[i] != 0;
    }
    const bool entry = instances_.size() == 1;
    if (entry) {
      steps_of_entry_ = std::move(steps);
    } else {
      instance.nested = w_.nested.size();
      w_.nested.push_back({resolved.id, instance.graph->name, entry_step_, trips_,
                           resolved.plan->arena_bytes(), std::move(steps)});
    }
    for (size_t i = 0; i < planned.size(); ++i) {
      if (entry) entry_step_ = i;
      add_nested(instance, i);
    }
    return instance;
  }

  void add_nested(Instance& parent, size_t at) {
    for (const Trips& t : parent.resolved->steps[at].trips) {
      const auto [arena, fresh] =
          arenas_[parent.arena].of_graph.emplace(t.graph->id.index, arenas_.size());
      const size_t index = arena->second;
      if (fresh) arenas_.emplace_back();
      const double trips = trips_;
      trips_ *= t.count;
      ++depth_;
      Instance& child = add(*t.graph, index);
      child.depth = depth_;
      child.trips = t.count;
      --depth_;
      trips_ = trips;
      parent.within[at].push_back(&child);
    }
  }

  void lay_out() {
    int64_t base = 0;
    for (Arena& arena : arenas_) {
      arena.base = base;
      constexpr int64_t kPage = 4096;
      base += (arena.bytes + kPage - 1) / kPage * kPage;
      if (&arena != &arenas_.front()) w_.nested_arena_bytes += arena.bytes;
    }
  }

  Step step(const Instance& instance, size_t at) {
    const Specialization::Step& planned = instance.resolved->plan->steps()[at];
    const ResolvedStep& resolved = instance.resolved->steps[at];
    const Node& node = (*instance.graph)[planned.node];
    Step step;
    step.node = planned.node;
    step.op = node.op;
    step.attrs = &node.attrs;
    step.name = node.name;
    step.in = &resolved.in;
    step.out = &resolved.out;
    step.known = resolved.known;
    step.nothing = node.op->is(Trait::view) || (planned.there && planned.copies.empty()) ||
                   node.op->name == "shape" || node.op->name == "size";
    step.control = node.op->is(Trait::control);
    step.uncovered = step.control ? resolved.uncovered : !step.known && !step.nothing;
    if (step.uncovered) w_.unknown.emplace_back(node.op->name);
    if (step.control) tell(node, resolved);
    if (!step.known || step.control) return step;
    const Cost cost = cost_of(step.call(model_), resolved.out);
    step.macs = value_of(cost.macs);
    step.flops = value_of(cost.flops);
    w_.macs += trips_ * step.macs;
    w_.flops += trips_ * step.flops;
    return step;
  }

  void tell(const Node& node, const ResolvedStep& resolved) {
    const std::string name = std::string(node.op->name) + " '" + printable(node.name) + "'";
    if (resolved.chosen)
      w_.notes.push_back(name + ": the data decide; the branch that takes more is counted, '" +
                         std::string(resolved.trips[0].attribute) + "'");
    for (const Trips& t : resolved.trips)
      if (t.at_least) {
        w_.notes.push_back(name + ": nobody knows how often its body runs; one trip is counted");
        break;
      }
  }

  // Values of nested graphs that are those of the graph around lie where these do.
  void place(Instance& instance) {
    const Graph& graph = *instance.graph;
    const auto number = uint64_t(instance.nested + (&instance != &instances_.front() ? 1 : 0));
    if (instance.spots.empty()) instance.spots.resize(graph.value_count());
    for (uint32_t v = 0; v < graph.value_count(); ++v) {
      Spot& spot = instance.spots[v];
      const Value& value = graph[ValueId{v}];
      // Constants of several values are the same bytes.
      if (value.kind == Value::Kind::constant)
        spot.key = uint64_t{value.constant.index} | uint64_t{1} << 62;
      else if (spot.key == 0)
        spot.key = number << 32 | v;
    }
    const auto& planned = instance.resolved->plan->steps();
    const int64_t base = arenas_[instance.arena].base;
    for (size_t i = 0; i < planned.size(); ++i) {
      const Node& node = graph[planned[i].node];
      for (size_t slot = 0; slot < planned[i].offsets.size(); ++slot)
        if (planned[i].offsets[slot] >= 0 && node.outputs[slot].valid())
          instance.spots[node.outputs[slot].index].offset = base + planned[i].offsets[slot];
      if (node.op->is(Trait::view)) share_place(instance, planned[i], node);
      for (Instance* child : instance.within[i]) {
        lend_places(instance, node, *child);
        place(*child);
      }
    }
  }

  // What shows the bytes of an input lies where that lies.
  static void share_place(Instance& instance, const Specialization::Step& s, const Node& node) {
    if (node.inputs.empty() || !node.inputs[0].valid()) return;
    Spot& to = instance.spots[node.outputs[0].index];
    if (to.offset < 0 && (s.offsets.empty() || s.offsets[0] < 0))
      to = instance.spots[node.inputs[0].index];
  }

  static void lend_places(const Instance& instance, const Node& node, Instance& child) {
    child.spots.assign(child.graph->value_count(), {});
    const std::string_view op = node.op->name;
    const Infer call(*node.op, node.attrs, {}, node.outputs.size());
    const auto count = [&](std::string_view name) { return size_t(call.integer(name)); };
    // Where captures begin among the inputs of the step, and of the graph.
    const size_t from = op == "if"     ? 1
                        : op == "loop" ? 2 + count("carried")
                        : op == "scan" ? 1 + count("carried") + count("num_scan_inputs")
                                       : count("mapped");
    const size_t to = op == "if" || op == "scan" ? from - 1 : from;
    for (size_t i = 0; from + i < node.inputs.size() && to + i < child.graph->inputs.size(); ++i)
      if (node.inputs[from + i].valid())
        child.spots[child.graph->inputs[to + i].index] =
            instance.spots[node.inputs[from + i].index];
  }

  void replay(Instance& instance) {
    const bool entry = &instance == &instances_.front();
    const auto& planned = instance.resolved->plan->steps();
    for (size_t i = 0; i < planned.size(); ++i)
      touch(instance, planned[i], entry ? w_.steps[i] : w_.nested[instance.nested].steps[i],
            instance.within[i]);
  }

  void touch(const Instance& instance, const Specialization::Step& planned, Step& step,
             const std::vector<Instance*>& within) {
    step.touches.clear();
    if (step.nothing) return;
    const Node& node = (*instance.graph)[planned.node];
    // Trips but the first find what the one before has left.
    constexpr size_t kDeepest = 3;
    for (Instance* child : within)
      for (int trip = 0; trip < (child->trips > 1 && child->depth <= kDeepest ? 2 : 1); ++trip)
        replay(*child);
    if (!step.known) return;
    if (!step.control) {
      step.code_distance = clock_.touch_place(uint64_t(uintptr_t(node.op)) | uint64_t{1} << 63, 0);
      const double share = read_share(instance, node, step);
      // A state that is changed where it lies is not read as a whole.
      for (size_t i = planned.in_state >= 0 ? 1 : 0; i < node.inputs.size(); ++i)
        if (node.inputs[i].valid())
          step.touches.push_back(read(instance, node.inputs[i], share));
    }
    for (size_t slot = 0; slot < node.outputs.size(); ++slot)
      if (node.outputs[slot].valid())
        step.touches.push_back(write(instance, planned, node.outputs[slot]));
  }

  // What an operator reads of its inputs: rows of a table, or a piece, are not all of it.
  double read_share(const Instance& instance, const Node& node, const Step& step) const {
    double in = 0, out = 0;
    for (const ValueId v : node.inputs) in += v.valid() ? double(stored_bytes(instance, v)) : 0;
    for (const Type& t : *step.out) out += double(bytes_of(t));
    if (in <= 0) return 1;
    const Cost cost = cost_of(step.call(model_), *step.out);
    double read = std::min(in, value_of(cost.bytes_read));
    const bool moves = step.flops <= 0 || node.op->name == "slice" || node.op->name == "split" ||
                       node.op->name.find("gather") != std::string_view::npos;
    if (moves) read = std::min(read, 2 * out);
    return read / in;
  }

  int64_t stored_bytes(const Instance& instance, ValueId v) const {
    const Value& value = (*instance.graph)[v];
    return value.kind == Value::Kind::constant ? constant_bytes(value.constant)
                                               : bytes_of(instance.resolved->types[v.index]);
  }

  Touch read(const Instance& instance, ValueId v, double share) {
    const bool constant = (*instance.graph)[v].kind == Value::Kind::constant;
    const auto bytes = int64_t(std::ceil(double(stored_bytes(instance, v)) * share));
    return {double(bytes), distance(instance.spots[v.index], bytes), false, constant};
  }

  Touch write(const Instance& instance, const Specialization::Step& s, ValueId v) {
    const Node& node = (*instance.graph)[s.node];
    const int64_t whole = bytes_of(instance.resolved->types[v.index]);
    // Of a cache only the rows that are new.
    const int64_t bytes = s.in_state >= 0 && node.inputs.size() > 1 && node.inputs[1].valid()
                              ? std::min(whole, stored_bytes(instance, node.inputs[1]))
                              : whole;
    const ValueId home = s.in_state >= 0 ? instance.graph->states()[size_t(s.in_state)].now : v;
    return {double(bytes), distance(instance.spots[home.index], bytes), true, false};
  }

  double distance(const Spot& spot, int64_t bytes) {
    return spot.offset >= 0 ? clock_.touch_arena(spot.offset, bytes)
                            : clock_.touch_place(spot.key, bytes);
  }

  // What of the arena is in use at each step: the union of what is alive, for values share bytes.
  void timeline(const Instance& entry) {
    const auto& steps = w_.plan->steps();
    std::vector<size_t> last(graph_.value_count(), 0);
    for (size_t i = 0; i < steps.size(); ++i)
      for (const uint32_t v : steps[i].release) last[v] = i;
    std::vector<ArenaValue> alive;
    for (size_t i = 0; i < steps.size(); ++i) {
      std::erase_if(alive, [&](const ArenaValue& v) { return v.last < i; });
      for (const ValueId v : graph_[steps[i].node].outputs) {
        const int64_t offset = v.valid() ? entry.spots[v.index].offset : -1;
        const int64_t bytes = offset >= 0 ? bytes_of(w_.plan->type(v)) : 0;
        if (bytes <= 0) continue;
        alive.push_back({v, offset, bytes, i, std::max(last[v.index], i)});
        w_.arena_values.push_back(alive.back());
      }
      std::ranges::sort(alive, {}, &ArenaValue::offset);
      int64_t covered = 0, reached = 0;
      for (const ArenaValue& v : alive) {
        const int64_t end = v.offset + v.bytes;
        covered += std::max<int64_t>(0, end - std::max(v.offset, reached));
        reached = std::max(reached, end);
      }
      w_.steps[i].live_bytes = covered;
    }
  }

  Workload& w_;
  const Model& model_;
  const Graph& graph_;
  ReuseClock clock_{0};
  std::deque<Instance> instances_;  // the entry graph first
  std::deque<Arena> arenas_;
  std::vector<Step> steps_of_entry_;
  size_t entry_step_ = 0, depth_ = 0;
  double trips_ = 1;  // of what is being added
};

}  // namespace

Result<Workload> workload_of(const std::shared_ptr<const Program>& program, const Types& inputs,
                             const Types& states, const std::vector<std::optional<Known>>& known) {
  Workload w;
  w.program = program;
  w.resolved = TRY(resolve(*program, program->model().entry, inputs, states, known));
  w.plan = w.resolved->plan;
  Reader(w).read();
  return w;
}

}  // namespace hone::estimate
