// Estimates for a CPU that nobody has calibrated, from the calibration of another one.
#pragma once

#include "estimate/analysis.h"
#include "estimate/calibration.h"
#include "hardware/device.h"

namespace hone::estimate {

// How near a calibrated CPU is to a device: 0 where its instruction set says nothing about the
// device's, more the nearer; that of the same width of vectors, and of as many threads, is nearest.
int likeness(const Calibration& calibration, const Device& device, int threads);

// Coefficients for `threads` cores of the device: what is computed by the peaks of a core, bytes of
// caches and what steps cost by the clocks, bytes of memory by what one core can draw. Fails with
// `unsupported_feature` where the registry lacks a figure that is needed, naming the field.
Result<Calibration> rescaled(const Calibration& calibration, const Device& device, int threads);

// By a calibration of another CPU of the same kind, for `threads` cores of this one. The interval
// is that of the calibration, widened by what rescaling between published devices leaves over.
Result<Analysis> analyze_interpolated(const Workload& workload, const Calibration& calibration,
                                      const Device& device, int threads, double batch);

}  // namespace hone::estimate
