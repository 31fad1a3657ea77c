// Calls of every operator for the generic tests: its examples, or simple inputs made from its
// ports.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ir/model.h"
#include "ir/op.h"

namespace hone::testing {

struct OpCase {
  const OpDef* op;
  std::string name;  // "gather_0", "neg_f32"
  std::string text;  // a model in IR text
};
inline void PrintTo(const OpCase& c, std::ostream* out) { *out << c.text; }

// An operator with examples has those. One without has, for every dtype of its first port, a call
// with inputs [2,3] (all required ones, two for a variadic port) and no attributes; operators that
// do not take such a call have no case at all, which is a failure of the test "every operator has".
std::vector<OpCase> op_cases(const Catalogue& catalogue);

// A model from graphs in IR text; symbols of the inputs are declared as bound at the call.
Result<Model> model_of(std::string_view graphs, const Catalogue& catalogue);

}  // namespace hone::testing
