#include "estimate/mapping.h"

#include <algorithm>
#include <cmath>

#include "estimate/analysis.h"
#include "estimate/energy.h"
#include "estimate/families/shapes.h"
#include "estimate/family.h"

namespace hone::estimate {
namespace {

bool is_gpu(DeviceClass c) { return c == DeviceClass::gpu || c == DeviceClass::soc_gpu; }
bool is_array(DeviceClass c) { return c == DeviceClass::npu || c == DeviceClass::tpu; }

// Streams reach 0.68 to 0.85 of the bandwidth that vendors give (Habitat, devices.yml: P100, T4,
// V100, RTX 2080 Ti).
constexpr double kStreamShare = 0.78;

// What libraries reach of a peak with large products and with everything else: priors of classes.
struct Efficiency {
  double products, others;
  double call_seconds;
};
Efficiency efficiency_of(DeviceClass c) {
  if (is_gpu(c)) return {0.6, 0.1, 5e-6};
  if (is_array(c)) return {0.5, 0.05, 2e-6};
  if (c == DeviceClass::mcu) return {0.5, 0.3, 1e-6};
  return {0.6, 0.15, 1e-6};
}

struct Product {
  double m = 1, n = 1, k = 1;
};
// The product that a step is, by its counts of multiply-adds and its result.
Product product_of(const Step& step) {
  const double out = std::max(1.0, elements_of(*step.out));
  const double n = std::max(1.0, last_of(step.out->front().tensor.shape));
  return {out / n, n, step.macs / out};
}

// Equal tiles on so many units at a time: the last wave is not full.
double waves(double tiles, double units) { return tiles / (std::ceil(tiles / units) * units); }

// Theoretical estimates are of this kind: see docs/estimation.md for where they were compared.
constexpr double kHalfWidth = 1.1;

bool computes_bytes(const Step& step) {
  return step.op->name.starts_with("quantized_") || step.op->name == "block_linear" ||
         step.op->name == "matmul_integer" || step.op->name.starts_with("qlinear");
}

Error lacks(const Device& device, std::string_view field) {
  Error error = fail(ErrorId::unsupported_feature,
                     "the registry does not know " + std::string(field) + " of " + device.id);
  error.hint = "`hone devices " + device.id + "` shows what it knows";
  return error;
}

}  // namespace

Result<Resources> resources_of(const Device& device, bool bytes) {
  if (device.device_class == DeviceClass::neuromorphic) {
    Error error = fail(ErrorId::unsupported_feature,
                       device.id + " runs spiking networks; this one has real activations");
    error.hint = "choose a device of another class, or convert the network first";
    return error;
  }
  Resources r;
  // Networks of floats run in 16 bits on what has no other units, or far faster ones.
  const bool half = is_array(device.device_class);
  for (const FieldId id :
       bytes  ? std::vector{FieldId::peak_int8, FieldId::peak_fp32}
       : half ? std::vector{FieldId::peak_bf16, FieldId::peak_fp16, FieldId::peak_fp32,
                            FieldId::peak_int8}
              : std::vector{FieldId::peak_fp32, FieldId::peak_fp16, FieldId::peak_int8}) {
    const auto peak = device.dense(id);
    if (!peak) continue;
    r.peak = *peak;
    r.peak_name = info(id).name;
    break;
  }
  if (r.peak <= 0) return lacks(device, "any peak");
  const auto bandwidth = device.value(FieldId::memory_bandwidth);
  if (!bandwidth && device.device_class != DeviceClass::mcu)
    return lacks(device, "memory_bandwidth");
  // A microcontroller reads its SRAM and flash a word a cycle.
  r.bandwidth =
      bandwidth ? *bandwidth * kStreamShare : 4 * device.value(FieldId::clock_peak).value_or(1e8);
  for (const FieldId id : {FieldId::sram, FieldId::l3_total, FieldId::l2_total})
    r.near_bytes = std::max(r.near_bytes, device.value(id).value_or(0));
  r.call_seconds = efficiency_of(device.device_class).call_seconds;
  return r;
}

double utilization(const Device& device, const Step& step) {
  const Efficiency efficiency = efficiency_of(device.device_class);
  if (step.macs <= 0) return efficiency.others;
  const Family& family = family_of(step);
  const bool depthwise = family.name == "depthwise" || family.name == "quantized_depthwise";
  if (depthwise) return efficiency.others;
  const Product p = product_of(step);
  const double cores = double(std::max<int64_t>(1, device.cores));
  if (is_gpu(device.device_class))
    return efficiency.products * waves(std::ceil(p.m / 128) * std::ceil(p.n / 128), cores) *
           std::min(1.0, p.k / 64);
  if (is_array(device.device_class)) {
    constexpr double kArray = 128;
    return efficiency.products * p.n / round_up(p.n, kArray) * p.k / round_up(p.k, kArray) *
           std::min(1.0, p.m / kArray);
  }
  if (device.device_class == DeviceClass::mcu) return efficiency.products;
  return efficiency.products *
         waves(std::max(1.0, std::ceil(p.m / 8) * std::ceil(p.n / 16)), cores) * p.n /
         round_up(p.n, 8);
}

Result<Analysis> analyze_theoretical(const Workload& workload, const Device& device, double batch) {
  Analysis a;
  a.device = device.id;
  a.device_name = device.name;
  const Resources floats = TRY(resources_of(device, false));
  const Resources bytes = TRY(resources_of(device, true));
  const std::string source = "figures of the registry: " + floats.peak_name +
                             ", memory_bandwidth; priors of class " +
                             std::string(info(device.device_class).name);
  std::array<double, kBounds> bounds{};
  double seconds = 0;
  for (size_t i = 0; i < workload.steps.size(); ++i) {
    const Step& step = workload.steps[i];
    if (step.nothing || !step.known) continue;
    const Resources& r = computes_bytes(step) ? bytes : floats;
    double far = 0, all = 0;
    for (const Touch& t : step.touches) {
      all += t.bytes;
      if (t.distance > r.near_bytes) far += t.bytes;
    }
    const double work = std::max(step.flops, 2 * step.macs);
    const double compute = work / (r.peak * std::max(1e-3, utilization(device, step)));
    const double memory = far / r.bandwidth;
    const double time = std::max(compute, memory) + r.call_seconds;
    const Bound bound = r.call_seconds > std::max(compute, memory) ? Bound::overhead
                        : memory > compute                         ? Bound::memory
                                                                   : Bound::compute;
    bounds[size_t(memory > compute ? Bound::memory : Bound::compute)] += std::max(compute, memory);
    bounds[size_t(Bound::overhead)] += r.call_seconds;
    seconds += time;
    a.operators.push_back({i, step.name, std::string(step.op->name),
                           std::string(family_of(step).name), step.macs, step.flops, all,
                           Quantity::around(time, kHalfWidth, Confidence::theoretical, source),
                           bound});
  }
  for (size_t b = 0; b < kBounds && seconds > 0; ++b) a.bound_shares[b] = bounds[b] / seconds;
  a.bound_by = Bound(std::max_element(bounds.begin(), bounds.end()) - bounds.begin());
  a.uncovered =
      workload.steps.empty() ? 0 : double(workload.unknown.size()) / double(workload.steps.size());
  a.latency = Quantity::around(seconds, kHalfWidth, Confidence::theoretical, source);
  a.throughput = Quantity::around(batch / std::max(seconds, 1e-12), kHalfWidth,
                                  Confidence::theoretical, source);
  const double memory = double(memory_of(workload).total());
  a.peak_memory = {memory, memory, 1.3 * memory, Confidence::theoretical,
                   "hone's plan; another engine may need more"};
  if (const auto capacity = device.value(FieldId::memory_capacity); capacity && memory > *capacity)
    a.notes.push_back("does not fit: the device has less memory than weights and activations take");
  a.energy = energy_of(device, a.latency);
  return a;
}

}  // namespace hone::estimate
