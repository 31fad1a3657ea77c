// Long short-term memory.
#include "ops/recurrent.h"

namespace hone {
namespace {

// Gates i, o, f, c; peepholes i, o, f. `coupled`: the forget gate is 1 - i.
Step make_step(bool coupled) {
  return [coupled](const Cell& cell, const std::vector<double>& x, std::vector<double>& h,
                   std::vector<double>& c) {
    const size_t n = h.size();
    const Activation &f = cell.activations[0], &g = cell.activations[1];
    const std::vector<double>& p = cell.peepholes;
    std::vector<double> next(n);
    for (size_t j = 0; j < n; ++j) {
      auto gate = [&](size_t k) { return x[k * n + j] + cell.recurrent(int64_t(k * n + j), h); };
      const double in = f(gate(0) + p[j] * c[j]);
      const double forget = coupled ? 1 - in : f(gate(2) + p[2 * n + j] * c[j]);
      const double state = forget * c[j] + in * g(gate(3));
      next[j] = f(gate(1) + p[n + j] * state) * cell.activations[2](state);
      c[j] = state;
    }
    h = std::move(next);
  };
}

}  // namespace

const OpDef& lstm_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "lstm",
      .doc =
          "Long short-term memory (Hochreiter & Schmidhuber 1997) with gates i, o, f, c and "
          "peepholes i, o, f: c = f c + i g(...), h = o h(c). Shapes as in rnn with four "
          "blocks of rows. input_forget=1 couples f = 1 - i.",
      .inputs = recurrent_inputs(
          {{"initial_c", kFloats, 'T', kOptional}, {"peepholes", kFloats, 'T', kOptional}}),
      .outputs = {{"y", kFloats, 'T', kOptional},
                  {"y_h", kFloats, 'T', kOptional},
                  {"y_c", kFloats, 'T', kOptional}},
      .attrs = recurrent_attrs({{"input_forget", AttrKind::integer, false, int64_t{0}}}),
      .infer = [](const Infer& c) { return infer_recurrent(c, 4, 3); },
      .cost = [](const Infer& c, const Types& out) { return recurrent_cost(c, out, 4); },
      .reference =
          [](Call& c) {
            return run_recurrent(c, 4, {"sigmoid", "tanh", "tanh"},
                                 make_step(c.integer("input_forget") != 0));
          },
      .examples = {R"(graph lstm_full(x: f32[4,2,3], w: f32[2,20,3], r: f32[2,20,5], b: f32[2,40],
                                      h0: f32[2,2,5], c0: f32[2,2,5], p: f32[2,15]) -> (y, h, c) {
        y, h, c = lstm(x, w, r, b, i32[2]{4, 1}, h0, c0, p) <direction="bidirectional">
      })",
                   R"(graph lstm_batch_first(x: f32[2,4,3], w: f32[1,20,3],
                                             r: f32[1,20,5]) -> (y, h, c) {
        y, h, c = lstm(x, w, r) <clip=0.5, hidden_size=5, layout=1>
      })"},
  };
  return def;
}

}  // namespace hone
