#include "ops/activation.h"

#include <algorithm>
#include <cmath>

namespace hone {

std::vector<AttrDef> activation_attrs(std::vector<AttrDef> others, const ActivationNames& names) {
  others.push_back({names.activation, AttrKind::text, false, "none",
                    "none, relu, clip, sigmoid, tanh, silu, gelu or gelu_tanh"});
  others.push_back({names.low, AttrKind::real, false, 0.0f, "the lower bound of clip"});
  others.push_back({names.high, AttrKind::real, false, 0.0f, "the upper bound of clip"});
  return others;
}

Status expect_activation(const Infer& c, const ActivationNames& names) {
  const std::string_view name = c.text(names.activation);
  if (std::ranges::find(kActivations, name) != std::end(kActivations)) return ok();
  return attribute_error(c, "there is no activation \"" + std::string(name) + "\"");
}

double activated(const Infer& c, double x, const ActivationNames& names) {
  const std::string_view name = c.text(names.activation);
  if (name == "relu") return x < 0 ? 0 : x;
  if (name == "clip")
    return std::min<double>(std::max<double>(x, c.real(names.low)), c.real(names.high));
  if (name == "sigmoid") return 1 / (1 + std::exp(-x));
  if (name == "tanh") return std::tanh(x);
  if (name == "silu") return x / (1 + std::exp(-x));
  if (name == "gelu") return 0.5 * x * (1 + std::erf(x * 0.70710678118654752440));
  if (name == "gelu_tanh")
    return 0.5 * x * (1 + std::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
  return x;
}

}  // namespace hone
