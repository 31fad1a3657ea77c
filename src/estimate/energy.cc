#include "estimate/energy.h"

#include <algorithm>

namespace hone::estimate {
namespace {

// What a busy device takes between idle and its thermal design power, and how far that is known.
// Microcontrollers take nearly the same whatever they compute: over the networks of MLPerf Tiny the
// power of a board varies by 1 to 6 % (mlcommons/tiny_results, v0.7 to v1.3). The energy of a
// board's package is within a factor of two of it on CPUs and GPUs (branes-ai/graphs, measurements
// of an i7-12700K and a Jetson Orin).
struct Activity {
  double share;       // of TDP above idle
  double half_width;  // of the logarithm of power
};
Activity activity_of(DeviceClass device_class) {
  switch (device_class) {
    case DeviceClass::mcu: return {1.0, 0.3};
    case DeviceClass::npu:
    case DeviceClass::tpu: return {0.5, 0.7};
    case DeviceClass::gpu:
    case DeviceClass::soc_gpu: return {0.6, 0.6};
    default: return {0.6, 0.7};
  }
}

// Of a core of a server or a desktop computer that computes with wide vectors: 2 to 15 W, by the
// TDP per core of the registry's CPUs.
constexpr double kCorePower = 6, kCorePowerHalfWidth = 0.9;

}  // namespace

std::optional<Quantity> energy_of(const Device& device, const Quantity& latency) {
  const double time_half_width =
      latency.value > 0 && latency.high > 0 ? std::log(latency.high / latency.value) : 0;
  const auto tdp = device.value(FieldId::tdp);
  if (!tdp && device.id != "host") return std::nullopt;
  double power = 0, half_width = 0;
  std::string source;
  if (tdp) {
    const Activity activity = activity_of(device.device_class);
    const double idle = device.value(FieldId::idle_power).value_or(0.3 * *tdp);
    power = idle + activity.share * std::max(0.0, *tdp - idle);
    half_width = activity.half_width;
    source = "time times power between idle and TDP, by class of device";
  } else {
    power = kCorePower * double(std::max<int64_t>(1, device.threads));
    half_width = kCorePowerHalfWidth;
    source = "time times the usual power of a core; no power sensor";
  }
  // Errors of time and of power have nothing to do with each other.
  return Quantity::around(latency.value * power, std::hypot(half_width, time_half_width),
                          Confidence::theoretical, source);
}

}  // namespace hone::estimate
