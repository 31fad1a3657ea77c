// Medians of measurements, and how far they can be trusted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hone::measure {

// Measurements of one thing in rounds: those of one round are alike, for the machine was in one
// state; rounds differ.
using Rounds = std::vector<std::vector<double>>;

struct Interval {
  double median = 0, low = 0, high = 0;  // low to high: with 95 % confidence
  size_t n = 0;                          // measurements
};

// The value below which a share q of them lies, between neighbours by a straight line (Hyndman and
// Fan 1996, definition 7); 0 of none.
double quantile(std::span<const double> values, double q);
// Of an even number of values the mean of the middle two; 0 of none.
inline double median(std::span<const double> values) { return quantile(values, 0.5); }

// The median of all measurements. Its interval is the percentile bootstrap over rounds (Efron and
// Tibshirani 1993, chapter 13; whole rounds are drawn, as Davison and Hinkley 1997, section 3.8,
// do for hierarchical data), with numbers from a fixed seed; with one round it is that of its
// measurements, and with one of them there is none (NaN).
Interval median_of(const Rounds& rounds);

// The ratio of the medians of a and b round by round, taken in turn with each other: its median and
// the same interval. Both have as many rounds.
Interval ratio_of(const Rounds& a, const Rounds& b);

}  // namespace hone::measure
