// The corrector of a family: what is left over of a fit, as a smooth function of where a step lies.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "estimate/calibration.h"

namespace hone::calibrate {

// Gaussian-process regression (Rasmussen and Williams 2006, chapter 2) of the logarithms that are
// left over: how far one sample speaks for others, and how large its noise is beside what varies.
struct Reach {
  double distance = 1, noise = 1;
};

// Residuals at the same place become one, their mean.
std::vector<estimate::Residual> merged(std::span<const estimate::Residual> residuals);

// The reach by which each residual is foretold best by the others (leave-one-out, §5.4.2); with
// `distance`, of those of this distance.
Result<Reach> best_reach(std::span<const estimate::Residual> residuals,
                         std::optional<double> distance);

// Sets the weight of every residual.
Status set_weights(std::vector<estimate::Residual>& residuals, const Reach& reach);

}  // namespace hone::calibrate
