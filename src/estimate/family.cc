#include "estimate/family.h"

#include <algorithm>
#include <cmath>

namespace hone::estimate {

#define FAMILY(name) extern const Family name##_family;
#include "estimate/families.def"
#undef FAMILY

namespace {

constexpr const Family* kFamilies[] = {
#define FAMILY(name) &name##_family,
#include "estimate/families.def"
#undef FAMILY
};

// The share of bytes that a cache still holds after so many others: all below half of its size,
// none from one and a half on.
double held(double distance, double capacity) {
  return std::clamp(1.5 - distance / capacity, 0.0, 1.0);
}

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
  if (step.nothing || !step.known) return d;
  d.family = &family_of(step);
  const Work work = d.family->work(step, step.call(model), machine);
  const double pieces = std::max(1.0, work.pieces);
  const double share = std::ceil(pieces / machine.threads) / pieces;
  for (size_t i = 0; i < kMostCounts; ++i) d.features[i] = work.counts[i] * share;
  for (const Touch& t : step.touches) {
    const double l2 = held(t.distance, machine.l2_bytes);
    const double l3 = (1 - l2) * held(t.distance, machine.l3_bytes);
    d.features[kMostCounts] += t.bytes * l2 * share;
    d.features[kMostCounts + 1] += t.bytes * l3 * share;
    d.features[kMostCounts + 2] += t.bytes * (1 - l2 - l3) * share;
  }
  d.features[kFeatures - 1] = 1;
  d.position = work.position;
  return d;
}

}  // namespace hone::estimate
