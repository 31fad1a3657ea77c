#include "estimate/energy.h"

#include <algorithm>

namespace hone::estimate {
namespace {

// What a busy device takes between idle and its thermal design power while it computes, and while
// it waits for memory or for the next step; and how far that is known.
//
// Microcontrollers take nearly the same whatever they compute: the power that the registry gives is
// of networks that run. 18 published runs of keyword spotting on three of its boards lie
// within a factor of 1.72 of it: supplies and software differ (mlcommons/tiny_results
// v0.7 to v1.2). An i7-12700K takes 118 W of 125 in products and 96
// while it streams, a Jetson Orin Nano 9.3 W of 15 in products and 9.8 while it streams (branes-ai/
// graphs, energy of runs above 0.2 ms). Of graphics cards and NPUs nothing was at hand.
struct Activity {
  double compute, memory;  // shares of TDP above idle
  double half_width;       // of the logarithm of power
};
Activity activity_of(DeviceClass device_class) {
  switch (device_class) {
    case DeviceClass::mcu: return {1.0, 1.0, 0.54};
    case DeviceClass::npu:
    case DeviceClass::tpu: return {0.5, 0.5, 0.7};
    case DeviceClass::gpu: return {0.6, 0.6, 0.6};
    case DeviceClass::soc_gpu: return {0.58, 0.61, 0.6};
    default: return {0.92, 0.67, 0.6};
  }
}

// Of a core of a server or a desktop computer that computes with wide vectors: 2 to 15 W, by the
// TDP per core of the registry's CPUs.
constexpr double kCorePower = 6, kCorePowerHalfWidth = 0.9;

struct Power {
  double watts = 0, joules = 0;  // for the time that it takes, and for what is done
  double half_width = 0;
  std::string source;
};

std::optional<Power> by_operation(const Device& device, const Analysis& a) {
  const auto operation = device.value(FieldId::energy_per_operation);
  const auto byte = device.value(FieldId::energy_per_byte);
  if (!operation && !byte) return std::nullopt;
  constexpr double kHalfWidth = 0.5;
  Power power{device.value(FieldId::idle_power).value_or(0), 0, kHalfWidth,
              "idle power times time, operations and bytes as the registry prices them"};
  for (const OperatorCost& o : a.operators)
    power.joules +=
        operation.value_or(0) * std::max(o.flops, 2 * o.macs) + byte.value_or(0) * o.bytes;
  return power;
}

std::optional<Power> by_state(const Device& device, const Analysis& a) {
  const auto tdp = device.value(FieldId::tdp);
  if (!tdp) return std::nullopt;
  const Activity activity = activity_of(device.device_class);
  const double idle = std::min(*tdp, device.value(FieldId::idle_power).value_or(kIdleShare * *tdp));
  const double computing = a.bound_shares[size_t(Bound::compute)];
  const double share = activity.compute * computing + activity.memory * (1 - computing);
  return Power{idle + share * (*tdp - idle), 0, activity.half_width,
               "time times power between idle and TDP, by class of device and what it waits for"};
}

std::optional<Power> power_of(const Device& device, const Analysis& a) {
  if (auto power = by_operation(device, a)) return power;
  if (auto power = by_state(device, a)) return power;
  if (device.id != "host") return std::nullopt;
  return Power{kCorePower * double(std::max<int64_t>(1, device.threads)), 0, kCorePowerHalfWidth,
               "time times the usual power of a core; no power sensor"};
}

}  // namespace

std::optional<Quantity> energy_of(const Device& device, const Analysis& a) {
  const auto power = power_of(device, a);
  if (!power) return std::nullopt;
  const Quantity& t = a.latency;
  // Errors of time and of power have nothing to do with each other.
  return Quantity::around(t.value * power->watts + power->joules,
                          std::hypot(power->half_width, t.half_width()), Confidence::theoretical,
                          power->source);
}

}  // namespace hone::estimate
