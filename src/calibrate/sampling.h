// Times of single steps, measured while a program runs as a whole: an operator finds the caches as
// its neighbours left them, as it does in a network.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "calibrate/synthetic.h"
#include "estimate/family.h"
#include "runtime/backend.h"
#include "runtime/program.h"

namespace hone::calibrate {

// One step of a program, measured.
struct Sample {
  std::string program, op, dims;  // dims: types of inputs and output
  size_t index = 0;               // of the step in the program
  estimate::Described step;
  double seconds = 0;        // median
  double spread = 0;         // half of the distance between quartiles, over the median
  size_t runs = 0;           // that nothing disturbed
  bool by_cpu_time = false;  // too few of these: the median of the thread's CPU time
};

// What a run takes beside its steps.
struct RunSample {
  std::string program;
  size_t steps = 0;
  double seconds = 0, step_seconds = 0;  // medians: of whole runs, of the sums of their steps
  std::shared_ptr<const estimate::Workload> work;
};

struct Samples {
  std::vector<Sample> steps;
  std::vector<RunSample> runs;
  double disturbed = 0;  // share of step times that were not used
};

struct SamplingOptions {
  int threads = 1;
  double seconds = 25;
  Limits limits;
  const Backend* backend = nullptr;   // whose kernels are timed
  const Backend* fallback = nullptr;  // for what it has no kernel for
  estimate::Machine machine;
  std::function<void(double done)> progress;  // share of the time
};

// The model as the backend takes it, from a clean one or any other.
Result<std::shared_ptr<const Model>> lowered(Model model, const Backend& backend,
                                             const Limits& limits, bool shapes_only);

// A program as it is timed; without weights in panels where only its shapes are asked for.
Result<std::shared_ptr<const Program>> program_of(const SyntheticProgram& synthetic,
                                                  const SamplingOptions& options, bool shapes_only);

// Runs the programs in turn, in rounds, until the time is over.
Result<Samples> sample(const std::vector<SyntheticProgram>& programs,
                       const SamplingOptions& options);

}  // namespace hone::calibrate
