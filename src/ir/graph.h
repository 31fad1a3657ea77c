// The graph: values and nodes in arrays, addressed by 32-bit ids. Nothing here knows operators.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "ir/attr.h"
#include "ir/type.h"

namespace hone {

struct OpDef;

struct ValueId {
  uint32_t index = UINT32_MAX;
  bool valid() const { return index != UINT32_MAX; }
  auto operator<=>(const ValueId&) const = default;
};
struct NodeId {
  uint32_t index = UINT32_MAX;
  bool valid() const { return index != UINT32_MAX; }
  auto operator<=>(const NodeId&) const = default;
};
struct ConstantId {
  uint32_t index = UINT32_MAX;
  bool valid() const { return index != UINT32_MAX; }
  auto operator<=>(const ConstantId&) const = default;
};

// The elements of a small integer tensor (at most kMaxKnown), as far as they are known.
using Known = std::vector<Dim>;
inline constexpr int64_t kMaxKnown = 128;

struct Value {
  enum class Kind : uint8_t { input, state, constant, node };
  Kind kind = Kind::input;
  std::string name;  // unique in the graph when not empty
  Type type;
  std::optional<Known> known;  // of integer tensors that hold shapes
  NodeId producer;             // of kind node
  uint32_t slot = 0;           // which output of the producer; of kind state: which state
  ConstantId constant;         // of kind constant
  std::vector<NodeId> users;   // one entry per use
};

struct Node {
  const OpDef* op = nullptr;  // null once removed
  std::string name;           // where it came from, for messages; need not be unique
  Attrs attrs;
  std::vector<ValueId> inputs;  // an invalid id is an optional input that is not given
  std::vector<ValueId> outputs;
  // Names of the nodes of the source file that this node stands for, when not just its own name.
  std::vector<std::string> provenance;
};

// A value carried from one call to the next. `initial` is a constant or invalid (zeros).
struct State {
  ValueId now, next;
  ConstantId initial;
};

// Bytes that one takes with all it owns, about; for ledgers.
uint64_t footprint(const Value& value);
uint64_t footprint(const Node& node);

class Graph {
 public:
  std::string name;
  std::vector<ValueId> inputs;

  // Read-only, since the graph remembers where each value leaves it.
  const std::vector<ValueId>& outputs() const { return outputs_; }
  // The interface, whatever the values are called.
  const std::vector<std::string>& output_names() const { return output_names_; }
  const std::vector<State>& states() const { return states_; }

  const Value& operator[](ValueId v) const { return values_[v.index]; }
  const Node& operator[](NodeId n) const { return nodes_[n.index]; }
  Value& at(ValueId v) { return values_[v.index]; }
  Node& at(NodeId n) { return nodes_[n.index]; }
  size_t value_count() const { return values_.size(); }
  size_t node_capacity() const { return nodes_.size(); }  // removed nodes counted too
  bool alive(NodeId n) const { return nodes_[n.index].op != nullptr; }
  size_t live_nodes() const;

  ValueId add_input(std::string name, Type type);
  // A state that keeps its value, until set_next() says otherwise.
  ValueId add_state(std::string name, Type type, ConstantId initial = {});
  void set_next(ValueId now, ValueId next);
  void add_output(std::string name, ValueId value);
  // Takes the marked ones out of the interface.
  void remove_outputs(const std::vector<bool>& marked);
  // The value that stands for a constant in this graph; one per constant.
  ValueId constant_value(ConstantId constant, const TensorType& type);
  // Gives constants new ids: `map` by old index; invalid where dropped (nothing uses those).
  void renumber_constants(const std::vector<ConstantId>& map);
  // Adds a node whose outputs have these types. No checks: the Builder does them.
  NodeId add_node(const OpDef& op, Attrs attrs, std::vector<ValueId> inputs, Types outputs);

  // Makes every use of `old` use `with`: nodes, outputs, next of states. Takes time in proportion
  // to the uses, however many outputs the graph has.
  void replace_uses(ValueId old, ValueId with);
  void set_input(NodeId node, size_t index, ValueId value);
  void remove(NodeId node);  // its outputs must have no users
  // Removes all nodes that are not marked, in one walk; how many. No marked node may use them.
  size_t remove_all_but(const std::vector<bool>& needed);
  bool is_output(ValueId v) const { return exits_.contains(v.index); }  // or the next of a state

  // Live nodes, producers first. Array order where that is topological already. Fails with `cycle`.
  Result<std::vector<NodeId>> order() const;
  // Renumbers: drops removed nodes and unused values, nodes in topological order.
  Status compact();

 private:
  // Where a value leaves the graph: as output or next state number `at`.
  struct Exit {
    bool is_next;
    uint32_t at;
  };
  ValueId& leaving(const Exit& exit);
  void index_exits();

  std::vector<ValueId> outputs_;
  std::vector<std::string> output_names_;
  std::vector<State> states_;
  std::unordered_map<uint32_t, std::vector<Exit>> exits_;  // by value, of those that leave
  std::vector<Node> nodes_;
  std::vector<Value> values_;
  // By constant id. Not an array: each of very many nested graphs could use the last constant.
  std::unordered_map<uint32_t, ValueId> constants_;
};

}  // namespace hone
