// The ports and attributes of channels_last_separable_conv by name, and how much lies between its
// products, for those who make and run it.
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

// Of what is expanded and convolved, so many floats stay in the second-level cache of each thread.
inline constexpr int64_t kNearFloats = 1 << 18;

}  // namespace hone::separable
