// The activation that an operator of the lowered form applies to its result.
#pragma once

#include "ops/common.h"

namespace hone {

// y = activation(x), by name; `low` and `high` bound clip.
inline constexpr std::string_view kActivations[] = {"none", "relu", "clip", "sigmoid",
                                                    "tanh", "silu", "gelu", "gelu_tanh"};

// The attributes `activation`, `low` and `high`.
std::vector<AttrDef> activation_attrs(std::vector<AttrDef> others);
Status expect_activation(const Infer& c);
double activated(const Infer& c, double x);

}  // namespace hone
