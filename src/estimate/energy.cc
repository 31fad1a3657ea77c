#include "estimate/energy.h"

#include <fmt/format.h>

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

double joules_of(const Analysis& a, double operation, double byte) {
  double joules = 0;
  for (const OperatorCost& o : a.operators)
    joules += operation * std::max(o.flops, 2 * o.macs) + byte * o.bytes;
  return joules;
}

std::optional<Power> by_operation(const Device& device, const Analysis& a) {
  const auto operation = device.value(FieldId::energy_per_operation);
  const auto byte = device.value(FieldId::energy_per_byte);
  if (!operation && !byte) return std::nullopt;
  constexpr double kHalfWidth = 0.5;
  return Power{device.value(FieldId::idle_power).value_or(0),
               joules_of(a, operation.value_or(0), byte.value_or(0)), kHalfWidth,
               "idle power times time, operations and bytes as the registry prices them"};
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

Power measured_power(const PowerFit& fit, const Analysis& a) {
  // What calls take is code that runs: it draws what computing does.
  const double waiting =
      a.bound_shares[size_t(Bound::cache)] + a.bound_shares[size_t(Bound::memory)];
  return {fit.idle_w + fit.compute_w * (1 - waiting) + fit.memory_w * waiting,
          joules_of(a, fit.operation_j, fit.byte_j), fit.half_width,
          "measured power of this machine: " + power_text(fit)};
}

std::optional<Power> power_of(const Device& device, const Analysis& a) {
  if (auto power = by_operation(device, a)) return power;
  if (auto power = by_state(device, a)) return power;
  if (device.id != "host") return std::nullopt;
  return Power{kCorePower * double(std::max<int64_t>(1, device.threads)), 0, kCorePowerHalfWidth,
               "time times the usual power of a core; no power sensor"};
}

}  // namespace

std::optional<Quantity> energy_of(const Device& device, const Analysis& a,
                                  const PowerFit* measured) {
  const bool calibrated = measured != nullptr && device.id == "host";
  const auto power = calibrated ? measured_power(*measured, a) : power_of(device, a);
  if (!power) return std::nullopt;
  const Quantity& t = a.latency;
  // Errors of time and of power have nothing to do with each other.
  return Quantity::around(
      t.value * power->watts + power->joules, std::hypot(power->half_width, t.half_width()),
      calibrated ? std::max(Confidence::calibrated, t.confidence) : Confidence::theoretical,
      power->source);
}

std::string power_text(const PowerFit& fit) {
  std::string text = fmt::format("idle {:.3g} W, computing +{:.3g} W, waiting for memory +{:.3g} W",
                                 fit.idle_w, fit.compute_w, fit.memory_w);
  const auto price = [&](double joules, double error, std::string_view of) {
    if (joules > 0) text += fmt::format(", {:.3g} ± {:.2g} pJ {}", joules * 1e12, error * 1e12, of);
  };
  price(fit.operation_j, fit.operation_error_j, "an operation");
  price(fit.byte_j, fit.byte_error_j, "a byte");
  return text + fmt::format("; workloads left out: {:.1f} % off", fit.left_out_error * 100);
}

}  // namespace hone::estimate
