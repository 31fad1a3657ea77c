#include "ir/graph.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "base/check.h"

namespace hone {

namespace {

uint64_t footprint(const std::string& text) { return text.size() < 16 ? 0 : text.size() + 16; }

uint64_t footprint(const std::vector<Dim>& dims) {
  uint64_t bytes = 0;
  for (const Dim& d : dims) bytes += d.footprint();
  return bytes;
}

}  // namespace

uint64_t footprint(const Value& value) {
  return sizeof value + footprint(value.name) + footprint(value.type.tensor.shape.dims) +
         (value.known ? footprint(*value.known) : 0);
}

uint64_t footprint(const Node& node) {
  uint64_t bytes = sizeof node + footprint(node.name) + node.attrs.size() * sizeof(NamedAttr);
  for (const std::string& origin : node.provenance) bytes += sizeof origin + footprint(origin);
  // An input is listed among the users of its value too.
  return bytes + node.inputs.size() * (sizeof(ValueId) + 2 * sizeof(NodeId)) +
         node.outputs.size() * sizeof(ValueId);
}

size_t Graph::live_nodes() const {
  return size_t(
      std::count_if(nodes_.begin(), nodes_.end(), [](const Node& n) { return n.op != nullptr; }));
}

ValueId Graph::add_input(std::string value_name, Type type) {
  const ValueId id{uint32_t(values_.size())};
  Value value;
  value.kind = Value::Kind::input;
  value.name = std::move(value_name);
  value.type = std::move(type);
  values_.push_back(std::move(value));
  inputs.push_back(id);
  return id;
}

ValueId Graph::add_state(std::string value_name, Type type, ConstantId initial) {
  const ValueId id{uint32_t(values_.size())};
  Value value;
  value.kind = Value::Kind::state;
  value.name = std::move(value_name);
  value.type = std::move(type);
  value.slot = uint32_t(states_.size());
  values_.push_back(std::move(value));
  exits_[id.index].push_back({true, uint32_t(states_.size())});
  states_.push_back({id, id, initial});
  return id;
}

void Graph::set_next(ValueId now, ValueId next) {
  const uint32_t at = values_[now.index].slot;
  const auto old = exits_.find(states_[at].next.index);
  std::erase_if(old->second, [&](const Exit& e) { return e.is_next && e.at == at; });
  if (old->second.empty()) exits_.erase(old);
  states_[at].next = next;
  exits_[next.index].push_back({true, at});
}

void Graph::add_output(std::string output_name, ValueId value) {
  exits_[value.index].push_back({false, uint32_t(outputs_.size())});
  outputs_.push_back(value);
  output_names_.push_back(std::move(output_name));
}

void Graph::remove_outputs(const std::vector<bool>& marked) {
  size_t kept = 0;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (marked[i]) continue;
    outputs_[kept] = outputs_[i];
    std::swap(output_names_[kept++], output_names_[i]);
  }
  outputs_.resize(kept);
  output_names_.resize(kept);
  index_exits();
}

ValueId& Graph::leaving(const Exit& exit) {
  return exit.is_next ? states_[exit.at].next : outputs_[exit.at];
}

void Graph::index_exits() {
  exits_.clear();
  for (uint32_t i = 0; i < outputs_.size(); ++i) exits_[outputs_[i].index].push_back({false, i});
  for (uint32_t i = 0; i < states_.size(); ++i) exits_[states_[i].next.index].push_back({true, i});
}

ValueId Graph::constant_value(ConstantId constant, const TensorType& type) {
  ValueId& id = constants_[constant.index];
  if (!id.valid()) {
    id = ValueId{uint32_t(values_.size())};
    Value value;
    value.kind = Value::Kind::constant;
    value.type = Type(type);
    value.constant = constant;
    values_.push_back(std::move(value));
  }
  return id;
}

void Graph::renumber_constants(const std::vector<ConstantId>& map) {
  constants_.clear();
  for (uint32_t i = 0; i < values_.size(); ++i) {
    Value& value = values_[i];
    if (value.kind != Value::Kind::constant) continue;
    value.constant = map[value.constant.index];
    if (!value.constant.valid()) continue;
    constants_[value.constant.index] = ValueId{i};
  }
  for (State& s : states_)
    if (s.initial.valid()) s.initial = map[s.initial.index];
}

NodeId Graph::add_node(const OpDef& op, Attrs attrs, std::vector<ValueId> node_inputs,
                       Types output_types) {
  const NodeId id{uint32_t(nodes_.size())};
  Node node;
  node.op = &op;
  node.attrs = std::move(attrs);
  node.inputs = std::move(node_inputs);
  for (ValueId v : node.inputs)
    if (v.valid()) values_[v.index].users.push_back(id);
  for (uint32_t slot = 0; slot < output_types.size(); ++slot) {
    Value value;
    value.kind = Value::Kind::node;
    value.type = std::move(output_types[slot]);
    value.producer = id;
    value.slot = slot;
    node.outputs.push_back(ValueId{uint32_t(values_.size())});
    values_.push_back(std::move(value));
  }
  nodes_.push_back(std::move(node));
  return id;
}

void Graph::replace_uses(ValueId old, ValueId with) {
  if (old == with) return;
  std::vector<NodeId> moved = std::exchange(values_[old.index].users, {});
  std::vector<NodeId>& users = values_[with.index].users;
  users.insert(users.end(), moved.begin(), moved.end());
  // A node with many uses is walked once.
  std::sort(moved.begin(), moved.end());
  moved.erase(std::unique(moved.begin(), moved.end()), moved.end());
  for (NodeId user : moved)
    for (ValueId& v : nodes_[user.index].inputs)
      if (v == old) v = with;
  if (const auto leaves = exits_.extract(old.index)) {
    for (const Exit& exit : leaves.mapped()) leaving(exit) = with;
    std::vector<Exit>& exits = exits_[with.index];
    exits.insert(exits.end(), leaves.mapped().begin(), leaves.mapped().end());
  }
}

void Graph::set_input(NodeId node, size_t index, ValueId value) {
  ValueId& slot = nodes_[node.index].inputs[index];
  if (slot.valid()) {
    auto& users = values_[slot.index].users;
    users.erase(std::find(users.begin(), users.end(), node));
  }
  slot = value;
  if (value.valid()) values_[value.index].users.push_back(node);
}

void Graph::remove(NodeId id) {
  Node& node = nodes_[id.index];
  for (ValueId v : node.outputs) CHECK(values_[v.index].users.empty());
  // From the back: a node that goes again soon after it came, as most do, is found at once.
  for (ValueId v : node.inputs) {
    if (!v.valid()) continue;
    auto& users = values_[v.index].users;
    users.erase(std::next(std::find(users.rbegin(), users.rend(), id)).base());
  }
  node = Node{};
}

size_t Graph::remove_all_but(const std::vector<bool>& needed) {
  for (Value& value : values_) {
    const bool stays = !value.producer.valid() || needed[value.producer.index];
    std::erase_if(value.users, [&](NodeId user) {
      CHECK(stays || !needed[user.index]);
      return !needed[user.index];
    });
  }
  size_t removed = 0;
  for (uint32_t n = 0; n < nodes_.size(); ++n) {
    if (!nodes_[n].op || needed[n]) continue;
    nodes_[n] = Node{};
    ++removed;
  }
  return removed;
}

// Kahn's algorithm with a heap, so that the lowest ready index goes first: the array order wherever
// that is topological.
Result<std::vector<NodeId>> Graph::order() const {
  std::vector<uint32_t> waiting(nodes_.size());
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> ready;
  size_t live = 0;
  for (uint32_t n = 0; n < nodes_.size(); ++n) {
    if (!nodes_[n].op) continue;
    ++live;
    for (ValueId v : nodes_[n].inputs)
      if (v.valid() && values_[v.index].kind == Value::Kind::node) ++waiting[n];
    if (waiting[n] == 0) ready.push(n);
  }
  std::vector<NodeId> out;
  out.reserve(live);
  while (!ready.empty()) {
    const uint32_t n = ready.top();
    ready.pop();
    out.push_back(NodeId{n});
    for (ValueId v : nodes_[n].outputs)
      for (NodeId user : values_[v.index].users)
        if (--waiting[user.index] == 0) ready.push(user.index);
  }
  if (out.size() != live) return fail(ErrorId::cycle, "graph '" + name + "' depends on itself");
  return out;
}

Status Graph::compact() {
  const std::vector<NodeId> sorted = TRY(order());
  std::vector<ValueId> value_map(values_.size());
  std::vector<Value> values;
  auto keep = [&](ValueId old) {
    if (!old.valid() || value_map[old.index].valid()) return;
    value_map[old.index] = ValueId{uint32_t(values.size())};
    values.push_back(std::move(values_[old.index]));
    values.back().users.clear();
  };
  for (ValueId v : inputs) keep(v);
  for (const State& s : states_) keep(s.now);
  std::vector<Node> nodes;
  nodes.reserve(sorted.size());
  for (NodeId old : sorted) {
    Node& node = nodes_[old.index];
    for (ValueId v : node.inputs) keep(v);
    for (ValueId v : node.outputs) keep(v);
    nodes.push_back(std::move(node));
  }
  for (ValueId v : outputs_) keep(v);
  for (const State& s : states_) keep(s.next);

  auto renumber = [&](ValueId& v) {
    if (v.valid()) v = value_map[v.index];
  };
  for (uint32_t n = 0; n < nodes.size(); ++n) {
    for (ValueId& v : nodes[n].inputs) {
      renumber(v);
      if (v.valid()) values[v.index].users.push_back(NodeId{n});
    }
    for (ValueId& v : nodes[n].outputs) {
      renumber(v);
      values[v.index].producer = NodeId{n};
    }
  }
  for (ValueId& v : inputs) renumber(v);
  for (ValueId& v : outputs_) renumber(v);
  for (State& s : states_) {
    renumber(s.now);
    renumber(s.next);
  }
  for (auto& [constant, value] : constants_) renumber(value);
  std::erase_if(constants_, [](const auto& entry) { return !entry.second.valid(); });
  nodes_ = std::move(nodes);
  values_ = std::move(values);
  index_exits();
  return ok();
}

}  // namespace hone
