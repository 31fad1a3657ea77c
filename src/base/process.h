// What the running process is and takes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace hone {

// The most memory that was resident at a time, mapped files included; 0 where the system does not
// say.
uint64_t peak_memory_bytes();

// What is resident now.
uint64_t resident_memory_bytes();

// What all threads of the process have taken so far, and how often one of them was taken off its
// processor while it still had work.
struct ProcessUsage {
  double cpu_s = 0;
  int64_t involuntary_switches = 0;
};
ProcessUsage process_usage();

// SHA-256 of the program file, in hexadecimal: tells builds apart.
Result<std::string> program_hash();

inline double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace hone
