// Ways to estimate a network's time from the same few measurements that need no other devices:
// what an estimate has to beat.
#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "calibrate/published/prior.h"

namespace hone::calibrate {

enum class Baseline : uint8_t {
  macs,               // a rate of multiply-adds
  four_coefficients,  // of multiply-adds, activations, weights, and a constant
  kernels,            // of multiply-adds by kind of kernel, activations, weights, layers
};
inline constexpr size_t kBaselines = 3;
std::string_view name(Baseline baseline);

// Fits coefficients that are not negative to relative errors of the measured networks with
// features, and applies them. None when nothing measured has features.
class FittedBaseline {
 public:
  static std::optional<FittedBaseline> fit(Baseline baseline, std::span<const Measured> measured,
                                           std::span<const NetworkFeatures> features);
  double milliseconds(const NetworkFeatures& network) const;

 private:
  FittedBaseline(Baseline baseline, std::vector<double> coefficients)
      : baseline_(baseline), coefficients_(std::move(coefficients)) {}
  Baseline baseline_;
  std::vector<double> coefficients_;
};

}  // namespace hone::calibrate
