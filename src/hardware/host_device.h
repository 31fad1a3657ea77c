// The machine that hone runs on as a device: what it says of itself, without measuring.
#pragma once

#include "hardware/device.h"
#include "hardware/host.h"

namespace hone {

// id `host`; caches, memory, cores and instruction sets. Peaks and bandwidth are for calibration.
Device device_of(const Host& host);

}  // namespace hone
