#include "estimate/calibration.h"

#include <algorithm>

namespace hone::estimate {

const FamilyFit* Calibration::fit(std::string_view family) const {
  const auto it = std::ranges::find(families, family, &FamilyFit::family);
  return it == families.end() ? nullptr : &*it;
}

}  // namespace hone::estimate
