#include "backends/cpu/epilogue.h"

#include <algorithm>

#include "ops/activation.h"

namespace hone::cpu {

kernels::Epilogue epilogue_of(const Call& c, int64_t n) {
  kernels::Epilogue e;
  if (c.has(2)) e.bias = c.in(2).as<float>().data();
  if (c.has(3)) e.added = c.in(3).as<float>().data();
  e.added_row = n;
  // The names are in the order of the enumeration.
  const auto at = std::ranges::find(kActivations, c.text("activation")) - std::begin(kActivations);
  e.activation = static_cast<kernels::Activation>(at);
  e.low = float(c.real("low"));
  e.high = float(c.real("high"));
  return e;
}

}  // namespace hone::cpu
