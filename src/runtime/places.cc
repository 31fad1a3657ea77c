#include "runtime/places.h"

#include <algorithm>

#include "ops/contiguous.h"

namespace hone {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

int64_t byte_count(const Type& t) {
  int64_t count = 1;
  for (const Dim& d : t.tensor.shape.dims) count *= *d.constant();
  return *bytes_for(t.tensor.dtype, count);
}

}  // namespace

Places::Places(const Graph& graph, const Program::GraphPlan& plan, const Types& types,
               std::vector<Specialization::Step>& steps)
    : graph_(graph),
      plan_(plan),
      types_(types),
      steps_(steps),
      root_(graph.value_count()),
      shift_(graph.value_count(), 0),
      escapes_(graph.value_count()),
      last_(plan.last_use),
      made_in_arena_(graph.value_count(), false),
      hosts_(graph.value_count(), Host{kNone, 0}) {
  find_roots();
  find_escapes();
  find_state_updates();
  find_parts();
  for (uint32_t v = 0; v < root_.size(); ++v) last_[root_[v]] = std::max(last_[root_[v]], last_[v]);
  find_hosts();
}

void Places::find_roots() {
  for (uint32_t v = 0; v < root_.size(); ++v) root_[v] = v;
  for (const Specialization::Step& step : steps_) {
    const Node& node = graph_[step.node];
    if (node.op->is(Trait::view) && !node.inputs.empty() && node.inputs[0].valid())
      root_[node.outputs[0].index] = root_[node.inputs[0].index];
  }
}

void Places::find_escapes() {
  for (ValueId v : graph_.outputs()) escapes_[root_[v.index]] = escapes_[v.index] = true;
  for (const State& s : graph_.states())
    escapes_[root_[s.next.index]] = escapes_[s.next.index] = true;
}

// Is this step the only one that sees the value?
bool Places::ends_in(uint32_t value, size_t step) const {
  const Value& v = graph_[ValueId{value}];
  return v.users.size() == 1 && v.users[0] == steps_[step].node && !escapes_[value] &&
         root_[value] == value;
}

// What a state becomes is written where it lies, where a kernel can do that and nothing else sees
// the old one: caches are large, and change by a few rows.
void Places::find_state_updates() {
  std::vector<int32_t> state_of(graph_.value_count(), -1), next_of(state_of);
  for (size_t i = 0; i < graph_.states().size(); ++i) {
    state_of[graph_.states()[i].now.index] = int32_t(i);
    int32_t& next = next_of[graph_.states()[i].next.index];
    next = next == -1 ? int32_t(i) : -2;
  }
  for (ValueId v : graph_.outputs()) next_of[v.index] = -2;
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Node& node = graph_[steps_[s].node];
    const Kernel& kernel = *plan_.kernels[s];
    if (!steps_[s].planned || node.outputs.size() != 1 || !kernel.overwrites()) continue;
    const uint32_t made = node.outputs[0].index;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      if (!v.valid() || state_of[v.index] < 0 || next_of[made] != state_of[v.index]) continue;
      if (kernel.in_place(i) && ends_in(v.index, s) && types_[v.index] == types_[made])
        steps_[s].in_state = state_of[v.index];
    }
  }
}

// Cutting what lies in the arena gives more to show of it.
void Places::find_parts() {
  const std::vector<uint32_t> views = root_;
  const auto outlives = [&](ValueId v) { return escapes_[views[v.index]]; };
  for (Specialization::Step& step : steps_) {
    const Node& node = graph_[step.node];
    const uint32_t from =
        node.inputs.empty() || !node.inputs[0].valid() ? kNone : node.inputs[0].index;
    std::vector<int64_t> parts;
    if (node.op->is(Trait::view) && from != kNone) {
      parts = {0};
    } else if (step.planned && from != kNone && made_in_arena_[root_[from]] &&
               std::ranges::none_of(node.outputs, outlives)) {
      const Infer c(*node.op, node.attrs, step.in_types, node.outputs.size());
      if (auto found = parts_of_input(c, step.out_types)) parts = *std::move(found);
      step.there = !parts.empty();
    }
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      const ValueId v = node.outputs[slot];
      if (slot < parts.size()) {
        root_[v.index] = root_[from];
        shift_[v.index] = shift_[from] + parts[slot];
      } else {
        made_in_arena_[v.index] = step.planned && !outlives(v);
      }
    }
  }
}

void Places::find_hosts() {
  std::vector<const Kernel*> made_by(graph_.value_count(), nullptr);
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Specialization::Step& step = steps_[s];
    const Node& node = graph_[step.node];
    if (node.outputs.size() == 1 && step.planned)
      made_by[node.outputs[0].index] = plan_.kernels[s].get();
    if (!step.planned || node.outputs.size() != 1 || escapes_[node.outputs[0].index]) continue;
    const Infer c(*node.op, node.attrs, step.in_types, 1);
    const auto offsets = parts_of_output(c, step.out_types);
    if (!offsets) {
      find_row_hosts(step, made_by);
      continue;
    }
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (can_be_hosted(node.inputs[i], step.node))
        hosts_[root_[node.inputs[i].index]] = {node.outputs[0].index, (*offsets)[i]};
  }
}

// All rows of a joined tensor are made where they belong, or none: nothing is left to be done then.
void Places::find_row_hosts(const Specialization::Step& step,
                            const std::vector<const Kernel*>& made_by) {
  const Node& node = graph_[step.node];
  const Infer c(*node.op, node.attrs, step.in_types, 1);
  const auto offsets = rows_of_output(c, step.out_types);
  const auto able = [&](ValueId v) {
    return v.valid() && root_[v.index] == v.index && made_by[v.index] &&
           made_by[v.index]->spaces_rows() && made_by[v.index]->overwrites() &&
           can_be_hosted(v, step.node);
  };
  if (!offsets || byte_count(step.out_types[0]) == 0 || !std::ranges::all_of(node.inputs, able))
    return;
  const int64_t row = *step.out_types[0].tensor.shape.dims.back().constant();
  for (size_t i = 0; i < node.inputs.size(); ++i)
    hosts_[node.inputs[i].index] = {node.outputs[0].index, (*offsets)[i], row};
}

// Only if nothing but this user needs it, and it is made by a step that is told where.
bool Places::can_be_hosted(ValueId v, NodeId user) const {
  const uint32_t root = root_[v.index];
  while (true) {
    const Value& value = graph_[v];
    if (value.kind != Value::Kind::node || value.users.size() != 1 || value.users[0] != user ||
        escapes_[v.index] || shift_[v.index] != 0)
      return false;
    if (v.index == root) break;
    user = value.producer;
    v = graph_[user].inputs[0];
    if (!graph_[user].op->is(Trait::view)) return false;
  }
  return made_in_arena_[root];
}

// The value that has a buffer of its own in which this one is made.
Places::Host Places::home_of(uint32_t root, bool hosting) const {
  Host home{root, 0};
  while (hosting && hosts_[home.value].value != kNone) {
    home.offset += hosts_[home.value].offset;
    home.value = hosts_[home.value].value;
  }
  return home;
}

// Does the kernel write over an input that ends here? No other input may show the same bytes under
// another shape.
bool Places::takes_over(size_t s, uint32_t value, int64_t bytes) {
  Specialization::Step& step = steps_[s];
  const Node& node = graph_[step.node];
  const Kernel& kernel = *plan_.kernels[s];
  if (node.outputs.size() != 1 || !kernel.overwrites()) return false;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId v = node.inputs[i];
    if (!v.valid() || !kernel.in_place(i)) continue;
    const uint32_t root = root_[v.index];
    const int64_t at = buffer_of_[root];
    if (last_[root] != int32_t(s) || at < 0 || buffers_[size_t(at)].bytes != bytes ||
        byte_count(types_[v.index]) != bytes)
      continue;
    // Wherever else the kernel reads these bytes it must be able to.
    bool able = true;
    for (size_t j = 0; j < node.inputs.size(); ++j) {
      const ValueId other = node.inputs[j];
      if (other.valid() && root_[other.index] == root)
        able = able && other == v && kernel.in_place(j);
    }
    if (!able) continue;
    step.in_place = int32_t(i);
    buffer_of_[value] = at;
    return true;
  }
  return false;
}

// Gives each root a buffer.
void Places::lay_out(bool hosting) {
  buffers_.clear();
  buffer_of_.assign(root_.size(), -1);
  for (size_t s = 0; s < steps_.size(); ++s) {
    Specialization::Step& step = steps_[s];
    const Node& node = graph_[step.node];
    step.in_place = -1;
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      const uint32_t v = node.outputs[slot].index;
      if (!made_in_arena_[v]) continue;
      const int32_t last = std::max(int32_t(s), last_[v]);
      const Host home = home_of(v, hosting);
      int64_t& at = buffer_of_[home.value];
      if (at < 0 && (home.value != v || !takes_over(s, v, byte_count(types_[v])))) {
        at = int64_t(buffers_.size());
        buffers_.push_back({byte_count(types_[home.value]), int32_t(s), last});
      }
      buffer_of_[v] = at;
      buffers_[size_t(at)].last = std::max(buffers_[size_t(at)].last, last);
    }
  }
}

void Places::write_down(bool hosting, const Placement& placement) {
  for (Specialization::Step& step : steps_) {
    const Node& node = graph_[step.node];
    step.offsets.assign(node.outputs.size(), -1);
    step.row_step = hosting && !node.outputs.empty() ? hosts_[node.outputs[0].index].row_step : 0;
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      const uint32_t v = node.outputs[slot].index, root = root_[v];
      if (!step.planned || buffer_of_[root] < 0 || (slot == 0 && node.op->is(Trait::view)))
        continue;
      step.offsets[slot] =
          placement.offsets[size_t(buffer_of_[root])] + home_of(root, hosting).offset + shift_[v];
    }
    if (hosting) find_copies(step);
  }
}

// Joining copies what could not be made in its place.
void Places::find_copies(Specialization::Step& step) const {
  const Node& node = graph_[step.node];
  const auto hosted = [&](ValueId v) {
    return v.valid() && hosts_[root_[v.index]].value == node.outputs[0].index;
  };
  if (node.outputs.size() != 1 || !made_in_arena_[node.outputs[0].index] ||
      std::ranges::none_of(node.inputs, hosted))
    return;
  step.there = true;
  const Infer c(*node.op, node.attrs, step.in_types, 1);
  const auto parts = parts_of_output(c, step.out_types);
  const std::vector<int64_t> offsets = parts ? *parts : *rows_of_output(c, step.out_types);
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (!hosted(node.inputs[i])) step.copies.push_back({i, step.offsets[0] + offsets[i]});
}

// A result that is there from its first part on may cost more memory than copying the parts.
Result<Placement> Places::place(uint64_t limit) {
  lay_out(false);
  auto placement = hone::place(buffers_, limit);
  if (std::ranges::any_of(hosts_, [](const Host& h) { return h.value != kNone; })) {
    lay_out(true);
    auto hosted = hone::place(buffers_, limit);
    if (hosted.ok() && (!placement.ok() || hosted->arena_bytes <= placement->arena_bytes)) {
      write_down(true, *hosted);
      return hosted;
    }
    lay_out(false);
  }
  if (placement.ok()) write_down(false, *placement);
  return placement;
}

}  // namespace hone
