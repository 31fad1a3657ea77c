#include "backends/cpu/epilogue.h"

#include <algorithm>

namespace hone::cpu {

kernels::Epilogue epilogue_of(const Call& c, size_t bias, const ActivationNames& names) {
  kernels::Epilogue e;
  if (c.has(bias)) e.bias = c.in(bias).as<float>().data();
  // The names are in the order of the enumeration.
  const auto at =
      std::ranges::find(kActivations, c.text(names.activation)) - std::begin(kActivations);
  e.activation = static_cast<kernels::Activation>(at);
  e.low = float(c.real(names.low));
  e.high = float(c.real(names.high));
  return e;
}

kernels::Epilogue epilogue_of(const Call& c, int64_t n) {
  kernels::Epilogue e = epilogue_of(c, 2, ActivationNames());
  if (c.has(3)) e.added = c.in(3).as<float>().data();
  e.added_row = n;
  return e;
}

}  // namespace hone::cpu
