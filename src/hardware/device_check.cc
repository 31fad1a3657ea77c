#include "hardware/device_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/text.h"
#include "hardware/device_file.h"
#include "hardware/formula.h"
#include "hardware/host.h"
#include "hardware/memory_bus.h"

namespace hone {

using Severity = Finding::Severity;
using F = FieldId;

// What one rule has to say of one device.
class CheckNotes {
 public:
  CheckNotes(const Device& device, std::string_view rule, std::vector<Finding>& findings)
      : device_(device), rule_(rule), findings_(findings) {}

  void error(F field, std::string message) { add(Severity::error, field, std::move(message)); }
  void warning(F field, std::string message) { add(Severity::warning, field, std::move(message)); }
  void add(Severity severity, int line, std::string_view key, std::string message) {
    findings_.push_back(
        {severity, rule_, device_.file, line, std::string(key), std::move(message)});
  }

 private:
  void add(Severity severity, F field, std::string message) {
    const auto& q = device_[field];
    add(severity, q ? q->line : 0, info(field).name, std::move(message));
  }
  const Device& device_;
  std::string_view rule_;
  std::vector<Finding>& findings_;
};

namespace {

constexpr double kRounding = 1.02;  // of figures that are printed with two or three digits

std::string shown(F field, double value) { return human_quantity(value, info(field).dimension); }

struct Architecture {
  std::string_view name;
  double per_cycle[8];
};
constexpr F kPeaks[] = {F::peak_fp64, F::peak_fp32, F::peak_tf32, F::peak_fp16,
                        F::peak_bf16, F::peak_fp8,  F::peak_int8, F::peak_int4};
constexpr Architecture kArchitectures[] = {
#define ARCHITECTURE(name, ...) {name, {__VA_ARGS__}},
#include "hardware/architectures.def"
#undef ARCHITECTURE
};

const Architecture* architecture_of(const Device& device) {
  for (const Architecture& a : kArchitectures)
    if (a.name == device.architecture) return &a;
  return nullptr;
}

std::optional<double> clock_of_peaks(const Device& device) {
  for (const F field : {F::clock_peak, F::clock_boost, F::clock_base})
    if (const auto value = device.value(field)) return value;
  return std::nullopt;
}

constexpr std::string_view kSparseAdvice =
    "about twice that: a figure with 2:4 sparsity? Give the dense one, or say `basis: sparse`";

void check_formulas(const Device& device, CheckNotes& notes) {
  for (const FieldInfo& field : all_fields()) {
    const auto& q = device[field.id];
    if (!q || q->formula.empty()) continue;
    const auto value =
        evaluate(q->formula, [&](std::string_view name) { return value_in_formula(device, name); });
    if (!value || std::abs(q->value - *value) <= 0.01 * std::abs(*value)) continue;
    notes.error(field.id, fmt::format("{}, but its formula gives {}", shown(field.id, q->value),
                                      shown(field.id, *value)));
  }
}

void check_peaks(const Device& device, CheckNotes& notes) {
  const Architecture* architecture = architecture_of(device);
  const auto clock = clock_of_peaks(device);
  if (architecture == nullptr || !clock || device.cores == 0) return;
  for (size_t i = 0; i < std::size(kPeaks); ++i) {
    const auto peak = device.dense(kPeaks[i]);
    const double per_cycle = architecture->per_cycle[i];
    if (!peak || per_cycle == 0) continue;
    const double most = static_cast<double>(device.cores) * *clock * per_cycle;
    const double ratio = *peak / most;
    const std::string expected =
        fmt::format("{} cores x {} x {:g} operations of {} give {}", device.cores,
                    human_quantity(*clock, Dimension::frequency), per_cycle, architecture->name,
                    shown(kPeaks[i], most));
    if (ratio > 1.8 && ratio < 2.05)
      notes.error(kPeaks[i],
                  fmt::format("{}, but {}: {}", shown(kPeaks[i], *peak), expected, kSparseAdvice));
    else if (ratio > kRounding)
      notes.error(kPeaks[i], fmt::format("{} is more than {}", shown(kPeaks[i], *peak), expected));
    else if (ratio < 0.4)
      notes.warning(kPeaks[i],
                    fmt::format("{} is far less than {}", shown(kPeaks[i], *peak), expected));
  }
}

// Of accelerators whose architecture is not in the table: half the width at most doubles the peak.
void check_peak_ratios(const Device& device, CheckNotes& notes) {
  const auto fp64 = device.dense(F::peak_fp64), fp32 = device.dense(F::peak_fp32);
  if (fp64 && fp32 && *fp64 > *fp32 * kRounding)
    notes.error(F::peak_fp64, fmt::format("{} is more than the {} of fp32",
                                          shown(F::peak_fp64, *fp64), shown(F::peak_fp32, *fp32)));
  const DeviceClass c = device.device_class;
  if (architecture_of(device) != nullptr || c == DeviceClass::cpu || c == DeviceClass::mcu) return;
  const auto best = [&](std::initializer_list<F> fields) {
    double most = 0;
    for (const F field : fields) most = std::max(most, device.dense(field).value_or(0));
    return most;
  };
  const auto compare = [&](F narrow, double wide, std::string_view wide_name) {
    const auto peak = device.dense(narrow);
    if (!peak || wide == 0 || *peak / wide < 3.5) return;
    notes.error(narrow, fmt::format("{} is {:.3g} times the {} of {}; half the bits give twice as "
                                    "much at most: a figure with 2:4 sparsity? Give the dense one, "
                                    "or say `basis: sparse`",
                                    shown(narrow, *peak), *peak / wide,
                                    human_quantity(wide, info(narrow).dimension), wide_name));
  };
  const double half = best({F::peak_fp16, F::peak_bf16});
  compare(F::peak_fp8, half, "16-bit floats");
  compare(F::peak_int8, half, "16-bit floats");
  compare(F::peak_int4, best({F::peak_int8}), "int8");
  const auto fp8 = device.dense(F::peak_fp8), int8 = device.dense(F::peak_int8);
  if (fp8 && int8 && *fp8 / *int8 > 1.8 && *fp8 / *int8 < 2.2)
    notes.warning(F::peak_fp8, "twice the peak of int8: is one of the two with sparsity?");
}

void check_bandwidth(const Device& device, CheckNotes& notes) {
  if (device.memory.empty()) return;
  const auto bus = parse_memory_bus(device.memory);
  if (!bus) {
    if (looks_like_memory_bus(device.memory))
      notes.add(Severity::warning, device.memory_line, "memory",
                fmt::format("{} is not understood; expected a text such as `DDR5-4800 x8` or "
                            "`LPDDR5-6400 x128b`",
                            printable(device.memory)));
    return;
  }
  if (bus->rate > bus->highest_rate * kRounding)
    notes.add(Severity::warning, device.memory_line, "memory",
              fmt::format("{:g} MT/s is above the {:g} MT/s of {}", bus->rate / 1e6,
                          bus->highest_rate / 1e6, bus->type));
  const auto most = bus->bandwidth();
  const auto given = device.value(F::memory_bandwidth);
  if (!most || !given) return;
  const std::string allowed =
      fmt::format("{} has {:g} bits at {:g} MT/s, {}", device.memory, bus->bits, bus->rate / 1e6,
                  shown(F::memory_bandwidth, *most));
  if (*given > *most * kRounding)
    notes.error(F::memory_bandwidth, fmt::format("{} is more than the bus allows: {}",
                                                 shown(F::memory_bandwidth, *given), allowed));
  else if (bus->rate_is_given && *given < *most * 0.4)
    notes.warning(F::memory_bandwidth, fmt::format("{} is far less than the bus allows: {}",
                                                   shown(F::memory_bandwidth, *given), allowed));
}

void check_clocks(const Device& device, CheckNotes& notes) {
  const auto base = device.value(F::clock_base), boost = device.value(F::clock_boost),
             peak = device.value(F::clock_peak);
  if (base && boost && *boost < *base)
    notes.error(F::clock_boost,
                fmt::format("{} is below the base clock of {}", shown(F::clock_boost, *boost),
                            shown(F::clock_base, *base)));
  if (peak && boost && *peak > *boost * 1.001)
    notes.error(F::clock_peak,
                fmt::format("{} is above the boost clock of {}", shown(F::clock_peak, *peak),
                            shown(F::clock_boost, *boost)));
}

// What one core sees must not shrink from level to level. Totals may: private caches of the second
// level are larger than the third in several processors.
void check_caches(const Device& device, CheckNotes& notes) {
  const auto l1 = device.value(F::l1_per_core), l2 = device.value(F::l2_total),
             l3 = device.value(F::l3_total);
  if (l1 && l2 && *l2 < *l1)
    notes.error(F::l2_total, fmt::format("{} is less than the {} that one core has at the first "
                                         "level",
                                         shown(F::l2_total, *l2), shown(F::l1_per_core, *l1)));
  if (l2 && l3 && device.cores > 0 && *l3 < *l2 / static_cast<double>(device.cores))
    notes.error(F::l3_total,
                fmt::format("{} is less than one core's share of the second level, {} "
                            "of {} cores",
                            shown(F::l3_total, *l3), shown(F::l2_total, *l2), device.cores));
}

void check_power(const Device& device, CheckNotes& notes) {
  const auto tdp = device.value(F::tdp), idle = device.value(F::idle_power);
  if (tdp && idle && *idle > *tdp)
    notes.error(F::idle_power, fmt::format("{} is more than the {} under load",
                                           shown(F::idle_power, *idle), shown(F::tdp, *tdp)));
  if (!tdp) return;
  constexpr double kBest = 1e14;  // operations per joule; the best chips of 2024 reach a fifth
  for (const F peak : kPeaks) {
    const auto value = device.dense(peak);
    if (value && *value / *tdp > kBest)
      notes.warning(
          peak, fmt::format("{} at {} are {} per watt, above what silicon reaches",
                            shown(peak, *value), shown(F::tdp, *tdp), shown(peak, *value / *tdp)));
  }
}

void check_capacity(const Device& device, CheckNotes& notes) {
  const DeviceClassInfo& c = info(device.device_class);
  const auto check = [&](F field) {
    const auto value = device.value(field);
    if (!value || (*value >= c.least_memory && *value <= c.most_memory)) return;
    notes.error(field, fmt::format("{} is not plausible for the class {}; expected {} to {}",
                                   shown(field, *value), c.name, shown(field, c.least_memory),
                                   shown(field, c.most_memory)));
  };
  check(F::memory_capacity);
  check(F::flash);
}

void check_energies(const Device& device, CheckNotes& notes) {
  // Switching one gate costs about a femtojoule; a whole microjoule pays a thousand DRAM accesses.
  constexpr double kLeast = 1e-15, kMost = 1e-6;
  for (const FieldInfo& field : all_fields()) {
    const auto value = device.value(field.id);
    if (field.dimension != Dimension::energy || !value || (*value >= kLeast && *value <= kMost))
      continue;
    notes.error(field.id, fmt::format("{} is not plausible for an event; expected {} to {}",
                                      shown(field.id, *value), shown(field.id, kLeast),
                                      shown(field.id, kMost)));
  }
  const auto active = device.value(F::energy_per_neuron_update),
             inactive = device.value(F::energy_per_inactive_neuron_update);
  if (active && inactive && *inactive > *active)
    notes.error(F::energy_per_inactive_neuron_update,
                fmt::format("{} is more than the {} of an active neuron",
                            shown(F::energy_per_inactive_neuron_update, *inactive),
                            shown(F::energy_per_neuron_update, *active)));
}

void check_threads(const Device& device, CheckNotes& notes) {
  if (device.threads > 0 && device.cores > device.threads)
    notes.add(Severity::error, device.cores_line, "cores",
              fmt::format("{} cores are more than {} threads", device.cores, device.threads));
}

void check_isa(const Device& device, CheckNotes& notes) {
  std::vector<std::string_view> known{"dsp", "fpu_sp", "fpu_dp"};  // of microcontrollers
  const auto of_hosts = known_cpu_features();
  known.insert(known.end(), of_hosts.begin(), of_hosts.end());
  for (const std::string& feature : device.isa) {
    if (std::find(known.begin(), known.end(), feature) != known.end()) continue;
    const auto near = closest(feature, known.data(), known.size());
    notes.add(Severity::warning, device.isa_line, "isa",
              fmt::format("hone knows no instruction set {}{}", feature,
                          near ? fmt::format("; did you mean {}?", *near) : std::string()));
  }
}

void check_name(const Device& device, CheckNotes& notes) {
  const std::string stem = std::filesystem::path(device.file).stem().string();
  if (device.file.empty() || stem == device.id) return;
  notes.add(Severity::warning, 1, "id",
            fmt::format("the file is called {}: a device is found fastest in {}.yaml",
                        printable(stem), device.id));
}

constexpr CheckRule kRules[] = {
    {"formula", "a derived figure is what its formula gives, within 1 %", check_formulas},
    {"peak",
     "peaks are at most cores x clock x operations per cycle of the architecture; twice "
     "that is a figure with sparsity",
     check_peaks},
    {"peak_ratio",
     "fp64 is not above fp32; with half the bits, accelerators do not do four times "
     "as much",
     check_peak_ratios},
    {"bandwidth", "memory bandwidth is at most rate x width of the bus", check_bandwidth},
    {"clock", "the base clock is at most the boost clock, and so is that of the peaks",
     check_clocks},
    {"cache", "what one core sees does not shrink from level to level", check_caches},
    {"power", "idle power is below that under load; no more than 100 TOP/s per watt", check_power},
    {"capacity", "memory and flash are as large as the class allows", check_capacity},
    {"energy", "an event costs 1 fJ to 1 uJ, an inactive neuron no more than an active one",
     check_energies},
    {"threads", "there are at least as many threads as cores", check_threads},
    {"isa", "instruction sets have the names that Linux gives them", check_isa},
    {"name", "the file has the name of the id", check_name},
};

}  // namespace

std::span<const CheckRule> all_check_rules() { return kRules; }

std::vector<Finding> check_device(const Device& device) {
  std::vector<Finding> findings;
  for (const CheckRule& rule : kRules) {
    CheckNotes notes(device, rule.name, findings);
    rule.check(device, notes);
  }
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.line < b.line; });
  return findings;
}

}  // namespace hone
