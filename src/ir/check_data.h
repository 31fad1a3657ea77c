// Do run-time values hold what their types say? Asked of data that come from outside.
#pragma once

#include <cstddef>
#include <span>

#include "ir/tensor.h"

namespace hone {

// Is the value of this type, in every item and key, as far as the type is known?
bool fits(const Datum& datum, const Type& type);

// Booleans are stored as 0 and 1: other bytes would be true to one reader and false to the next.
bool are_booleans(std::span<const std::byte> bytes);
void normalize_booleans(std::span<std::byte> bytes);  // what is not 0 becomes 1

}  // namespace hone
