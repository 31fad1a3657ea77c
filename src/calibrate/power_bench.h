// Workloads whose power is measured: loops in registers, reads of each level of memory, mixtures.
#pragma once

#include <memory>

#include "calibrate/power.h"
#include "hardware/host.h"

namespace hone::calibrate {

// On so many threads. What reads memory is left out where there is too little of it.
std::unique_ptr<PowerBench> host_power_bench(const Host& host, int threads);

}  // namespace hone::calibrate
