// What this machine can do at best, measured.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "base/result.h"
#include "base/thread_pool.h"
#include "hardware/host.h"

namespace hone::measure {

// Of all threads of a pool together. 0 where it cannot be measured: no such cache, no memory for
// it, or more threads than the process may run at a time.
struct MachinePeaks {
  double f32_flops = 0;         // multiply-adds of floats a second, times two
  double int8_ops = 0;          // products of bytes a second, times two
  double l2_bytes_per_s = 0;    // reading what the second-level caches hold
  double l3_bytes_per_s = 0;    // reading what the second-level caches do not hold
  double dram_bytes_per_s = 0;  // reading what no cache holds
};

// Takes about half a second. Each figure is the best of several short runs: what disturbs them
// makes them slower only.
MachinePeaks measure_peaks(ThreadPool& pool);

// By the number of threads, as a report of `hone benchmark --json` has them. Fails where the report
// is of another machine, or holds what was never measured.
Result<std::map<int, MachinePeaks>> read_peaks(std::string_view report, const Host& host);

// The level of memory that so many bytes fit in, read by so many threads at once: "L2", "L3" or
// "memory", and its rate.
struct Level {
  std::string_view name;
  double bytes_per_s = 0;
};
Level level_of(const MachinePeaks& peaks, const Host& host, uint64_t bytes, int threads);

}  // namespace hone::measure
