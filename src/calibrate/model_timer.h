// Times of whole models on this machine, as they are compiled and run: what estimates are compared
// with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "calibrate/program_runner.h"

namespace hone::calibrate {

struct ModelTime {
  std::string name;
  double first_s = 0, second_s = 0;  // medians of two visits, the others between
  double spread = 0;                 // of the first
  size_t runs = 0;
  int64_t planned_arena_bytes = 0, measured_arena_bytes = 0;  // those of nested graphs too
  std::vector<double> steps;  // seconds of each, in the order of running
  double median() const { return (first_s + second_s) / 2; }
};

struct TimedModel {
  std::string name;
  std::shared_ptr<const Program> program;
  std::vector<Datum> inputs;
};

// Each model for so many seconds, then each again: what changes in between is what measuring the
// same thing twice gives.
Result<std::vector<ModelTime>> time_models(const std::vector<TimedModel>& models, double seconds,
                                           ThreadPool& pool,
                                           const std::function<void(size_t, size_t)>& progress);

}  // namespace hone::calibrate
