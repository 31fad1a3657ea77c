#include "passes/known_normalization.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ops/common.h"

namespace hone {

Result<std::optional<KnownNormalization>> known_normalization(const Model& model,
                                                              const Graph& graph, const Node& node,
                                                              int64_t channels) {
  const std::optional<KnownNormalization> none;
  if (node.op->name != "batch_normalization") return none;
  const Infer c(*node.op, node.attrs, {}, node.outputs.size());
  if (c.integer("training_mode") != 0) return none;
  enum : size_t { kScale, kBias, kMean, kVariance };
  std::array<Tensor, 4> statistics;
  for (size_t i = 0; i < statistics.size(); ++i) {
    const Value& value = graph[node.inputs[i + 1]];
    if (value.kind != Value::Kind::constant || value.type.tensor.dtype != DType::f32) return none;
    statistics[i] = TRY(model.read(value.constant));
    if (statistics[i].count() != channels) return none;
  }
  KnownNormalization known;
  for (size_t m = 0; m < size_t(channels); ++m) {
    const auto number = [&](size_t which) { return double(statistics[which].as<float>()[m]); };
    const double deviation = std::sqrt(number(kVariance) + c.real("epsilon"));
    const double factor = number(kScale) / deviation;
    known.factors.push_back(factor);
    known.addends.push_back(number(kBias) - number(kMean) * factor);
    const double distance = std::fabs(number(kMean)) / deviation;
    known.farthest_mean = std::isnan(distance) ? INFINITY : std::max(known.farthest_mean, distance);
  }
  return std::optional(std::move(known));
}

}  // namespace hone
