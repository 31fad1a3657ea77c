#include "estimate/family.h"

#include <algorithm>
#include <cmath>

namespace hone::estimate {

#define FAMILY(name) extern const Family name##_family;
#include "estimate/families.def"
#undef FAMILY

// All below half of its size, none from one and a half on.
double held(double distance, double capacity) {
  return std::clamp(1.5 - distance / capacity, 0.0, 1.0);
}

namespace {

constexpr const Family* kFamilies[] = {
#define FAMILY(name) &name##_family,
#include "estimate/families.def"
#undef FAMILY
};

}  // namespace

std::span<const Family* const> families() { return kFamilies; }

const Family& family_of(const Step& step) {
  return **std::ranges::find_if(kFamilies, [&](const Family* f) { return f->takes(step); });
}

const Family* family_named(std::string_view name) {
  const auto it = std::ranges::find(kFamilies, name, &Family::name);
  return it == std::end(kFamilies) ? nullptr : *it;
}

Described describe(const Step& step, const Model& model, const Machine& machine) {
  Described d;
  if (step.nothing || !step.known || step.control) return d;
  d.family = &family_of(step);
  const Work work = d.family->work(step, step.call(model), machine);
  const double pieces = std::max(1.0, work.pieces);
  const double share = std::ceil(pieces / machine.threads) / pieces;
  for (size_t i = 0; i < kMostCounts; ++i) d.features[i] = work.counts[i] * share;
  constexpr double kLevelWeight = 1.5;  // beside logarithms of sizes
  double level = 0, bytes = 0;
  for (const Touch& t : step.touches) {
    // What the first level holds costs nothing beside the work on it.
    const double l1 = held(t.distance, machine.l1_bytes);
    const double l2 = held(t.distance, machine.l2_bytes) - l1;
    double* traffic = d.features.data() + kMostCounts;
    bytes += t.bytes;
    level += t.bytes * (l2 + (1 - l1 - l2) * (3 - held(t.distance, machine.l3_bytes)));
    if (t.written) {
      traffic[3] += t.bytes * l2 * share;
      traffic[4] += t.bytes * (1 - l1 - l2) * share;
      continue;
    }
    const double l3 = (1 - l1 - l2) * held(t.distance, machine.l3_bytes);
    traffic[0] += t.bytes * l2 * share;
    traffic[1] += t.bytes * l3 * share;
    traffic[2] += t.bytes * (1 - l1 - l2 - l3) * share;
  }
  double* cold = d.features.data() + kMostCounts + kTraffic;
  constexpr double kForeseen = 4;  // first levels
  cold[0] = 1 - held(step.code_distance, kForeseen * machine.l1_bytes);
  cold[1] = 1 - held(step.code_distance, machine.l2_bytes);
  cold[2] = 1 - held(step.code_distance, machine.l3_bytes);
  d.features[kFeatures - 2] = machine.threads > 1 && pieces > 1 ? 1 : 0;
  d.features[kFeatures - 1] = 1;
  std::ranges::copy(work.position, d.position.begin());
  d.position[kPlace] = kLevelWeight * level / std::max(1.0, bytes);
  return d;
}

}  // namespace hone::estimate
