// What this machine can do at best, measured.
#pragma once

#include "base/thread_pool.h"

namespace hone::measure {

// Of all threads of a pool together. 0 where it cannot be measured: no such cache, no memory for
// it, or more threads than the process may run at a time.
struct MachinePeaks {
  double f32_flops = 0;         // multiply-adds of floats a second, times two
  double int8_ops = 0;          // products of bytes a second, times two
  double l3_bytes_per_s = 0;    // reading what the second-level caches do not hold
  double dram_bytes_per_s = 0;  // reading what no cache holds
};

// Takes about half a second. Each figure is the best of several short runs: what disturbs them
// makes them slower only.
MachinePeaks measure_peaks(ThreadPool& pool);

}  // namespace hone::measure
