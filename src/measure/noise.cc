#include "measure/noise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hone::measure {
namespace {

// What reading the clocks costs, and the share that rounding of CPU times may make.
constexpr double kClock = 3e-6, kShare = 0.03;

// Times of one run, by round; rounds without any are left out.
template <class Keep, class Value>
Rounds select(const TimeRounds& rounds, Keep&& keep, Value&& value) {
  Rounds all;
  for (const auto& round : rounds) {
    std::vector<double> times;
    for (const TimeSample& sample : round)
      if (keep(sample)) times.push_back(value(sample));
    if (!times.empty()) all.push_back(std::move(times));
  }
  return all;
}

size_t count(const Rounds& rounds) {
  size_t n = 0;
  for (const auto& round : rounds) n += round.size();
  return n;
}

void withdraw(Typical& t, std::string reason) {
  t.reason = std::move(reason);
  t.latency = {};
}

}  // namespace

bool is_disturbed(const TimeSample& sample, int threads) {
  if (sample.switches > 0) return true;
  return threads == 1 && sample.wall_s - sample.cpu_s > kClock + kShare * sample.wall_s;
}

Typical typical_of(const TimeRounds& rounds, int threads) {
  Typical t;
  const auto undisturbed = [&](const TimeSample& s) { return !is_disturbed(s, threads); };
  Rounds times = select(rounds, undisturbed, [](const TimeSample& s) { return s.seconds(); });
  for (const auto& round : rounds) t.samples += round.size();
  t.disturbed = t.samples - count(times);
  t.basis = Typical::Basis::undisturbed;
  if (t.samples == 0) {
    t.basis = Typical::Basis::none;
    withdraw(t, "nothing was measured");
    return t;
  }
  // Of what takes long there are few samples: most of them will do.
  const size_t enough = std::min(kEnoughUndisturbed, (t.samples + 1) / 2);
  if (count(times) < enough) {
    if (threads > 1) {
      t.basis = Typical::Basis::none;
      withdraw(t, fmt::format("{} of {} samples were disturbed, and CPU time says nothing of {} "
                              "threads",
                              t.disturbed, t.samples, threads));
      return t;
    }
    t.basis = Typical::Basis::cpu_time;
    times = select(
        rounds, [](const TimeSample&) { return true; },
        [](const TimeSample& s) { return s.cpu_seconds(); });
  }
  t.latency = median_of(times);
  if (!(t.latency.median > 0))
    withdraw(t, "the clock stood still");
  else if (std::isnan(t.latency.low))
    withdraw(t, "one sample does not tell how far it is off");
  else if (t.half_width() > kMostNoise)
    withdraw(t, fmt::format("the interval of 95 % is ±{:.0f} % wide, ±{:.0f} % are allowed",
                            t.half_width() * 100, kMostNoise * 100));
  return t;
}

std::string_view name(Typical::Basis basis) {
  switch (basis) {
    case Typical::Basis::undisturbed: return "undisturbed";
    case Typical::Basis::cpu_time: return "cpu_time";
    case Typical::Basis::none: break;
  }
  return "none";
}

std::optional<double> apart(const TimeRounds& rounds, int threads) {
  std::vector<double> halves[2];
  const Typical t = typical_of(rounds, threads);
  if (t.noisy()) return std::nullopt;
  for (size_t r = 0; r < rounds.size(); ++r)
    for (const TimeSample& s : rounds[r]) {
      if (t.basis == Typical::Basis::cpu_time)
        halves[r % 2].push_back(s.cpu_seconds());
      else if (!is_disturbed(s, threads))
        halves[r % 2].push_back(s.seconds());
    }
  if (halves[0].empty() || halves[1].empty()) return std::nullopt;
  const double a = median(halves[0]), b = median(halves[1]);
  return std::abs(a - b) / std::min(a, b);
}

}  // namespace hone::measure
