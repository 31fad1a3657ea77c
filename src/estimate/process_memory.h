// Resident memory of a process that has opened a model with hone and runs it: `hone worker`.
#pragma once

#include "estimate/workload.h"

namespace hone::estimate {

struct ProcessMemory {
  double program = 0;  // the process without a model, its code, and what it keeps of the graph
  double weights = 0, arenas = 0, states = 0;
  double handed_over = 0;  // inputs and outputs, each as often as it is there
  double scratch = 0;      // intermediate values of kernels, which a session keeps
  double total() const { return program + weights + arenas + states + handed_over + scratch; }
};

// The most that is resident, of loading and running. `columns` is the width of packed panels.
ProcessMemory process_memory(const Workload& workload, int threads, double columns);

// How far it is known, of its logarithm.
inline constexpr double kProcessHalfWidth = 0.15;

}  // namespace hone::estimate
