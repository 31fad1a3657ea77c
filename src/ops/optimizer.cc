// One step of an optimizer, for several tensors at once (ai.onnx.preview.training).
#include <algorithm>

#include "ops/common.h"

namespace hone {
namespace {

constexpr DTypes kReal = DType::f32 | DType::f64;
constexpr size_t kFirst = 2;  // the tensors follow the rate and the step

// The inputs are `groups` lists of tensors of equal length; the outputs are `results` lists.
Result<size_t> tensors(const Infer& c, size_t groups, size_t results) {
  const size_t given = c.inputs() - kFirst, n = given / groups;
  if (given % groups != 0 || n == 0 || c.outputs() != n * results)
    return shape_error(
        c, std::to_string(given) + " tensors and " + std::to_string(c.outputs()) + " outputs");
  return n;
}

template <size_t groups, size_t results>
Result<Types> infer(const Infer& c) {
  const size_t n = TRY(tensors(c, groups, results));
  for (size_t i = 0; i < kFirst; ++i)
    if (auto count = element_count(c.shape(i)).constant(); count && *count != 1)
      return shape_error(
          c, "input " + std::to_string(i) + " must be a scalar, has shape " + c.shape(i).str());
  for (size_t g = 1; g < groups; ++g)
    for (size_t i = 0; i < n; ++i) {
      const size_t at = kFirst + g * n + i;
      if (!c.has(at) || !c.has(kFirst + i)) return shape_error(c, "a tensor is missing");
      if (!compatible(c.type(kFirst + i), c.type(at)))
        return shape_error(c, "tensor " + std::to_string(i) + " is " + c.type(kFirst + i).str() +
                                  " and " + c.type(at).str());
    }
  Types out;
  for (size_t k = 0; k < n * results; ++k) {
    const TensorType& t = c.tensor(kFirst + k % n);
    out.emplace_back(t.dtype, t.shape);
  }
  return out;
}

struct Step {
  double x, gradient, first, second;  // the value, its gradient, and up to two moments
};

// Updates all elements; the moments follow the gradients in the inputs, the values in the outputs.
template <size_t groups, class F>
Status update(Call& c, F f) {
  const size_t n = TRY(tensors(c, groups, groups - 1));
  for (size_t i = 0; i < n; ++i) {
    const auto in = [&](size_t group) -> const Tensor& { return c.in(kFirst + group * n + i); };
    std::vector<Tensor*> out;
    for (size_t g = 0; g + 1 < groups; ++g) out.push_back(TRY(c.out(g * n + i)));
    for (int64_t k = 0; k < in(0).count(); ++k) {
      Step s{load_real(in(0), k), load_real(in(1), k), load_real(in(2), k),
             groups > 3 ? load_real(in(groups - 1), k) : 0};
      f(s);
      store_real(*out[0], k, s.x);
      store_real(*out[1], k, s.first);
      if constexpr (groups > 3) store_real(*out[2], k, s.second);
    }
  }
  return ok();
}

Status adagrad(Call& c) {
  const double rate = load_real(c.in(0), 0) / (1 + load_real(c.in(1), 0) * c.real("decay_factor"));
  const double norm = c.real("norm_coefficient"), epsilon = c.real("epsilon");
  return update<3>(c, [=](Step& s) {
    const double g = norm * s.x + s.gradient;
    s.first += g * g;
    s.x -= rate * g / (std::sqrt(s.first) + epsilon);
  });
}

Status adam(Call& c) {
  const double steps = load_real(c.in(1), 0);
  const double alpha = c.real("alpha"), beta = c.real("beta"), epsilon = c.real("epsilon");
  const double norm = c.real("norm_coefficient"), post = c.real("norm_coefficient_post");
  double rate = load_real(c.in(0), 0);
  if (steps > 0) rate *= std::sqrt(1 - std::pow(beta, steps)) / (1 - std::pow(alpha, steps));
  return update<4>(c, [=](Step& s) {
    const double g = norm * s.x + s.gradient;
    s.first = alpha * s.first + (1 - alpha) * g;
    s.second = beta * s.second + (1 - beta) * g * g;
    s.x = (1 - post) * (s.x - rate * s.first / (std::sqrt(s.second) + epsilon));
  });
}

Status momentum(Call& c) {
  const double rate = load_real(c.in(0), 0), steps = load_real(c.in(1), 0);
  const double alpha = c.real("alpha"), norm = c.real("norm_coefficient");
  const double beta = steps > 0 ? c.real("beta") : 1.0;
  const bool nesterov = c.text("mode") == "nesterov";
  return update<3>(c, [=](Step& s) {
    const double g = norm * s.x + s.gradient;
    s.first = alpha * s.first + beta * g;
    s.x -= rate * (nesterov ? g + alpha * s.first : s.first);
  });
}

Ports inputs() {
  return {{"rate", kReal}, {"step", DType::i64}, {"tensors", kReal, 0, Port::Presence::variadic}};
}
Ports outputs() { return {{"updated", kReal, 0, Port::Presence::variadic}}; }

}  // namespace

const OpDef& adagrad_op() {
  static const OpDef def{
      .name = "adagrad",
      .doc =
          "AdaGrad (Duchi, Hazan & Singer 2011) from rate R and step T: inputs X…, gradients G…, "
          "sums of squares H…; outputs the new X… and H….",
      .inputs = inputs(),
      .outputs = outputs(),
      .attrs = {{"decay_factor", AttrKind::real, false, 0.0f},
                {"epsilon", AttrKind::real, false, 1e-6f},
                {"norm_coefficient", AttrKind::real, false, 0.0f}},
      .infer = infer<3, 2>,
      .reference = adagrad,
      .examples = {R"(graph adagrad_step(r: f32[], x: f32[3], g: f32[3], h: f32[3]) -> (a, b) {
        a, b = adagrad(r, i64{2}, x, g, mul(h, h)) <decay_factor=0.1, norm_coefficient=0.01>
      })"},
  };
  return def;
}

const OpDef& adam_op() {
  static const OpDef def{
      .name = "adam",
      .doc =
          "Adam (Kingma & Ba 2015) from rate R and step T: inputs X…, gradients G…, first moments "
          "V…, second moments H…; outputs the new X…, V… and H….",
      .inputs = inputs(),
      .outputs = outputs(),
      .attrs = {{"alpha", AttrKind::real, false, 0.9f},
                {"beta", AttrKind::real, false, 0.999f},
                {"epsilon", AttrKind::real, false, 1e-6f},
                {"norm_coefficient", AttrKind::real, false, 0.0f},
                {"norm_coefficient_post", AttrKind::real, false, 0.0f}},
      .infer = infer<4, 3>,
      .reference = adam,
      .examples =
          {R"(graph adam_step(r: f32[], x: f32[3], g: f32[3], v: f32[3], h: f32[3]) -> (a, b, d) {
        a, b, d = adam(r, i64{2}, x, g, v, mul(h, h))
      })"},
  };
  return def;
}

const OpDef& momentum_op() {
  static const OpDef def{
      .name = "momentum",
      .doc =
          "Gradient descent with momentum, standard or Nesterov's, from rate R and step T: inputs "
          "X…, gradients G…, velocities V…; outputs the new X… and V….",
      .inputs = inputs(),
      .outputs = outputs(),
      .attrs = {{"alpha", AttrKind::real, true},
                {"beta", AttrKind::real, true},
                {"mode", AttrKind::text, true, {}, "\"standard\" or \"nesterov\""},
                {"norm_coefficient", AttrKind::real, true}},
      .infer = [](const Infer& c) -> Result<Types> {
        if (c.text("mode") != "standard" && c.text("mode") != "nesterov")
          return attribute_error(c, "mode is \"" + c.text("mode") + "\"");
        return infer<3, 2>(c);
      },
      .reference = momentum,
      .examples = {R"(graph momentum_step(r: f32[], x: f32[3], g: f32[3], v: f32[3]) -> (a, b) {
        a, b = momentum(r, i64{2}, x, g, v)
            <alpha=0.9, beta=0.5, mode="nesterov", norm_coefficient=0.01>
      })"},
  };
  return def;
}

}  // namespace hone
