// From TypeProto to types of the IR, and the symbols that the model's inputs declare.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "base/hash.h"
#include "base/limits.h"
#include "base/result.h"
#include "import/onnx/proto.h"
#include "ir/model.h"

namespace hone::onnx {

// Names of dims. Only the inputs of the model declare them; elsewhere a name that no input has
// could not be bound to a number, and stands for an unknown dim.
class Symbols {
 public:
  Symbols(Model& model, Ledger& ledger) : model_(model), ledger_(ledger) {}
  Status declare(std::string_view name);
  bool knows(std::string_view name) const { return names_.contains(name); }

 private:
  Model& model_;
  Ledger& ledger_;
  std::unordered_set<std::string, SeededHash, std::equal_to<>> names_;
};

// `declares`: the type of an input of the model. Negative extents are taken as unknown.
Result<Type> to_type(const TypeProto& proto, Symbols& symbols, bool declares);
// Is there a type at all? Nested graphs and functions may leave it out.
bool is_given(const TypeProto& proto);

}  // namespace hone::onnx
