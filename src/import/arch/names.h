// What the tables of architectures share: lists of names, and bounds of sizes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::arch {

// Is `name` one of `names`, which are separated by spaces?
bool lists(std::string_view names, std::string_view name);

// Fails with `bad_data`, naming what it is of.
Status in_range(std::string_view what, int64_t value, int64_t least, int64_t most);

// The pattern with the number in the place of {}.
std::string numbered(std::string_view pattern, int64_t number);

}  // namespace hone::arch
