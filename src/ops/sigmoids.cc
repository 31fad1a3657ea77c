// Smooth activations around the logistic function: sigmoid, softplus, swish and their relatives.
#include <algorithm>

#include "ops/common.h"

namespace hone {
namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
// log(1 + exp(x)) without overflow.
double soft_plus(double x) {
  return std::isnan(x) ? x : std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}
double soft_sign(double x) { return x / (1 + std::fabs(x)); }
double self_gated(double x) { return x * std::tanh(soft_plus(x)); }
double kept_within(double x, double low, double high) {
  return x < low ? low : x > high ? high : x;
}
double hard_swish_of(double x) { return x * kept_within(x / 6 + 0.5, 0, 1); }

OpDef with(OpDef def, Cost (*cost)(const Infer&, const Types&), std::string_view body,
           std::vector<std::string_view> also = {}) {
  def.cost = cost;
  def.body = body;
  def.also = std::move(also);
  return def;
}

}  // namespace

const OpDef& sigmoid_op() {
  static const OpDef def =
      with(real_function<logistic>("sigmoid", "1 / (1 + exp(-x))."), elementwise_cost<4>,
           R"(graph sigmoid(x: T[*]) -> (y) { y = reciprocal(add(exp(neg(x)), 1.0)) })",
           {R"(graph sigmoid(x: T[*]) -> (y) { y = div(1.0, add(exp(neg(x)), 1.0)) })"});
  return def;
}

const OpDef& softplus_op() {
  static const OpDef def =
      with(real_function<soft_plus>("softplus", "log(1 + exp(x)), without overflow."),
           elementwise_cost<3>,
           R"(graph softplus(x: T[*]) -> (y) {
        y = add(max(x, 0.0), log(add(exp(neg(abs(x))), 1.0)))
      })",
           {R"(graph softplus(x: T[*]) -> (y) { y = log(add(exp(x), 1.0)) })"});
  return def;
}

const OpDef& softsign_op() {
  static const OpDef def =
      with(real_function<soft_sign>("softsign", "x / (1 + |x|)."), elementwise_cost<3>,
           R"(graph softsign(x: T[*]) -> (y) { y = div(x, add(abs(x), 1.0)) })");
  return def;
}

const OpDef& mish_op() {
  static const OpDef def =
      with(real_function<self_gated>("mish", "x tanh(softplus(x)) (Misra 2019)."),
           elementwise_cost<5>, R"(graph mish(x: T[*]) -> (y) { y = mul(x, tanh(softplus(x))) })");
  return def;
}

const OpDef& hard_swish_op() {
  static const OpDef def = with(
      real_function<hard_swish_of>(
          "hard_swish", "x times x/6 + 1/2 kept within [0, 1] (Howard et al. 2019, MobileNetV3)."),
      elementwise_cost<5>,
      R"(graph hard_swish(x: T[*]) -> (y) {
        y = mul(x, hard_sigmoid(x) <alpha=f64{0.16666666666666666}, beta=0.5>)
      })",
      {R"(graph hard_swish(x: T[*]) -> (y) {
        y = div(mul(x, clip(add(x, 3.0), 0.0, 6.0)), 6.0)
      })",
       R"(graph hard_swish(x: T[*]) -> (y) {
        y = mul(x, div(clip(add(x, 3.0), 0.0, 6.0), 6.0))
      })",
       R"(graph hard_swish(x: T[*]) -> (y) {
        y = mul(x, mul(clip(add(x, 3.0), 0.0, 6.0), 0.16666666666666666))
      })"});
  return def;
}

const OpDef& hard_sigmoid_op() {
  static const OpDef def{
      .name = "hard_sigmoid",
      .doc = "alpha x + beta kept within [0, 1].",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"alpha", AttrKind::real, false, 0.2f}, {"beta", AttrKind::real, false, 0.5f}},
      .traits = Trait::elementwise,
      .infer = same_as_first,
      .cost = elementwise_cost<4>,
      .reference =
          [](Call& c) {
            const double alpha = c.real("alpha"), beta = c.real("beta");
            return map_real(c, [=](double x) { return kept_within(alpha * x + beta, 0, 1); });
          },
      .body = R"(graph hard_sigmoid(x: T[*]) -> (y) {
        y = clip(add(mul(x, $alpha), $beta), 0.0, 1.0)
      })",
      .also = {R"(graph hard_sigmoid(x: T[*]) -> (y) {
        y = max(min(add(mul(x, $alpha), $beta), 1.0), 0.0)
      })"},
  };
  return def;
}

const OpDef& swish_op() {
  static const OpDef def{
      .name = "swish",
      .doc = "x sigmoid(alpha x); alpha = 1 is SiLU (Ramachandran, Zoph & Le 2017).",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"alpha", AttrKind::real, false, 1.0f}},
      .traits = Trait::elementwise,
      .infer = same_as_first,
      .cost = elementwise_cost<6>,
      .reference =
          [](Call& c) {
            const double alpha = c.real("alpha");
            return map_real(c, [=](double x) { return x * logistic(alpha * x); });
          },
      .body = R"(graph swish(x: T[*]) -> (y) { y = mul(x, sigmoid(mul(x, $alpha))) })",
      .also = {R"(graph swish(x: T[*]) -> (y) { y = mul(x, sigmoid(x)) })",
               R"(graph swish(x: T[*]) -> (y) { y = div(x, add(exp(neg(x)), 1.0)) })"},
  };
  return def;
}

const OpDef& swiglu_op() {
  static const OpDef def{
      .name = "swiglu",
      .doc = "swish(a) b for inputs of one shape (Shazeer 2020).",
      .inputs = {{"a", kFloats, 'T'}, {"b", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"alpha", AttrKind::real, false, 1.0f}},
      .traits = Trait::elementwise,
      .infer = [](const Infer& c) -> Result<Types> {
        const auto both = meet(Type(c.tensor(0)), Type(c.tensor(1)));
        if (!both)
          return shape_error(
              c, "the shapes " + c.shape(0).str() + " and " + c.shape(1).str() + " differ");
        return Types{Type(c.dtype(0), both->tensor.shape)};
      },
      .cost = elementwise_cost<7>,
      .reference =
          [](Call& c) {
            const double alpha = c.real("alpha");
            return zip_real(c, [=](double a, double b) { return a * logistic(alpha * a) * b; });
          },
      .body = R"(graph swiglu(a: T[*], b: T[*]) -> (y) {
        y = mul(swish(a) <alpha=$alpha>, b)
      })",
  };
  return def;
}

}  // namespace hone
