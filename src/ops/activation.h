// The activations that an operator of the lowered form applies to its result, or to what it makes
// on the way.
#pragma once

#include "ops/common.h"

namespace hone {

// y = activation(x), by name; `low` and `high` bound clip.
inline constexpr std::string_view kActivations[] = {"none", "relu", "clip", "sigmoid",
                                                    "tanh", "silu", "gelu", "gelu_tanh"};

// The attributes that say which.
struct ActivationNames {
  std::string_view activation = "activation", low = "low", high = "high";
};
std::vector<AttrDef> activation_attrs(std::vector<AttrDef> others,
                                      const ActivationNames& names = {});
Status expect_activation(const Infer& c, const ActivationNames& names = {});
double activated(const Infer& c, double x, const ActivationNames& names = {});

}  // namespace hone
