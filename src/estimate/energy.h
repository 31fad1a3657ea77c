// Energy of one run: power by state of activity times time, plus what operations and bytes take.
#pragma once

#include <optional>

#include "estimate/quantity.h"
#include "hardware/device.h"

namespace hone::estimate {

// Theoretical: nobody has measured it. None where neither the power nor the class of the device
// says anything.
std::optional<Quantity> energy_of(const Device& device, const Quantity& latency);

}  // namespace hone::estimate
