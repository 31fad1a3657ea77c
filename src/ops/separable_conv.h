// The ports and attributes of channels_last_separable_conv by name, for those who make and run it.
#pragma once

#include "ops/activation.h"

namespace hone::separable {

enum Input : size_t {
  kX,
  kWeights,
  kBias,
  kResidual,
  kDepthwiseBias,
  kExpansion,
  kExpansionBias,
  kProjection,
  kInputs,
};

inline constexpr ActivationNames kExpanded{"expansion_activation", "expansion_low",
                                           "expansion_high"};
inline constexpr ActivationNames kConvolved{"depthwise_activation", "depthwise_low",
                                            "depthwise_high"};

}  // namespace hone::separable
