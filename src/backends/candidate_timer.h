// Times the forms of a node that passes may choose from, on the kernels of this machine.
#pragma once

#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "passes/choice.h"
#include "runtime/backend.h"

namespace hone {

struct TimingBudget {
  double question = 0.05;  // seconds for one question, at most
  double model = 1.5;      // and for all
};

class CandidateTimer {
 public:
  // Between two runs of a node, a run of the model reads `bytes_between`: weights of all others.
  CandidateTimer(const Backend& backend, ThreadPool& pool, uint64_t bytes_between,
                 const Limits& limits, TimingBudget budget = {});

  // Seconds of each candidate, the least of runs in turn (A B A B). None when the time is spent,
  // or a candidate cannot be run: it may take as much memory as any run, at most 1 GiB.
  std::vector<double> time(const Question& question);
  double spent() const { return spent_; }

 private:
  void forget_weights();

  const Backend& backend_;
  ThreadPool& pool_;
  Limits limits_;
  TimingBudget budget_;
  size_t between_floats_;
  std::vector<float> between_;  // read between the runs
  double spent_ = 0;
};

}  // namespace hone
