// Imports one graph of the file: the main one, or one nested in a node, with functions inlined.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "import/onnx/import_state.h"
#include "import/onnx/translate.h"
#include "ir/builder.h"

namespace hone::onnx {

// What a name stands for. A constant becomes a value of the graph on its first use.
struct Binding {
  ValueId value;  // invalid too for an optional input that a function call leaves out
  ConstantId constant;
  const NodeProto* lost = nullptr;  // the node whose translation does not give this output
};

// Who uses or defines a name; put into words only when there is an error.
struct Party {
  Party(std::string_view words) : words(words) {}  // NOLINT
  Party(const NodeProto& node) : node(&node) {}    // NOLINT
  std::string str() const { return node ? describe(*node) : std::string(words); }
  std::string_view words = {};
  const NodeProto* node = nullptr;
};

class GraphImporter;
struct Scope;

// An attribute of a function call, and the scope in which it stands: what a graph in it names is
// looked for there, and its nodes are of the operator sets of that place.
struct Written {
  const AttributeProto* attribute = nullptr;  // null: declared, but not given
  Scope* scope = nullptr;
};
using CallAttributes = NameMap<Written>;

// A node of the file with the attributes of the function call around it filled in.
struct PreparedNode {
  const NodeProto* original = nullptr;  // outlives the import
  const NodeProto* node = nullptr;
  std::vector<Scope*> homes = {};  // of its attributes; none: the scope of the node
};

// The names of a graph or of the body of a function.
struct Scope {
  GraphImporter* graph = nullptr;  // where the values lie
  Scope* outer = nullptr;          // of the graph around this one, whose names are seen here
  const Opsets* opsets = nullptr;
  NameMap<Binding> names = {};
  // Of the graph's value_info and outputs.
  NameMap<const TypeProto*> declared = {};
  // Inside of a function call: what ref_attr_name may name; null elsewhere.
  const CallAttributes* attributes = nullptr;
  std::string prefix = {};  // of node names: the calls that lead here
  bool inlined = false;     // a function body: its value names are not those of the graph
};

class GraphImporter {
 public:
  // `around` imports the graph that has the node with this one; null for the main graph.
  GraphImporter(ImportState& state, GraphId graph, GraphImporter* around = nullptr)
      : state_(state), around_(around), builder_(state.model, graph, state.catalogue) {}

  // `outer` is the scope that the graph is written in, null for the main graph.
  Status import(const GraphProto& proto, Scope* outer, std::string prefix,
                const Types& formal_types);
  // A graph nested in a node of this graph, written in `home`.
  Result<NodeContext::Nested> import_nested(Scope& home, std::string prefix,
                                            const GraphProto& proto, std::string_view graph_name,
                                            const Types& formal_types);
  std::vector<ValueId> unify_captures(std::vector<NodeContext::Nested>& graphs);

 private:
  class Context;
  // A value of the outer graph and the input that stands for it here.
  struct Captures {
    std::vector<ValueId> outer;
    std::unordered_map<uint32_t, ValueId> local;
  };

  Status bind_initializers(Scope& scope, const GraphProto& proto);
  Status bind_inputs(Scope& scope, const GraphProto& proto, const Types& formal_types);
  Status collect_declared(Scope& scope, const GraphProto& proto);
  Result<Type> input_type(const ValueInfo& info, bool nested, const Type* formal);
  Status set_outputs(Scope& scope, const GraphProto& proto);

  Status import_nodes(Scope& scope, const std::vector<NodeProto>& nodes);
  Status translate(Scope& scope, const PreparedNode& prepared, std::vector<ValueId> inputs);
  Status call(Scope& scope, const PreparedNode& prepared, uint32_t function,
              std::vector<ValueId> inputs);
  // Fills in the attributes of the function call; `copy` holds the node.
  Result<PreparedNode> substitute(Scope& scope, const NodeProto& node,
                                  std::optional<NodeProto>& copy);
  Result<CallAttributes> call_attributes(Scope& scope, const PreparedNode& prepared,
                                         const FunctionProto& function, Scope& body);

  // Null when nothing defines the name.
  Result<Binding*> look_up(Scope& scope, std::string_view name);
  // A binding of a graph around this one, captured by every graph on the way.
  Result<Binding> bring(GraphImporter& from, const Binding& binding, std::string_view name);
  // The value in this graph; invalid for a missing optional one.
  Result<ValueId> value_of(Scope& scope, std::string_view name, Party user);
  Result<std::vector<ValueId>> resolve(Scope& scope, const std::vector<NodeProto>& nodes,
                                       const NodeProto& node);
  Status bind(Scope& scope, std::string_view name, Binding binding, Party definer);
  // Names the value and takes over what the file declares about it.
  Status settle(Scope& scope, std::string_view name, ValueId value);
  Status refine(Scope& scope, std::string_view name, ValueId value, const TypeProto& declared,
                bool is_output);
  Status charge_growth();

  ImportState& state_;
  GraphImporter* around_;
  Builder builder_;
  Captures captures_;
  size_t formal_inputs_ = 0;
  size_t charged_nodes_ = 0, charged_values_ = 0;
};

}  // namespace hone::onnx
