// Activations that treat negative and positive inputs apart: relu and its relatives, shrinkage.
#include "ops/common.h"

namespace hone {
namespace {

const AttrDef kAlpha{"alpha", AttrKind::real, false, 1.0f};

Result<Types> infer_prelu(const Infer& c) {
  TRY(expect_broadcastable(c, 1, c.shape(0)));
  return same_as_first(c);
}

}  // namespace

const OpDef& relu_op() {
  static const OpDef def{
      .name = "relu",
      .doc = "max(x, 0).",
      .inputs = {{"x", kFloats | kSigned, 'T'}},
      .outputs = {{"y", kFloats | kSigned, 'T'}},
      .traits = Trait::idempotent | Trait::elementwise,
      .infer = same_as_first,
      .reference =
          [](Call& c) {
            return map_number(
                c, [](double x) { return x < 0 ? 0 : x; }, [](int64_t x) { return x < 0 ? 0 : x; });
          },
      .body = R"(graph relu(x: T[*]) -> (y) { y = max(x, 0) })",
      .also = {R"(graph relu(x: T[*]) -> (y) { y = clip(x, 0, _) })"},
  };
  return def;
}

const OpDef& leaky_relu_op() {
  static const OpDef def{
      .name = "leaky_relu",
      .doc = "x where x >= 0, else alpha x (Maas, Hannun & Ng 2013).",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"alpha", AttrKind::real, false, 0.01f}},
      .traits = Trait::elementwise,
      .infer = same_as_first,
      .cost = elementwise_cost<2>,
      .reference =
          [](Call& c) {
            const double alpha = c.real("alpha");
            return map_real(c, [=](double x) { return x < 0 ? alpha * x : x; });
          },
      .body = R"(graph leaky_relu(x: T[*]) -> (y) {
        y = where(less(x, 0.0), mul(x, $alpha), x)
      })",
  };
  return def;
}

const OpDef& elu_op() {
  static const OpDef def{
      .name = "elu",
      .doc = "x where x >= 0, else alpha (exp(x) - 1) (Clevert, Unterthiner & Hochreiter 2015).",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {kAlpha},
      .traits = Trait::elementwise,
      .infer = same_as_first,
      .cost = elementwise_cost<4>,
      .reference =
          [](Call& c) {
            const double alpha = c.real("alpha");
            return map_real(c, [=](double x) { return x < 0 ? alpha * std::expm1(x) : x; });
          },
      .body = R"(graph elu(x: T[*]) -> (y) {
        y = where(less(x, 0.0), mul(sub(exp(x), 1.0), $alpha), x)
      })",
  };
  return def;
}

const OpDef& selu_op() {
  static const OpDef def{
      .name = "selu",
      .doc = "gamma x where x > 0, else gamma (alpha exp(x) - alpha) (Klambauer et al. 2017).",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"alpha", AttrKind::real, false, 1.67326319217681884765625f},
                {"gamma", AttrKind::real, false, 1.05070102214813232421875f}},
      .traits = Trait::elementwise,
      .infer = same_as_first,
      .cost = elementwise_cost<5>,
      .reference =
          [](Call& c) {
            const double alpha = c.real("alpha"), gamma = c.real("gamma");
            return map_real(c,
                            [=](double x) { return gamma * (x <= 0 ? alpha * std::expm1(x) : x); });
          },
      .body = R"(graph selu(x: T[*]) -> (y) {
        y = mul(where(greater(x, 0.0), x, mul(sub(exp(x), 1.0), $alpha)), $gamma)
      })",
  };
  return def;
}

const OpDef& celu_op() {
  static const OpDef def{
      .name = "celu",
      .doc = "max(0, x) + min(0, alpha (exp(x/alpha) - 1)) (Barron 2017).",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {kAlpha},
      .traits = Trait::elementwise,
      .infer = same_as_first,
      .cost = elementwise_cost<7>,
      .reference =
          [](Call& c) {
            const double alpha = c.real("alpha");
            return map_real(c, [=](double x) {
              const double tail = alpha * std::expm1(x / alpha);
              return (x < 0 ? 0 : x) + (tail > 0 ? 0 : tail);
            });
          },
      .body = R"(graph celu(x: T[*]) -> (y) {
        y = add(max(x, 0.0), min(mul(sub(exp(div(x, $alpha)), 1.0), $alpha), 0.0))
      })",
  };
  return def;
}

const OpDef& prelu_op() {
  static const OpDef def{
      .name = "prelu",
      .doc = "x where x >= 0, else slope x, slope broadcast to x (He et al. 2015).",
      .inputs = {{"x", kNumbers, 'T'}, {"slope", kNumbers, 'T'}},
      .outputs = {{"y", kNumbers, 'T'}},
      .traits = Trait::elementwise,
      .infer = infer_prelu,
      .cost = elementwise_cost<2>,
      .reference =
          [](Call& c) {
            return zip_number(
                c, [](double x, double slope) { return x < 0 ? slope * x : x; },
                [](int64_t x, int64_t slope) {
                  return x < 0 ? int64_t(uint64_t(slope) * uint64_t(x)) : x;
                },
                [](uint64_t x, uint64_t) { return x; });
          },
      .examples = {R"(graph prelu_channels(x: f32[2,3,4], slope: f32[3,1]) -> (y) {
        y = prelu(x, slope)
      })"},
  };
  return def;
}

const OpDef& thresholded_relu_op() {
  static const OpDef def{
      .name = "thresholded_relu",
      .doc = "x where x > alpha, else 0 (Konda, Memisevic & Krueger 2014).",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {kAlpha},
      .traits = Trait::elementwise,
      .infer = same_as_first,
      .reference =
          [](Call& c) {
            const double alpha = c.real("alpha");
            return map_real(c, [=](double x) { return x > alpha ? x : 0; });
          },
      .body = R"(graph thresholded_relu(x: T[*]) -> (y) {
        y = where(greater(x, $alpha), x, 0.0)
      })",
  };
  return def;
}

const OpDef& shrink_op() {
  static const OpDef def{
      .name = "shrink",
      .doc =
          "x + bias where x < -lambd, x - bias where x > lambd, else 0: hard and soft shrinkage.",
      .inputs = {{"x", kNumbers, 'T'}},
      .outputs = {{"y", kNumbers, 'T'}},
      .attrs = {{"bias", AttrKind::real, false, 0.0f}, {"lambd", AttrKind::real, false, 0.5f}},
      .traits = Trait::elementwise,
      .infer = same_as_first,
      .cost = elementwise_cost<3>,
      .reference =
          [](Call& c) {
            const double bias = c.real("bias"), lambd = c.real("lambd");
            return map_real(c, [=](double x) {
              if (x < -lambd) return x + bias;
              return x > lambd ? x - bias : 0;
            });
          },
  };
  return def;
}

}  // namespace hone
