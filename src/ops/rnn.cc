// Simple recurrent network.
#include "ops/recurrent.h"

namespace hone {

const OpDef& rnn_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "rnn",
      .doc =
          "h = f(W x + R h + biases) over x [steps, batch, in], W [D, hidden, in], R [D, "
          "hidden, hidden], bias [D, 2 hidden]: y [steps, D, batch, hidden] and the last h [D, "
          "batch, hidden]; D is 2 when bidirectional.",
      .inputs = recurrent_inputs({}),
      .outputs = {{"y", kFloats, 'T', kOptional}, {"y_h", kFloats, 'T', kOptional}},
      .attrs = recurrent_attrs({}),
      .infer = [](const Infer& c) { return infer_recurrent(c, 1, 1); },
      .cost = [](const Infer& c, const Types& out) { return recurrent_cost(c, out, 1); },
      .reference =
          [](Call& c) {
            return run_recurrent(c, 1, {"tanh"},
                                 [](const Cell& cell, const std::vector<double>& x,
                                    std::vector<double>& h, std::vector<double>&) {
                                   std::vector<double> next(h.size());
                                   for (size_t j = 0; j < h.size(); ++j)
                                     next[j] =
                                         cell.activations[0](x[j] + cell.recurrent(int64_t(j), h));
                                   h = std::move(next);
                                 });
          },
      .examples = {R"(graph rnn_reverse(x: f32[4,2,3], w: f32[1,5,3], r: f32[1,5,5],
                                        b: f32[1,10]) -> (y, h) {
        y, h = rnn(x, w, r, b, i32[2]{4, 2}) <activations=["Affine"], activation_alpha=[0.5],
                                              clip=2.0, direction="reverse">
      })"},
  };
  return def;
}

}  // namespace hone
