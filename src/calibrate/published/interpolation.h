// A network that was never measured, made up of those that were by what they consist of.
#pragma once

#include <span>
#include <vector>

#include "calibrate/published/measurements.h"

namespace hone::calibrate {

struct Mixture {
  std::vector<double> weights;  // of the known networks; the logarithm of a time is their sum
  double variance = 0;          // of what the features leave open, in units of that of networks
};

// Kriging (Matheron 1963) between networks: of multiply-adds, weights, activations and layers by
// their logarithms, of the kinds of kernels by the roots of their shares. Nothing known: no
// weights.
Mixture interpolate(std::span<const NetworkFeatures* const> known, const NetworkFeatures& network);

}  // namespace hone::calibrate
