// Times of single steps, measured while a program runs as a whole: an operator finds the caches as
// its neighbours left them, as it does in a network.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "calibrate/synthetic.h"
#include "estimate/family.h"
#include "runtime/backend.h"
#include "runtime/program.h"

namespace hone::calibrate {

class ProgramRunner;

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
  Limits limits;
  const Backend* backend = nullptr;   // whose kernels are timed
  const Backend* fallback = nullptr;  // for what it has no kernel for
  estimate::Machine machine;
};

// The model as the backend takes it, from a clean one or any other.
Result<std::shared_ptr<const Model>> lowered(Model model, const Backend& backend,
                                             const Limits& limits, bool shapes_only);

// A program as it is timed; without weights in panels where only its shapes are asked for.
Result<std::shared_ptr<const Program>> program_of(const SyntheticProgram& synthetic,
                                                  const SamplingOptions& options, bool shapes_only);

// Runs programs in turn, in rounds.
class ProgramSampler {
 public:
  using Clock = std::chrono::steady_clock;

  // Makes the programs and runs each, so that everything has its place; then a first round, in
  // which each finds the caches as it just left them.
  static Result<std::unique_ptr<ProgramSampler>> make(const std::vector<SyntheticProgram>& programs,
                                                      const SamplingOptions& options);
  ~ProgramSampler();

  // Once through all of them.
  Status run_round();
  // Until that time: the round that is under way then ends with the program whose turn it is.
  Status run_until(Clock::time_point end);
  Samples samples() const;

 private:
  explicit ProgramSampler(const SamplingOptions& options);
  static Status visit(ProgramRunner& runner, Clock::time_point end);

  SamplingOptions options_;
  ThreadPool pool_;
  std::vector<std::unique_ptr<ProgramRunner>> runners_;
  size_t next_ = 0;  // whose turn it is
};

}  // namespace hone::calibrate
