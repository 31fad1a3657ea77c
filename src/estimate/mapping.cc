#include "estimate/mapping.h"

#include <algorithm>
#include <cmath>

#include "estimate/energy.h"
#include "estimate/families/shapes.h"
#include "estimate/family.h"

namespace hone::estimate {
namespace {

constexpr ClassPrior kPriors[] = {
#define TRANSFER(...)
#define CLASS_PRIOR(name, windows, products, depthwise, others, far, call, run, half_width, \
                    devices)                                                                \
  {#name, windows, products, depthwise, others, far, call, run, half_width, devices},
#include "estimate/class_priors.def"
#undef CLASS_PRIOR
#undef TRANSFER
};

bool is_gpu(DeviceClass c) { return c == DeviceClass::gpu || c == DeviceClass::soc_gpu; }
bool is_array(DeviceClass c) { return c == DeviceClass::npu || c == DeviceClass::tpu; }

// Cores that load operands in the cycle of a product.
bool is_dual_issue(const Device& device) {
  return is_one_of(device.architecture, {"Cortex-M7", "Cortex-M85"});
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
double waves(double tiles, double units) {
  tiles = std::max(1.0, tiles);
  return tiles / (std::ceil(tiles / units) * units);
}

// By the best of the tiles that libraries have: smaller ones reach less, and leave fewer units
// without work. A product has to be deep before it is used well. As in tools/fit_classes.py.
double tiled(const Product& p, double units) {
  constexpr struct {
    double rows, columns, share;
  } kTiles[] = {{128, 128, 1}, {128, 64, 0.95}, {64, 64, 0.85}, {32, 32, 0.6}};
  constexpr double kDepth = 32;
  double best = 0;
  for (const auto& t : kTiles) {
    const double tiles = ceil_div(p.m, t.rows) * ceil_div(p.n, t.columns);
    const double area = ceil_div(tiles, units) * units * t.rows * t.columns;
    best = std::max(best, t.share * p.m * p.n / area);
  }
  return best * std::max(1.0, p.k) / (std::max(1.0, p.k) + kDepth);
}

bool computes_bytes(const Step& step) {
  return step.op->name.starts_with("quantized_") || step.op->name == "block_linear" ||
         step.op->name == "matmul_integer" || step.op->name.starts_with("qlinear");
}

bool is_depthwise(const Family& family) {
  return family.name == "depthwise" || family.name == "quantized_depthwise";
}

Error lacks(const Device& device, std::string_view field) {
  Error error = fail(ErrorId::unsupported_feature,
                     "the registry does not know " + std::string(field) + " of " + device.id);
  error.hint = "`hone devices " + device.id + "` shows what it knows";
  return error;
}

// Elements that a step without products goes through.
double elements_through(const Step& step) {
  double in = 0;
  for (const Infer::Input& input : *step.in)
    if (input.type && input.type->is_tensor())
      in = std::max(in, elements_of(input.type->tensor.shape));
  return std::max(in, elements_of(*step.out));
}

// The peaks that steps of this workload were computed with.
std::string peaks_of(const Workload& workload, const Resources& floats, const Resources& bytes) {
  const auto uses = [&](bool of_bytes) {
    return std::ranges::any_of(workload.steps, [&](const Step& s) {
      return !s.nothing && s.known && s.macs > 0 && computes_bytes(s) == of_bytes;
    });
  };
  if (!uses(true) || floats.peak_name == bytes.peak_name) return floats.peak_name;
  return uses(false) ? floats.peak_name + ", " + bytes.peak_name : bytes.peak_name;
}

std::string source_of(const Device& device, const Resources& r, const std::string& peaks) {
  const std::string name(info(device.device_class).name);
  return "figures of the registry: " + peaks + ", memory_bandwidth; class " + name +
         (r.prior->devices > 0 ? " as fitted to published measurements of " +
                                     std::to_string(r.prior->devices) + " devices"
                               : " as assumed");
}

}  // namespace

const ClassPrior* prior_of(const Device& device) {
  std::string_view name = info(device.device_class).name;
  if (device.device_class == DeviceClass::mcu && is_dual_issue(device)) name = "mcu_dual_issue";
  const auto* it = std::ranges::find(kPriors, name, &ClassPrior::name);
  return it == std::end(kPriors) ? nullptr : it;
}

Result<Resources> resources_of(const Device& device, bool bytes) {
  Resources r;
  r.prior = prior_of(device);
  if (!r.prior) {
    Error error = fail(ErrorId::unsupported_feature,
                       device.id + " runs spiking networks; this one has real activations");
    error.hint = "choose a device of another class, or convert the network first";
    return error;
  }
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
  const double clock = device.value(FieldId::clock_peak).value_or(1e8);
  // A microcontroller reads its SRAM and flash a word a cycle.
  r.bandwidth = bandwidth ? *bandwidth : 4 * clock;
  for (const FieldId id : {FieldId::sram, FieldId::l3_total, FieldId::l2_total})
    r.near_bytes = std::max(r.near_bytes, device.value(id).value_or(0));
  // Cores wait for each other after every step.
  r.call_seconds = device.device_class != DeviceClass::cpu ? r.prior->call
                   : device.cores > 1                      ? r.prior->call / clock
                                                           : 0;
  return r;
}

double utilization(const Device& device, const Step& step) {
  const Family& family = family_of(step);
  if (step.macs <= 0 || is_depthwise(family)) return 1;
  const Product p = product_of(step);
  const double cores = double(std::max<int64_t>(1, device.cores));
  if (is_gpu(device.device_class)) return tiled(p, cores);
  if (device.device_class == DeviceClass::tpu) {
    constexpr double kArray = 128;
    return p.n / round_up(p.n, kArray) * std::max(1.0, p.k) / round_up(std::max(1.0, p.k), kArray) *
           std::min(1.0, p.m / kArray);
  }
  if (device.device_class == DeviceClass::cpu)
    return waves(std::ceil(p.m / 8) * std::ceil(p.n / 16), cores);
  return 1;
}

StepTime time_on(const Device& device, const Resources& r, const Step& step) {
  const Family& family = family_of(step);
  StepTime time;
  double work = 2 * step.macs, factor = r.prior->products;
  if (step.macs <= 0) {
    work = elements_through(step);
    factor = r.prior->others;
  } else if (is_depthwise(family)) {
    factor = r.prior->depthwise;
  } else if (is_one_of(family.name, {"winograd", "conv_windows"})) {
    factor = r.prior->windows;
  }
  time.compute = work / r.peak * factor / utilization(device, step);
  double far = 0;
  for (const Touch& t : step.touches)
    if (t.distance > r.near_bytes) far += t.bytes;
  time.memory = far / r.bandwidth * r.prior->far;
  time.call = r.call_seconds;
  return time;
}

Device part_of(const Device& device, int threads) {
  if (device.cores <= 0 || threads >= device.cores) return device;
  const double share = double(threads) / double(device.cores);
  Device part = device;
  part.cores = threads;
  for (const FieldInfo& field : all_fields())
    if (auto& figure = part[field.id]; figure && (field.is_peak() || field.id == FieldId::l2_total))
      figure->value *= share;
  if (auto& tdp = part[FieldId::tdp]) {
    const double idle =
        std::min(tdp->value, device.value(FieldId::idle_power).value_or(kIdleShare * tdp->value));
    part[FieldId::idle_power] = {.value = idle};
    tdp->value = idle + share * (tdp->value - idle);
  }
  return part;
}

std::string cores_note(const Device& device, int threads) {
  return "with " + std::to_string(threads) + " of " + std::to_string(device.cores) + " cores";
}

void set_foreign_memory(Analysis& a, const Workload& workload, const Device& device) {
  const double memory = double(memory_of(workload).total());
  a.peak_memory = {memory, memory, 1.3 * memory, Confidence::theoretical,
                   "hone's plan; another engine may need more"};
  if (const auto capacity = device.value(FieldId::memory_capacity); capacity && memory > *capacity)
    a.notes.push_back("does not fit: the device has less memory than weights and activations take");
}

Result<Analysis> analyze_theoretical(const Workload& workload, const Device& device, double batch) {
  Analysis a;
  a.device = device.id;
  a.device_name = device.name;
  const Resources floats = TRY(resources_of(device, false));
  const Resources bytes = TRY(resources_of(device, true));
  const std::string source = source_of(device, floats, peaks_of(workload, floats, bytes));
  const double half_width = floats.prior->half_width;
  std::array<double, kBounds> bounds{};
  double seconds = floats.prior->run;
  bounds[size_t(Bound::overhead)] = seconds;
  workload.each_step([&](const Step& step, double trips, size_t entry, const NestedRun* nested) {
    if (step.nothing || !step.known || step.control) return;
    const StepTime time = time_on(device, computes_bytes(step) ? bytes : floats, step);
    double all = 0;
    for (const Touch& t : step.touches) all += t.bytes;
    const Bound bound = time.call > std::max(time.compute, time.memory) ? Bound::overhead
                        : time.memory > time.compute                    ? Bound::memory
                                                                        : Bound::compute;
    bounds[size_t(Bound::compute)] += trips * time.compute;
    bounds[size_t(Bound::memory)] += trips * time.memory;
    bounds[size_t(Bound::overhead)] += trips * time.call;
    seconds += trips * time.seconds();
    a.operators.push_back(
        {entry, step.name, std::string(step.op->name), std::string(family_of(step).name),
         trips * step.macs, trips * step.flops, trips * all,
         Quantity::around(trips * time.seconds(), half_width, Confidence::theoretical, source),
         bound, trips, nested ? nested->name : std::string()});
  });
  for (size_t b = 0; b < kBounds && seconds > 0; ++b) a.bound_shares[b] = bounds[b] / seconds;
  a.bound_by = Bound(std::max_element(bounds.begin(), bounds.end()) - bounds.begin());
  a.latency = Quantity::around(seconds, half_width, Confidence::theoretical, source);
  a.throughput = Quantity::around(batch / std::max(seconds, 1e-12), half_width,
                                  Confidence::theoretical, source);
  set_foreign_memory(a, workload, device);
  if (floats.prior->devices == 0)
    a.notes.push_back(
        "no measurement of this class of device has been compared with it: the "
        "interval is assumed");
  a.energy = energy_of(device, a);
  set_uncovered(a, workload, workload.unknown);
  return a;
}

}  // namespace hone::estimate
