// What a machine with other work on it did to measured times, and what can be said in spite of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/statistics.h"

namespace hone::measure {

// So many runs, one behind the other, timed together.
struct TimeSample {
  double wall_s = 0;     // of all of them
  double cpu_s = 0;      // of all threads
  int64_t switches = 0;  // how often a thread was taken off its processor while it had work
  int64_t runs = 1;
  double seconds() const { return wall_s / double(runs); }  // of one run
  double cpu_seconds() const { return cpu_s / double(runs); }
};
using TimeRounds = std::vector<std::vector<TimeSample>>;

// Did something else run meanwhile? A thread was switched out; or, of one thread, it waited for
// more than a clock costs.
bool is_disturbed(const TimeSample& sample, int threads);

// Half of an interval over the median: above the first there is no number, below the second nothing
// is left to find out.
inline constexpr double kMostNoise = 0.1, kLittleNoise = 0.015;
inline constexpr size_t kEnoughUndisturbed = 5;  // samples

// The time of a run: the median of the undisturbed samples where there are enough of them; else, of
// one thread, the median of its CPU times, which stand still while others run. Of several threads
// there is no such thing: one that waits for another takes CPU time or not as it pleases.
struct Typical {
  enum class Basis : uint8_t { none, undisturbed, cpu_time };
  Basis basis = Basis::none;
  Interval latency;  // n = 0: no number, and `reason` says why
  std::string reason;
  size_t samples = 0, disturbed = 0;
  bool noisy() const { return latency.n == 0; }
  double half_width() const { return (latency.high - latency.low) / 2 / latency.median; }
};
Typical typical_of(const TimeRounds& rounds, int threads);
// What the basis is called in reports: "undisturbed", "cpu_time", "none".
std::string_view name(Typical::Basis basis);

// How far apart the medians of even and of odd rounds lie, over the smaller; none with fewer than
// two rounds. Over many things measured, their median is the noise floor.
std::optional<double> apart(const TimeRounds& rounds, int threads);

}  // namespace hone::measure
