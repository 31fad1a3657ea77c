// ONNX operators of the family "network": products, convolution, pooling, recurrent networks.
#include <cmath>

#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Outputs = Result<std::vector<ValueId>>;

// Before version 7, `broadcast` said that C may be smaller; its shape says so too.
Outputs gemm(NodeContext& c) {
  c.ignore("broadcast");
  Builder::Given given = TRY(gemm_attributes(c));
  return c.emit("gemm", c.inputs(), std::move(given));
}

// Version 1 has p as a float.
Result<int64_t> whole_p(NodeContext& c) {
  const float p = TRY(c.real("p", 2.0f));
  if (!(p >= 1 && p < 0x1p31f) || p != std::trunc(p))
    return c.unsupported("p must be a whole number, is " + std::to_string(p));
  return int64_t(p);
}

Outputs lp_pool_1(NodeContext& c) {
  Builder::Given given;
  given.emplace_back("p", TRY(whole_p(c)));
  given.emplace_back("auto_pad", TRY(c.text("auto_pad", "NOTSET")));
  given.emplace_back("kernel_shape", TRY(c.integers("kernel_shape")));
  for (const char* list : {"pads", "strides"})
    if (c.has(list)) given.emplace_back(list, TRY(c.integers(list)));
  return c.emit("lp_pool", c.inputs(), std::move(given));
}

Outputs global_lp_pool_1(NodeContext& c) {
  const int64_t p = TRY(whole_p(c));
  return c.emit("global_lp_pool", c.inputs(), {{"p", p}});
}

// Before version 7, `output_sequence` said whether the first output is wanted.
template <const char* op>
Outputs recurrent_1(NodeContext& c) {
  c.ignore("output_sequence");
  Builder::Given given;
  for (const char* name : {"clip"})
    if (c.has(name)) given.emplace_back(name, TRY(c.real(name)));
  for (const char* name : {"activation_alpha", "activation_beta"})
    if (c.has(name)) given.emplace_back(name, TRY(c.reals(name)));
  for (const char* name : {"hidden_size", "input_forget", "linear_before_reset"})
    if (c.has(name)) given.emplace_back(name, TRY(c.integer(name)));
  if (c.has("activations")) given.emplace_back("activations", TRY(c.texts("activations")));
  std::string direction = TRY(c.text("direction", "forward"));
  if (direction == "foward") direction = "forward";  // the default of GRU-1 is spelled so
  given.emplace_back("direction", std::move(direction));
  return c.emit(op, c.inputs(), std::move(given));
}
constexpr char kGru[] = "gru", kLstm[] = "lstm", kRnn[] = "rnn";

constexpr Translation kTable[] = {
    {"", "AveragePool", 1, "average_pool"},
    {"", "CausalConvWithState", 27, "causal_conv_with_state"},
    {"", "Conv", 1, "conv"},
    {"", "ConvTranspose", 1, "conv_transpose"},
    {"", "DeformConv", 19, "deform_conv"},
    {"", "Einsum", 12, "einsum"},
    {"", "GRU", 1, "", recurrent_1<kGru>, first_inputs(3)},
    {"", "GRU", 7, "gru"},
    {"", "Gemm", 1, "", gemm, first_inputs(2)},
    {"", "GlobalAveragePool", 1, "global_average_pool"},
    {"", "GlobalLpPool", 1, "", global_lp_pool_1, first_inputs(1)},
    {"", "GlobalLpPool", 2, "global_lp_pool"},
    {"", "GlobalMaxPool", 1, "global_max_pool"},
    {"", "LSTM", 1, "", recurrent_1<kLstm>, first_inputs(3)},
    {"", "LSTM", 7, "lstm"},
    {"", "LpPool", 1, "", lp_pool_1, first_inputs(1)},
    {"", "LpPool", 2, "lp_pool"},
    {"", "MatMul", 1, "matmul"},
    {"", "MaxPool", 1, "max_pool"},
    {"", "RNN", 1, "", recurrent_1<kRnn>, first_inputs(3)},
    {"", "RNN", 7, "rnn"},
};

}  // namespace

std::span<const Translation> network_translations() { return kTable; }

Result<Builder::Given> gemm_attributes(NodeContext& c) {
  Builder::Given given;
  for (const char* factor : {"alpha", "beta"})
    given.emplace_back(factor, TRY(c.real(factor, 1.0f)));
  given.emplace_back("transa", TRY(c.integer("transA", 0)));
  given.emplace_back("transb", TRY(c.integer("transB", 0)));
  return given;
}

}  // namespace hone::onnx
