// What the counts of kernels depend on, of the machine that this runs on.
#pragma once

#include "estimate/family.h"
#include "hardware/host.h"

namespace hone::calibrate {

estimate::Machine host_machine(const Host& host, int threads);

}  // namespace hone::calibrate
