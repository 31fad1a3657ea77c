#include "estimate/workload.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
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

class Reader {
 public:
  explicit Reader(Workload& w)
      : w_(w),
        model_(w.program->model()),
        graph_(model_.main()),
        clock_(w.plan->arena_bytes()),
        offset_(graph_.value_count(), -1) {}

  void read() {
    sizes();
    for (const Specialization::Step& s : w_.plan->steps()) w_.steps.push_back(step(s));
    const auto& backends = w_.program->plan(model_.entry).backend;
    for (size_t i = 0; i < w_.steps.size(); ++i) w_.steps[i].defined = backends[i] != 0;
    // Twice: what the first run touches, the second finds where the first left it.
    for (int run = 0; run < 2; ++run)
      for (size_t i = 0; i < w_.steps.size(); ++i) touch(w_.plan->steps()[i], w_.steps[i]);
    timeline();
  }

 private:
  void sizes() {
    w_.arena_bytes = w_.plan->arena_bytes();
    w_.peak_live_bytes = w_.plan->peak_live_bytes();
    for (const ValueId v : graph_.inputs) w_.input_bytes += bytes_of(w_.plan->type(v));
    for (const ValueId v : graph_.outputs()) w_.output_bytes += bytes_of(w_.plan->type(v));
    for (const State& s : graph_.states()) w_.state_bytes += bytes_of(w_.plan->type(s.now));
    std::vector<bool> seen(model_.constants.size());
    for (uint32_t i = 0; i < graph_.value_count(); ++i) {
      const Value& value = graph_[ValueId{i}];
      if (value.kind != Value::Kind::constant || value.users.empty() || seen[value.constant.index])
        continue;
      seen[value.constant.index] = true;
      w_.weight_bytes += constant_bytes(value.constant);
    }
  }

  int64_t constant_bytes(ConstantId id) const {
    const auto stored = model_.stored(id);
    return stored ? int64_t(stored->size()) : 0;
  }

  Step step(const Specialization::Step& s) {
    const Node& node = graph_[s.node];
    Step step;
    step.node = s.node;
    step.op = node.op;
    step.attrs = &node.attrs;
    step.name = node.name;
    step.in = &s.in_types;
    step.out = &s.out_types;
    step.known = s.planned;
    step.nothing = node.op->is(Trait::view) || (s.there && s.copies.empty());
    for (size_t slot = 0; slot < s.offsets.size(); ++slot)
      offset_[node.outputs[slot].index] = s.offsets[slot];
    if (!s.planned) {
      if (!step.nothing) w_.unknown.emplace_back(node.op->name);
      return step;
    }
    const Cost cost = cost_of(step.call(model_), s.out_types);
    step.macs = value_of(cost.macs);
    step.flops = value_of(cost.flops);
    w_.macs += step.macs;
    w_.flops += step.flops;
    return step;
  }

  void touch(const Specialization::Step& s, Step& step) {
    step.touches.clear();
    const Node& node = graph_[s.node];
    if (step.nothing) return share_place(s, node);
    if (!step.known) return;
    step.code_distance = clock_.touch_place(uint64_t(uintptr_t(node.op)) | uint64_t{1} << 63, 0);
    const double share = read_share(s, step);
    // A state that is changed where it lies is not read as a whole.
    for (size_t i = s.in_state >= 0 ? 1 : 0; i < node.inputs.size(); ++i)
      if (node.inputs[i].valid()) step.touches.push_back(read(node.inputs[i], share));
    for (const ValueId v : node.outputs)
      if (v.valid()) step.touches.push_back(write(s, v));
  }

  // What an operator reads of its inputs: rows of a table, or a piece, are not all of it.
  double read_share(const Specialization::Step& s, const Step& step) const {
    const Node& node = graph_[s.node];
    double in = 0, out = 0;
    for (const ValueId v : node.inputs) in += v.valid() ? double(stored_bytes(v)) : 0;
    for (const Type& t : s.out_types) out += double(bytes_of(t));
    if (in <= 0) return 1;
    const Cost cost = cost_of(step.call(model_), s.out_types);
    double read = std::min(in, value_of(cost.bytes_read));
    const bool moves = step.flops <= 0 || node.op->name == "slice" || node.op->name == "split" ||
                       node.op->name.find("gather") != std::string_view::npos;
    if (moves) read = std::min(read, 2 * out);
    return read / in;
  }

  int64_t stored_bytes(ValueId v) const {
    const Value& value = graph_[v];
    return value.kind == Value::Kind::constant ? constant_bytes(value.constant)
                                               : bytes_of(w_.plan->type(v));
  }

  Touch read(ValueId v, double share) {
    const Value& value = graph_[v];
    const bool constant = value.kind == Value::Kind::constant;
    const auto bytes = int64_t(std::ceil(double(stored_bytes(v)) * share));
    return {double(bytes), distance(v, bytes), false, constant};
  }

  Touch write(const Specialization::Step& s, ValueId v) {
    const Node& node = graph_[s.node];
    const int64_t whole = bytes_of(w_.plan->type(v));
    // Of a cache only the rows that are new.
    const int64_t bytes = s.in_state >= 0 && node.inputs.size() > 1 && node.inputs[1].valid()
                              ? std::min(whole, stored_bytes(node.inputs[1]))
                              : whole;
    if (s.in_state >= 0)
      return {double(bytes),
              clock_.touch_place(key_of(graph_.states()[size_t(s.in_state)].now), bytes), true,
              false};
    return {double(bytes), distance(v, bytes), true, false};
  }

  double distance(ValueId v, int64_t bytes) {
    if (const int64_t offset = offset_[v.index]; offset >= 0)
      return clock_.touch_arena(offset, bytes);
    return clock_.touch_place(key_of(v), bytes);
  }

  // Constants of several values are the same bytes.
  uint64_t key_of(ValueId v) const {
    const Value& value = graph_[v];
    return value.kind == Value::Kind::constant ? uint64_t{value.constant.index} << 32 | UINT32_MAX
                                               : v.index;
  }

  // What shows the bytes of an input lies where that lies.
  void share_place(const Specialization::Step& s, const Node& node) {
    if (!node.op->is(Trait::view) || node.inputs.empty() || !node.inputs[0].valid()) return;
    int64_t& to = offset_[node.outputs[0].index];
    if (to < 0 && (s.offsets.empty() || s.offsets[0] < 0)) to = offset_[node.inputs[0].index];
  }

  // What of the arena is in use at each step: the union of what is alive, for values share bytes.
  void timeline() {
    const auto& steps = w_.plan->steps();
    std::vector<size_t> last(graph_.value_count(), 0);
    for (size_t i = 0; i < steps.size(); ++i)
      for (const uint32_t v : steps[i].release) last[v] = i;
    std::vector<ArenaValue> alive;
    for (size_t i = 0; i < steps.size(); ++i) {
      std::erase_if(alive, [&](const ArenaValue& v) { return v.last < i; });
      for (const ValueId v : graph_[steps[i].node].outputs) {
        const int64_t offset = v.valid() ? offset_[v.index] : -1;
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
  ReuseClock clock_;
  std::vector<int64_t> offset_;  // by value: in the arena, or -1
};

}  // namespace

Result<Workload> workload_of(const std::shared_ptr<const Program>& program, const Types& inputs,
                             const Types& states) {
  Workload w;
  w.program = program;
  w.plan = TRY(Specialization::make(*program, program->model().entry, inputs, states));
  Reader(w).read();
  return w;
}

}  // namespace hone::estimate
