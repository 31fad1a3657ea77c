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

// The names of a graph or of the body of a function.
struct Scope {
  GraphImporter* graph = nullptr;  // where the values lie
  Scope* outer = nullptr;          // of the graph around this one, whose names are seen here
  const Opsets* opsets = nullptr;
  NameMap<Binding> names = {};
  // Of the graph's value_info and outputs.
  NameMap<const TypeProto*> declared = {};
  // Inside of a function call: what ref_attr_name may name; null elsewhere.
  const NameMap<const AttributeProto*>* attributes = nullptr;
  std::string prefix = {};  // of node names: the calls that lead here
  bool inlined = false;     // a function body: its value names are not those of the graph
};

class GraphImporter {
 public:
  GraphImporter(ImportState& state, GraphId graph)
      : state_(state), builder_(state.model, graph, state.catalogue) {}

  // `outer` is the scope of the node that holds the graph, null for the main graph.
  Status import(const GraphProto& proto, Scope* outer, const Types& formal_types);
  // A graph nested in a node of `scope`, which is in this graph.
  Result<NodeContext::Nested> import_nested(Scope& scope, const GraphProto& proto,
                                            std::string_view graph_name, const Types& formal_types);
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
  Status translate(Scope& scope, const NodeProto& node, std::vector<ValueId> inputs);
  Status call(Scope& scope, const NodeProto& node, uint32_t function, std::vector<ValueId> inputs);
  // The node with the attributes of the function call filled in.
  Result<NodeProto> substitute(const Scope& scope, const NodeProto& node);
  Result<NameMap<const AttributeProto*>> call_attributes(const NodeProto& node,
                                                         const FunctionProto& function);

  // Null when nothing defines the name.
  Result<Binding*> look_up(Scope& scope, std::string_view name);
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
  Builder builder_;
  Captures captures_;
  size_t formal_inputs_ = 0;
  size_t charged_nodes_ = 0, charged_values_ = 0;
};

}  // namespace hone::onnx
