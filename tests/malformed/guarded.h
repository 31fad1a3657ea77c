// Runs a piece of work in a child process with bounds on time and memory, so that a crash or a
// blow-up is a failed expectation and not the end of the test.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace hone::testing {

// How much slower sanitizers make things. Sizes that are there to show up quadratic work are
// divided by it, bounds on time and memory multiplied.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kSlack = 8;
#else
inline constexpr int kSlack = 1;
#endif

struct Bounds {
  double seconds = 10;
  int64_t megabytes = 1500;  // of resident memory, at most; sanitizers get more
};

struct Outcome {
  bool crashed = false;   // ended by a signal, or with an error that is our own bug
  bool refused = false;   // ended with a clean error
  double seconds = 0;     // of CPU time
  int64_t megabytes = 0;  // resident, at most
  std::string message;    // the error, or the signal with what was being done
};

// Notes what the work does now, for the message of a crash.
using Note = std::function<void(const std::string&)>;
Outcome guarded(const std::function<Status(const Note&)>& work, const Bounds& bounds = {});

// Fails the test when the work crashed or broke the bounds.
void expect_contained(const Outcome& outcome, const Bounds& bounds = {});

}  // namespace hone::testing
