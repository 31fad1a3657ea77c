// The formulas of derived figures: sums and products of numbers with units and of names.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace hone {

// "8 * 32 * 4.7 GHz + 4 * 16 * clock_base" with + - * / and brackets, in base units. `value_of`
// gives the value of a name. Refuses what does not parse, names without a value, and results that
// are no number.
Result<double> evaluate(std::string_view formula,
                        const std::function<std::optional<double>(std::string_view)>& value_of);

}  // namespace hone
