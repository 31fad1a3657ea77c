// Runs one program again and again and keeps the times of its steps and of whole runs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "calibrate/sampling.h"
#include "estimate/workload.h"
#include "runtime/session.h"

namespace hone::calibrate {

// Of undisturbed times: the median where there are enough, else that of CPU times.
struct Typical {
  double seconds = 0, spread = 0;  // half of the distance between quartiles, over the median
  size_t runs = 0;
  bool by_cpu_time = false;
};
Typical typical(std::span<const double> undisturbed, std::span<const double> cpu);

// Types of a step's inputs and results.
std::string dims_of(const estimate::Step& step);

class ProgramRunner {
 public:
  // Runs once, so that everything has its place.
  static Result<std::unique_ptr<ProgramRunner>> make(std::string name,
                                                     std::shared_ptr<const Program> program,
                                                     std::vector<Datum> inputs, ThreadPool& pool);
  // Once with the times of steps, which takes the longer the more of them there are; as a whole.
  Status run_steps() { return run_steps(true); }
  Status run_whole() { return run_whole(true); }
  Status warm_up() { return run_steps(false); }
  // Steps that are known, and the runs.
  void collect(const estimate::Machine& machine, Samples& samples);

  const estimate::Workload& workload() const { return workload_; }
  Typical step(size_t i) const { return typical(undisturbed_[i], cpu_[i]); }
  Typical whole() const { return typical(whole_, whole_cpu_); }
  RunStatistics statistics() const { return plain_->statistics(); }
  size_t used() const { return used_; }
  size_t disturbed() const { return disturbed_; }

 private:
  Status run_steps(bool keep);
  Status run_whole(bool keep);

  std::string name_;
  std::shared_ptr<const Program> program_;
  std::vector<Datum> inputs_;
  estimate::Workload workload_;
  std::optional<Session> session_, plain_;  // with times of steps, and without
  std::vector<StepTime> times_;
  std::vector<std::vector<double>> undisturbed_, cpu_;  // by step
  std::vector<double> whole_, whole_cpu_, sums_;
  bool alone_ = true;  // one thread: its CPU time says whether it was disturbed
  size_t used_ = 0, disturbed_ = 0;
};

}  // namespace hone::calibrate
