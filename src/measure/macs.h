// How much there is to compute.
#pragma once

#include <cstdint>
#include <optional>

#include "ir/model.h"

namespace hone::measure {

// Of one run of the entry graph with these sizes, by the costs that the operators declare; none
// where a size is not known, or a nested graph is run.
std::optional<int64_t> macs_of(const Model& model, const Dim::Bindings& bindings);
std::optional<int64_t> flops_of(const Model& model, const Dim::Bindings& bindings);

}  // namespace hone::measure
