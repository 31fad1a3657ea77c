// How long the steps of a workload take on a calibrated machine.
#pragma once

#include <vector>

#include "estimate/calibration.h"
#include "estimate/workload.h"

namespace hone::estimate {

struct StepEstimate {
  const Family* family = nullptr;  // null: nothing to do, or not known
  double seconds = 0;
  double half_width = 0;  // of its logarithm
  Features parts{};       // seconds by feature
  bool known = false;     // of what there is to do; not so where the calibration lacks the family
};

struct LatencyEstimate {
  double seconds = 0;
  // How far fits are off on what they have not seen, by the families' share of the time: of one
  // family in the same direction, of several independently.
  double difficulty = 0;
  // In the order of Workload::each_step, each of one trip.
  std::vector<StepEstimate> steps;
  // What steps and runs take beside kernels: of nested graphs for each trip.
  double overhead_seconds = 0;
};

StepEstimate estimate_step(const Step& step, const Model& model, const Calibration& calibration);
LatencyEstimate estimate_latency(const Workload& workload, const Calibration& calibration);

// The fitted time without the corrector, and the corrector alone: a sum over what was measured near
// it, none where nothing was.
double fitted_seconds(const FamilyFit& fit, const Features& features);
double correction(const FamilyFit& fit, const std::array<double, kPosition>& position);

// Of two places, 1 where they are the same: Matérn's covariance of order 3/2.
double similarity(const std::array<double, kPosition>& a, const std::array<double, kPosition>& b,
                  double reach);

}  // namespace hone::estimate
