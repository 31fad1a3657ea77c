// Made-up inputs that fit a type, the same for the same seed on every machine.
#pragma once

#include <cstdint>

#include "base/limits.h"
#include "base/result.h"
#include "ir/tensor.h"

namespace hone {

// Floats in [-1, 1), integers and booleans 0 or 1, strings of one letter; sequences of one element.
// Sizes that `bindings` leaves open are 1.
Result<Datum> random_datum(const Type& type, uint64_t seed, const Dim::Bindings& bindings,
                           const Limits& limits);

}  // namespace hone
