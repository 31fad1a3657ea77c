// Numbers between bounds, as expressions over their digits.
#pragma once

#include <cstdint>
#include <optional>

#include "text/grammar/expressions.h"

namespace hone::grammar {

struct IntegerRange {
  std::optional<int64_t> least, most;  // both inside
};
// Of at most 15 digits where there is no bound.
ExpressionId integers_between(Rules& rules, const IntegerRange& range);

struct NumberRange {
  std::optional<int64_t> least, most;
  bool above = false, below = false;  // the bounds themselves are outside
};
// With a point and digits behind it, or none; without exponents.
ExpressionId numbers_between(Rules& rules, const NumberRange& range);

}  // namespace hone::grammar
