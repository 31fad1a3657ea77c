// Gaussian error linear unit, exact and by the tanh approximation.
#include "ops/common.h"

namespace hone {
namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kSqrtTwoOverPi = 0.79788456080286535588;

}  // namespace

const OpDef& gelu_op() {
  static const OpDef def{
      .name = "gelu",
      .doc =
          "x times the normal distribution function of x (Hendrycks & Gimpel 2016). "
          "approximate=\"tanh\": 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"approximate", AttrKind::text, false, "none", "\"none\" or \"tanh\""}},
      .traits = Trait::elementwise,
      .infer = [](const Infer& c) -> Result<Types> {
        if (c.text("approximate") != "none" && c.text("approximate") != "tanh")
          return attribute_error(c, "approximate must be \"none\" or \"tanh\"");
        return same_as_first(c);
      },
      .cost = elementwise_cost<8>,
      .reference =
          [](Call& c) {
            if (c.text("approximate") == "tanh")
              return map_real(c, [](double x) {
                return 0.5 * x * (1 + std::tanh(kSqrtTwoOverPi * (x + 0.044715 * x * x * x)));
              });
            return map_real(c, [](double x) { return 0.5 * x * (1 + std::erf(x * kSqrtHalf)); });
          },
      .body = R"(graph gelu(x: T[*]) -> (y) {
        e = erf(div(x, 1.4142135623730951))
        y = mul(mul(x, add(e, 1.0)), 0.5)
      })",
      .also = {R"(graph gelu(x: T[*]) -> (y) {
        y = mul(x, mul(0.5, add(1.0, erf(mul(x, 0.7071067811865476)))))
      })",
               R"(graph gelu(x: T[*]) -> (y) {
        y = mul(mul(x, 0.5), add(1.0, erf(div(x, 1.4142135623730951))))
      })"},
      .variants = {{"approximate", "tanh", R"(graph gelu(x: T[*]) -> (y) {
        t = tanh(mul(add(x, mul(pow(x, 3.0), 0.044715)), 0.7978845608028654))
        y = mul(mul(x, 0.5), add(t, 1.0))
      })"},
                   {"approximate", "tanh", R"(graph gelu(x: T[*]) -> (y) {
        t = tanh(mul(add(x, mul(mul(mul(x, x), x), 0.044715)), 0.7978845608028654))
        y = mul(mul(x, 0.5), add(t, 1.0))
      })"},
                   {"approximate", "tanh", R"(graph gelu(x: T[*]) -> (y) {
        t = tanh(mul(mul(x, add(mul(mul(x, x), 0.044715), 1.0)), 0.7978845608028654))
        y = mul(mul(x, 0.5), add(t, 1.0))
      })"}},
  };
  return def;
}

}  // namespace hone
