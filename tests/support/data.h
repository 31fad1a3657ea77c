// Seeded random data of any type, and comparison of results with a message that says where.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/model.h"
#include "ir/tensor.h"

namespace hone::testing {

// splitmix64 (Steele, Lea & Flood 2014): the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next();
  // In [low, high], both included.
  int64_t between(int64_t low, int64_t high);
  double uniform(double low, double high);
  bool chance(double probability) { return uniform(0, 1) < probability; }

 private:
  uint64_t state_;
};

// Floats lie in (-2, 2); signed integers in [1, 5] so that they divide and are valid small sizes,
// with a sign where `signs`; booleans are random; texts are one to three digits, so that they cast.
// A sequence or map has two items, an optional has one. Symbols are bound by `bindings`, new ones
// get 2, 3 or 4; unknown extents are 3 and unranked shapes [2,3].
Datum random_datum(const Type& type, Dim::Bindings& bindings, Random& random, bool signs = false);
std::vector<Datum> random_inputs(const Graph& graph, Dim::Bindings& bindings, Random& random);

// "" when equal within `relative` of the largest magnitude of the two elements plus `absolute`;
// NaN equals NaN; integers, booleans and texts must be equal.
std::string difference(const Datum& a, const Datum& b, double relative, double absolute = 0);
std::string difference(const std::vector<Datum>& a, const std::vector<Datum>& b, double relative,
                       double absolute = 0);
// The same of what is quantized from real numbers: where these differ in their last bits, bytes can
// differ by one.
std::string quantized_difference(const std::vector<Datum>& a, const std::vector<Datum>& b,
                                 double tolerance);
// Operators of which that holds.
bool quantizes(std::string_view op);
// The same bytes.
bool identical(const Datum& a, const Datum& b);

}  // namespace hone::testing
