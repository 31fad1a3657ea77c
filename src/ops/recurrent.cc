#include "ops/recurrent.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "ops/window.h"

namespace hone {
namespace {

enum Input : size_t { kX, kW, kR, kBias, kLengths, kInitialH, kInitialC, kPeepholes };

struct ActivationDef {
  std::string_view name;
  double (*f)(double x, double alpha, double beta);
  int parameters;  // how many of alpha, beta it takes
  double alpha = 0, beta = 0;
};

double sigmoid(double x, double, double) { return 1 / (1 + std::exp(-x)); }

constexpr ActivationDef kActivations[] = {
    {"affine", [](double x, double a, double b) { return a * x + b; }, 2, 1, 0},
    {"elu", [](double x, double a, double) { return x >= 0 ? x : a * std::expm1(x); }, 1, 1},
    {"hardsigmoid",
     [](double x, double a, double b) { return std::min(1.0, std::max(0.0, a * x + b)); }, 2, 0.2,
     0.5},
    {"leakyrelu", [](double x, double a, double) { return x >= 0 ? x : a * x; }, 1, 0.01},
    {"relu", [](double x, double, double) { return x > 0           ? x
                                                   : std::isnan(x) ? x
                                                                   : 0; }, 0},
    {"scaledtanh", [](double x, double a, double b) { return a * std::tanh(b * x); }, 2, 1, 1},
    {"sigmoid", sigmoid, 0},
    {"softplus",
     [](double x, double, double) {
       return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
     },
     0},
    {"softsign", [](double x, double, double) { return x / (1 + std::fabs(x)); }, 0},
    {"tanh", [](double x, double, double) { return std::tanh(x); }, 0},
    {"thresholdedrelu", [](double x, double a, double) { return x > a ? x : 0; }, 1, 1},
};

const ActivationDef* find_activation(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char ch) { return char(std::tolower(ch)); });
  for (const ActivationDef& def : kActivations)
    if (def.name == name) return &def;
  return nullptr;
}

Result<int64_t> directions(const Infer& c) {
  const std::string& direction = c.text("direction");
  if (direction == "bidirectional") return int64_t{2};
  if (direction == "forward" || direction == "reverse") return int64_t{1};
  return attribute_error(c, "direction cannot be \"" + direction + "\"");
}

Status check_activations(const Infer& c, size_t wanted) {
  if (!c.given("activations")) return ok();
  const Texts& names = c.texts("activations");
  // Longer lists occur: the default of RNN has two names for one direction.
  if (names.size() < wanted)
    return attribute_error(c, "activations has " + std::to_string(names.size()) + " names where " +
                                  std::to_string(wanted) + " are needed");
  for (const std::string& name : names)
    if (!find_activation(name))
      return attribute_error(c, "there is no activation \"" + name + "\"");
  return ok();
}

// Alphas and betas are taken in order by those activations that have one. What the third of an lstm
// gets is the state, not the sum of a gate: it is not clipped.
std::vector<Activation> make_activations(const Infer& c, std::vector<std::string> names,
                                         size_t each) {
  if (c.given("activations")) names = c.texts("activations");
  const Reals none;
  const Reals& alphas = c.given("activation_alpha") ? c.reals("activation_alpha") : none;
  const Reals& betas = c.given("activation_beta") ? c.reals("activation_beta") : none;
  const double bound = c.given("clip") ? c.real("clip") : INFINITY;
  size_t alpha_at = 0, beta_at = 0;
  std::vector<Activation> out;
  for (const std::string& name : names) {
    const ActivationDef def = *find_activation(name);
    double alpha = def.alpha, beta = def.beta;
    if (def.parameters > 0 && alpha_at < alphas.size()) alpha = alphas[alpha_at++];
    if (def.parameters > 1 && beta_at < betas.size()) beta = betas[beta_at++];
    const double clip = each == 3 && out.size() % each == 2 ? INFINITY : bound;
    out.push_back([def, alpha, beta, clip](double x) {
      return def.f(std::isnan(x) ? x : std::max(-clip, std::min(clip, x)), alpha, beta);
    });
  }
  return out;
}

// Checks one input of known rank against extents; unknown extents pass.
Status expect(const Infer& c, size_t i, const std::vector<Dim>& extents, std::string_view what) {
  if (!c.has(i) || !c.shape(i).ranked) return ok();
  TRY(expect_rank(c, i, extents.size()));
  for (size_t axis = 0; axis < extents.size(); ++axis)
    TRY(same_extent(c, c.shape(i).dims[axis], extents[axis],
                    "axis " + std::to_string(axis) + " of " + std::string(what)));
  return ok();
}

}  // namespace

std::vector<AttrDef> recurrent_attrs(std::vector<AttrDef> more) {
  std::vector<AttrDef> attrs = {
      {"activation_alpha", AttrKind::reals},
      {"activation_beta", AttrKind::reals},
      {"activations", AttrKind::texts, false, {}, "for each direction, in the order of the gates"},
      {"clip", AttrKind::real, false, {}, "bound of the magnitude of what activations get"},
      {"direction", AttrKind::text, false, "forward",
       "\"forward\", \"reverse\" or \"bidirectional\""},
      {"hidden_size", AttrKind::integer},
      {"layout", AttrKind::integer, false, int64_t{0}, "1: the batch is the first axis"}};
  attrs.insert(attrs.end(), more.begin(), more.end());
  return attrs;
}

Ports recurrent_inputs(std::vector<Port> more) {
  constexpr auto kOptional = Port::Presence::optional;
  Ports ports = {{"x", kFloats, 'T'},
                 {"w", kFloats, 'T'},
                 {"r", kFloats, 'T'},
                 {"bias", kFloats, 'T', kOptional},
                 {"sequence_lens", DType::i32, 0, kOptional},
                 {"initial_h", kFloats, 'T', kOptional}};
  ports.insert(ports.end(), more.begin(), more.end());
  return ports;
}

Result<Types> infer_recurrent(const Infer& c, int64_t gates, size_t activations) {
  const int64_t directed = TRY(directions(c));
  TRY(check_activations(c, activations * size_t(directed)));
  if (c.given("clip") && !(c.real("clip") >= 0))
    return attribute_error(c, "clip must not be negative");
  const int64_t layout = c.integer("layout");
  if (layout != 0 && layout != 1)
    return attribute_error(c, "layout must be 0 or 1, is " + std::to_string(layout));
  const bool batch_first = layout == 1;
  for (size_t i : {kX, kW, kR}) TRY(expect_rank(c, i, 3));
  const Dim steps = extent(c, kX, batch_first ? 1 : 0);
  const Dim batch = extent(c, kX, batch_first ? 0 : 1), d = directed;
  Dim hidden = extent(c, kR, 2);
  if (c.given("hidden_size"))
    hidden = TRY(same_extent(c, hidden, Dim(TRY(positive(c, "hidden_size"))), "hidden sizes"));
  const Dim rows = hidden.is_unknown() ? Dim::unknown() : hidden * Dim(gates);
  if (hidden.is_constant() && rows.is_unknown())
    return shape_error(c, "a hidden size of " + hidden.str() + " is too large");
  TRY(expect(c, kW, {d, rows, extent(c, kX, 2)}, "w"));
  TRY(expect(c, kR, {d, rows, hidden}, "r"));
  TRY(expect(c, kBias, {d, rows * Dim(2)}, "bias"));
  TRY(expect(c, kLengths, {batch}, "sequence_lens"));
  const std::vector<Dim> state =
      batch_first ? std::vector{batch, d, hidden} : std::vector{d, batch, hidden};
  TRY(expect(c, kInitialH, state, "initial_h"));
  TRY(expect(c, kInitialC, state, "initial_c"));
  TRY(expect(c, kPeepholes, {d, hidden * Dim(3)}, "peepholes"));
  Types types;
  types.emplace_back(c.dtype(kX), Shape(batch_first ? std::vector{batch, steps, d, hidden}
                                                    : std::vector{steps, d, batch, hidden}));
  while (types.size() < c.outputs()) types.emplace_back(c.dtype(kX), Shape(state));
  return types;
}

Cost recurrent_cost(const Infer& c, const Types& out, int64_t gates) {
  Cost cost = default_cost(c, out);
  const Dim hidden = extent(c, kR, 2), states = element_count(out[0].tensor.shape);
  cost.macs = states * Dim(gates) * (extent(c, kX, 2) + hidden);
  // Biases and activations of the gates, and a few element-wise steps for each state.
  cost.flops = cost.macs * Dim(2) + states * Dim(4 * gates);
  return cost;
}

double Cell::recurrent(int64_t row, const std::vector<double>& h) const {
  double sum = 0;
  for (size_t j = 0; j < h.size(); ++j) sum += r[size_t(row * hidden) + j] * h[j];
  return sum + r_bias[size_t(row)];
}

Status run_recurrent(Call& c, int64_t gates, const std::vector<std::string>& defaults,
                     const Step& step) {
  const bool batch_first = c.integer("layout") == 1;
  const bool bidirectional = c.text("direction") == "bidirectional";
  const Tensor& x = c.in(kX);
  const int64_t steps = x.shape()[batch_first ? 1 : 0], batch = x.shape()[batch_first ? 0 : 1];
  const int64_t inputs = x.shape()[2], directed = bidirectional ? 2 : 1;
  const int64_t hidden = c.in(kR).shape()[2], rows = gates * hidden;
  std::vector<Tensor*> out;
  for (size_t i = 0; i < c.outputs(); ++i) out.push_back(TRY(c.out(i)));
  std::vector<std::string> names = defaults;
  if (bidirectional) names.insert(names.end(), defaults.begin(), defaults.end());
  const std::vector<Activation> activations = make_activations(c, names, defaults.size());
  const std::vector<double> xs = reals(x);
  auto part = [&](size_t input, int64_t from, int64_t count) {
    std::vector<double> values(size_t(count), 0.0);
    for (int64_t i = 0; c.has(input) && i < count; ++i)
      values[size_t(i)] = load_real(c.in(input), from + i);
    return values;
  };
  for (int64_t d = 0; d < directed; ++d) {
    const std::vector<double> w = part(kW, d * rows * inputs, rows * inputs);
    Cell cell{hidden,
              part(kR, d * rows * hidden, rows * hidden),
              part(kBias, 2 * d * rows, rows),
              part(kBias, (2 * d + 1) * rows, rows),
              part(kPeepholes, 3 * d * hidden, 3 * hidden),
              {activations.begin() + d * int64_t(defaults.size()),
               activations.begin() + (d + 1) * int64_t(defaults.size())}};
    const bool reverse = d == 1 || c.text("direction") == "reverse";
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t length = c.has(kLengths) ? load_integer(c.in(kLengths), b) : steps;
      if (length < 0 || length > steps)
        return value_error(c, "sequence_lens holds " + std::to_string(length) + " for " +
                                  std::to_string(steps) + " steps");
      const int64_t at = (batch_first ? b * directed + d : d * batch + b) * hidden;
      std::vector<double> h = part(kInitialH, at, hidden), state = part(kInitialC, at, hidden);
      std::vector<double> x_part(size_t(rows), 0.0);
      for (int64_t i = 0; i < length; ++i) {
        const int64_t t = reverse ? length - 1 - i : i;
        const double* from = xs.data() + (batch_first ? b * steps + t : t * batch + b) * inputs;
        for (int64_t row = 0; row < rows; ++row) {
          double sum = cell.w_bias[size_t(row)];
          for (int64_t k = 0; k < inputs; ++k) sum += w[size_t(row * inputs + k)] * from[k];
          x_part[size_t(row)] = sum;
        }
        step(cell, x_part, h, state);
        const int64_t to =
            (batch_first ? (b * steps + t) * directed + d : (t * directed + d) * batch + b) *
            hidden;
        for (int64_t j = 0; !out.empty() && j < hidden; ++j)
          store_real(*out[0], to + j, h[size_t(j)]);
      }
      for (int64_t j = 0; j < hidden; ++j) {
        if (out.size() > 1) store_real(*out[1], at + j, h[size_t(j)]);
        if (out.size() > 2) store_real(*out[2], at + j, state[size_t(j)]);
      }
    }
  }
  return ok();
}

}  // namespace hone
