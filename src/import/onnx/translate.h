// How one ONNX operator becomes nodes of the catalogue: tables of (domain, operator,
// since-version).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "import/onnx/proto.h"
#include "ir/builder.h"

namespace hone::onnx {

struct ImportState;

// One ONNX node being translated. Inputs have been resolved to values already.
class NodeContext {
 public:
  virtual ~NodeContext() = default;

  Builder& builder() { return builder_; }
  const NodeProto& node() const { return node_; }
  int64_t opset() const { return opset_; }  // of the node's domain
  const std::vector<ValueId>& inputs() const { return inputs_; }
  size_t input_count() const { return inputs_.size(); }
  bool has_input(size_t i) const { return i < inputs_.size() && inputs_[i].valid(); }
  ValueId input(size_t i) const { return i < inputs_.size() ? inputs_[i] : ValueId{}; }
  // Valid until the next emit or nested. Of a value that is not given: of no known rank, so that
  // the operator emitted can complain.
  const Type& type_of(ValueId value);
  const Type& input_type(size_t i) { return type_of(input(i)); }
  size_t output_count() const { return node_.outputs.size(); }

  // Attributes. Reading one marks it as used; unused ones are refused at the end, so that nothing
  // is silently ignored. Values of ref_attr_name have been filled in.
  bool has(std::string_view name);
  Result<int64_t> integer(std::string_view name, std::optional<int64_t> fallback = {});
  Result<float> real(std::string_view name, std::optional<float> fallback = {});
  Result<std::string> text(std::string_view name, std::optional<std::string> fallback = {});
  Result<Integers> integers(std::string_view name, std::optional<Integers> fallback = {});
  Result<Reals> reals(std::string_view name, std::optional<Reals> fallback = {});
  Result<Texts> texts(std::string_view name, std::optional<Texts> fallback = {});
  Result<DType> dtype(std::string_view name, std::optional<DType> fallback = {});
  Result<Tensor> tensor(std::string_view name);
  Result<ConstantId> tensor_constant(std::string_view name, std::string constant_name);  // no copy
  Result<Type> type(std::string_view name);
  void ignore(std::string_view name);  // known to have no meaning here

  // Emits a catalogue operator in the name of this node, with output_count() outputs unless given.
  Result<std::vector<ValueId>> emit(std::string_view op, std::vector<ValueId> inputs,
                                    Builder::Given attrs = {}, std::optional<size_t> outputs = {});
  // A one-output helper for intermediate nodes.
  Result<ValueId> emit1(std::string_view op, std::vector<ValueId> inputs,
                        Builder::Given attrs = {});

  // Imports the nested graph of attribute `name` as an isolated graph. Outer values it uses are
  // appended to its inputs and returned as captures. `formal_types` refines the types of its formal
  // inputs (may be shorter).
  struct Nested {
    GraphId graph;
    size_t formal_inputs = 0;
    std::vector<ValueId> captures;
    Types outputs;
  };
  virtual Result<Nested> nested(std::string_view name, const Types& formal_types) = 0;
  // Gives several nested graphs (the branches of an if) one common list of captures, in this order:
  // adds the missing inputs to each.
  virtual std::vector<ValueId> unify_captures(std::vector<Nested>& graphs) = 0;

  Error unsupported(std::string why) const;  // "<Op>: why", unsupported_feature

 protected:
  NodeContext(ImportState& state, Builder& builder, const NodeProto& node, std::string name,
              int64_t opset, std::vector<ValueId> inputs)
      : state_(state),
        builder_(builder),
        node_(node),
        name_(std::move(name)),
        opset_(opset),
        inputs_(std::move(inputs)),
        used_(node.attributes.size()) {}
  friend class GraphImporter;
  // The attribute, marked as used; null when not given.
  const AttributeProto* use(std::string_view name);
  // The same, of this type; null when not given and not `required`.
  Result<const AttributeProto*> use(std::string_view name, AttributeType type, bool required);
  Error attribute_error(std::string_view name, std::string_view what) const;
  // All attributes of the node, by the declarations of a catalogue operator.
  Result<Builder::Given> given_to(const OpDef& op);
  Status check_all_used() const;
  Status check_required(uint32_t required) const;
  Status charge_name();          // before a node gets it
  std::string describe() const;  // "node 'conv1' (Conv) at byte 1234"

  ImportState& state_;
  Builder& builder_;
  const NodeProto& node_;
  std::string name_;  // of the nodes it becomes, unique where functions are called twice
  int64_t opset_;
  std::vector<ValueId> inputs_;
  std::vector<bool> used_;
};

// The outputs in ONNX order; may be fewer than output_count() only where the rest is unused.
using Translate = Result<std::vector<ValueId>> (*)(NodeContext& c);

struct Translation {
  std::string_view domain;  // "" is ai.onnx
  std::string_view op;
  int64_t since;  // first opset with this form; the newest row <= the model's opset is taken
  // The catalogue operator with the same inputs, outputs and attributes (by name); or
  std::string_view direct;
  // a function, where they differ.
  Translate translate = nullptr;
  // The inputs that the function takes as given: bit i stands for input i.
  uint32_t required = 0;
};

// For `required`: the first inputs, or those of these numbers.
constexpr uint32_t first_inputs(unsigned count) { return (1u << count) - 1; }
constexpr uint32_t inputs_at(std::initializer_list<unsigned> numbers) {
  uint32_t bits = 0;
  for (const unsigned i : numbers) bits |= 1u << i;
  return bits;
}

// One table for each family, listed in translations.def.
#define TRANSLATIONS(family) std::span<const Translation> family##_translations();
#include "import/onnx/translations.def"
#undef TRANSLATIONS

// alpha, beta, transA and transB of a product of matrices.
Result<Builder::Given> gemm_attributes(NodeContext& c);

// The row for this operator at this opset; null when there is none.
const Translation* find_translation(std::string_view domain, std::string_view op, int64_t opset);

}  // namespace hone::onnx
