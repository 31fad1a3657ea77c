// Batch normalization whose statistics are constants: one factor and one addend for each channel.
#pragma once

#include <optional>
#include <vector>

#include "ir/model.h"

namespace hone {

struct KnownNormalization {
  std::vector<double> factors, addends;  // y = factor * x + addend
  // The largest mean, in deviations: adding what takes the mean away loses that much of the digits.
  double farthest_mean = 0;
};

// None where the node is no inference of batch_normalization, or its statistics are not `channels`
// constants of f32 each.
Result<std::optional<KnownNormalization>> known_normalization(const Model& model,
                                                              const Graph& graph, const Node& node,
                                                              int64_t channels);

}  // namespace hone
