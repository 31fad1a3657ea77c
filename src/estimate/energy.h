// Energy of one run: power by state of activity times time, plus what operations and bytes take.
#pragma once

#include <optional>
#include <string>

#include "estimate/analysis.h"
#include "hardware/device.h"

namespace hone::estimate {

// What devices take without work, of TDP, where data sheets do not say: 10 to 50 % by those of the
// registry that do.
inline constexpr double kIdleShare = 0.3;

// Of an analysis whose latency, shares of bounds and operators are set. Where the registry knows
// `energy_per_operation` or `energy_per_byte` they come on top of the idle power; else the power is
// between idle and TDP, by what the device waits for. Theoretical: nobody has measured it. Of
// `host` with a fit of its power it is calibrated instead, as far as its latency is. None where the
// power of the device is not known.
std::optional<Quantity> energy_of(const Device& device, const Analysis& analysis,
                                  const PowerFit* measured = nullptr);

// "idle 12 W, computing +20 W, waiting for memory +8 W, 3 ± 0.2 pJ an operation; …".
std::string power_text(const PowerFit& fit);

}  // namespace hone::estimate
