// Builds graphs from syntax trees: the statements of a text, or the body of an operator.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "ir/builder.h"
#include "ir/syntax.h"

namespace hone {

// Adds the body of `op` for these inputs and attributes; gives its outputs. `$name` stands for the
// operator's attribute of that name.
Result<std::vector<ValueId>> build_body(Builder& builder, const OpDef& op,
                                        const syntax::GraphText& body, const Attrs& attrs,
                                        const std::vector<ValueId>& inputs,
                                        const std::string& node_name);

// A literal as a tensor. `fallback` is the dtype of a bare number; `attrs` gives `$name` elements.
Result<Tensor> literal_tensor(const syntax::Literal& literal, DType fallback, const Infer* attrs);

}  // namespace hone
