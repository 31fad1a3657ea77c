// What all parts of one import share: the parsed file, functions, nested graphs, constants, names.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/hash.h"
#include "base/limits.h"
#include "import/onnx/proto.h"
#include "import/onnx/tensors.h"
#include "import/onnx/types.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone::onnx {

// Keys lie in the file.
template <class T>
using NameMap = std::unordered_map<std::string_view, T, SeededHash, std::equal_to<>>;

// Versions of operator sets by domain; the standard domain is "".
using Opsets = NameMap<int64_t>;
inline constexpr int64_t kNewestOpset = 28;

// "ai.onnx" and "" are the same domain.
std::string_view plain_domain(std::string_view domain);
// Refuses a domain that is imported in two versions, and standard opsets that are too new.
Result<Opsets> opsets_of(const std::vector<OpsetImport>& imports);
// The version in which the node's domain is imported.
Result<int64_t> opset_of(const NodeProto& node, const Opsets& opsets);
std::string describe(const NodeProto& node);  // "node 'conv1' (Conv) at byte 1234"

// The functions that the model brings along, by (domain, name, overload).
class Functions {
 public:
  static Result<Functions> of(const ModelProto& model, Ledger& ledger);
  // The function that the node calls; none when it is an operator.
  std::optional<uint32_t> find(const NodeProto& node) const;
  size_t size() const { return functions_.size(); }
  const FunctionProto& operator[](uint32_t i) const { return *functions_[i].proto; }
  const Opsets& opsets(uint32_t i) const { return functions_[i].opsets; }

 private:
  struct Function {
    const FunctionProto* proto;
    Opsets opsets;
  };
  std::vector<Function> functions_;
  std::unordered_map<std::string, uint32_t, SeededHash, std::equal_to<>> index_;
};

// Nested graphs, parsed once each however often they are imported.
class NestedGraphs {
 public:
  Result<const GraphProto*> parse(const AttributeProto& attribute, Ledger& ledger);

 private:
  std::unordered_map<uint64_t, std::unique_ptr<GraphProto>> graphs_;  // by offset
};

struct ImportState {
  Model& model;
  const ModelProto& proto;
  const Catalogue& catalogue;
  Ledger& ledger;
  TensorLoader tensors;
  Symbols symbols;
  Opsets opsets;
  Functions functions;
  NestedGraphs nested = {};
  uint64_t depth = 0;  // of nested graphs and function calls, together

  // A graph name not in use, made from `stem`.
  std::string fresh_graph_name(std::string_view stem);
  std::unordered_map<std::string, uint64_t, SeededHash, std::equal_to<>> graph_names = {};
};

// One level of nested graphs or function calls, as far as the limit allows.
class Level {
 public:
  static Status check(const ImportState& state, std::string_view what);
  explicit Level(ImportState& state) : state_(state) { ++state_.depth; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  ~Level() { --state_.depth; }

 private:
  ImportState& state_;
};

// Before anything is built: every operator has a translation, no function calls itself, and the
// nodes after inlining are within the limit. All operators that are missing are named in one error.
Status survey(ImportState& state);

}  // namespace hone::onnx
