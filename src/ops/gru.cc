// Gated recurrent unit.
#include "ops/recurrent.h"

namespace hone {
namespace {

// Gates z, r, h. `after`: the reset gate applies after the recurrent product.
Step make_step(bool after) {
  return [after](const Cell& cell, const std::vector<double>& x, std::vector<double>& h,
                 std::vector<double>&) {
    const size_t n = h.size();
    const Activation &f = cell.activations[0], &g = cell.activations[1];
    std::vector<double> z(n), r(n), reset(n), next(n);
    for (size_t j = 0; j < n; ++j) {
      z[j] = f(x[j] + cell.recurrent(int64_t(j), h));
      r[j] = f(x[n + j] + cell.recurrent(int64_t(n + j), h));
      reset[j] = r[j] * h[j];
    }
    for (size_t j = 0; j < n; ++j) {
      const int64_t row = int64_t(2 * n + j);
      const double part = after ? r[j] * cell.recurrent(row, h) : cell.recurrent(row, reset);
      next[j] = (1 - z[j]) * g(x[2 * n + j] + part) + z[j] * h[j];
    }
    h = std::move(next);
  };
}

}  // namespace

const OpDef& gru_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "gru",
      .doc =
          "Gated recurrent unit (Cho et al. 2014) with gates z, r, h: next h = (1 - z) g(...) "
          "+ z h. Shapes as in rnn with three blocks of rows. linear_before_reset=1 applies r "
          "after the recurrent product and its bias.",
      .inputs = recurrent_inputs({}),
      .outputs = {{"y", kFloats, 'T', kOptional}, {"y_h", kFloats, 'T', kOptional}},
      .attrs = recurrent_attrs({{"linear_before_reset", AttrKind::integer, false, int64_t{0}}}),
      .infer = [](const Infer& c) { return infer_recurrent(c, 3, 2); },
      .cost = [](const Infer& c, const Types& out) { return recurrent_cost(c, out, 3); },
      .reference =
          [](Call& c) {
            return run_recurrent(c, 3, {"sigmoid", "tanh"},
                                 make_step(c.integer("linear_before_reset") != 0));
          },
      .examples = {R"(graph gru_both(x: f32[4,2,3], w: f32[2,15,3], r: f32[2,15,5], b: f32[2,30],
                                     h0: f32[2,2,5]) -> (y, h) {
        y, h = gru(x, w, r, b, i32[2]{3, 4}, h0) <direction="bidirectional",
                                                  linear_before_reset=1>
      })"},
  };
  return def;
}

}  // namespace hone
