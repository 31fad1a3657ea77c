// What rnn, gru and lstm share: shapes, activations and the loop over directions and time.
#pragma once

#include <functional>

#include "ops/common.h"

namespace hone {

// Attributes of all three, in the order of declaration, then `more`.
std::vector<AttrDef> recurrent_attrs(std::vector<AttrDef> more);
// x, w, r, bias, sequence_lens, initial_h, then `more`.
Ports recurrent_inputs(std::vector<Port> more);

// Types of y, y_h (and y_c), for cells with this many gates. Checks all inputs and attributes.
Result<Types> infer_recurrent(const Infer& c, int64_t gates, size_t activations);
Cost recurrent_cost(const Infer& c, const Types& out, int64_t gates);

using Activation = std::function<double(double)>;

// One direction of a cell. Gates follow one another in blocks of `hidden`.
struct Cell {
  int64_t hidden = 0;
  std::vector<double> r;                // [gates * hidden, hidden]
  std::vector<double> w_bias, r_bias;   // [gates * hidden]
  std::vector<double> peepholes;        // [3 * hidden]
  std::vector<Activation> activations;  // each clips its argument first

  // Row `row` of r times h, plus its bias.
  double recurrent(int64_t row, const std::vector<double>& h) const;
};

// From x-part W x + w_bias [gates * hidden] and the state h (and c, of an lstm) the next state.
using Step = std::function<void(const Cell& cell, const std::vector<double>& x_part,
                                std::vector<double>& h, std::vector<double>& state)>;
Status run_recurrent(Call& c, int64_t gates, const std::vector<std::string>& defaults,
                     const Step& step);

}  // namespace hone
