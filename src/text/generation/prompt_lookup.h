// Guesses of the tokens to come from the text so far.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hone {

// What followed the last tokens where they stood before, the latest place first: those behind the
// longest such run of up to four tokens; none where not even two are found.
std::vector<int32_t> guess_from(std::span<const int32_t> history, int64_t most);

}  // namespace hone
