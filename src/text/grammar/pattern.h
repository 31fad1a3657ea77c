// The regular expressions of JSON schemas, as far as texts can be held to them.
#pragma once

#include <string_view>

#include "text/grammar/json_texts.h"

namespace hone::grammar {

// The inside of a JSON string that the pattern is found in: literals, ., classes, \d \w \s, groups,
// |,
// * + ? {m,n}, ^ at the beginning and $ at the end. Look-around, back references, \b and \p are
// refused.
Result<ExpressionId> read_pattern(std::string_view pattern, Rules& rules, JsonTexts& texts);

}  // namespace hone::grammar
