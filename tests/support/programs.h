// Programs made of text, on the plain loops of the catalogue, for tests that look at what a program
// does rather than at what it computes. For modules that see the runtime and the passes.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string_view>
#include <vector>

#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/program.h"
#include "support/data.h"
#include "support/op_cases.h"

namespace hone::testing {

class PlainLoops : public Backend {
 public:
  std::string_view name() const override { return "plain"; }
  std::string_view doc() const override { return "plain loops"; }
  Support supports(const Model&, const Graph&, NodeId) const override { return {true, {}}; }
  Result<std::unique_ptr<Kernel>> prepare(const Model&, const Graph& graph,
                                          NodeId node) const override {
    return std::unique_ptr<Kernel>(new Loops(*graph[node].op));
  }

 private:
  class Loops : public Kernel {
   public:
    explicit Loops(const OpDef& op) : op_(op) {}
    Status run(Call& c, ThreadPool&) const override { return op_.reference(c); }

   private:
    const OpDef& op_;
  };
};
inline const Backend& plain_loops() {
  static const PlainLoops backend;
  return backend;
}

// What the cpu backend lowers by, for panels of 32 columns on every machine.
inline constexpr std::string_view kLowering =
    "collect, widen, lower_attention, move_bytes, lower_quantized(width=32), "
    "lower_quantized_conv(width=32), lower_conv(width=32), spread_channels_last, canonicalize, "
    "make_unsigned, read_channels_first, fuse_separable, lower_linear(width=32), "
    "fuse_quantization, fuse_elementwise, find_ranges, sweep";

// Null, and a failure of the test, where the text makes no program. The pipelines are run in order.
inline std::shared_ptr<const Program> program_of(
    std::string_view text, const std::vector<std::string_view>& pipelines = {}) {
  auto model = model_of(text, standard_catalogue());
  EXPECT_TRUE(model.ok()) << describe(model.error()) << "\n" << text;
  if (!model) return nullptr;
  for (const std::string_view pipeline : pipelines) {
    const auto report = run_pipeline(*model, pipeline, standard_catalogue(), Limits{});
    EXPECT_TRUE(report.ok()) << describe(report.error());
    if (!report) return nullptr;
  }
  auto program = Program::make(std::make_shared<const Model>(model.take()), {&plain_loops()}, {});
  EXPECT_TRUE(program.ok()) << describe(program.error());
  return program ? program.take() : nullptr;
}

// The same as they are, and cleaned and lowered.
inline std::shared_ptr<const Program> lowered_program_of(std::string_view text) {
  return program_of(text, {"clean", kLowering});
}

// Graphs of one input and one output, small, of what networks are made of.
inline constexpr const char* kNetworks[] = {
    // Convolutions, a residual, parts that are joined, a product.
    R"(graph main(x: f32[1,8,10,10]) -> (y) {
         a = relu(conv(x, expand(f32{0.02}, i64[4]{16, 8, 3, 3})) <kernel_shape=[3, 3], pads=[1, 1, 1, 1]>)
         b = conv(a, expand(f32{0.01}, i64[4]{16, 16, 3, 3})) <kernel_shape=[3, 3], pads=[1, 1, 1, 1]>
         c = relu(add(a, b))
         d = relu(conv(c, expand(f32{0.03}, i64[4]{8, 16, 1, 1})) <kernel_shape=[1, 1]>)
         e = concat(c, d) <axis=1>
         f = global_average_pool(e)
         y = matmul(reshape(f, i64[2]{1, 24}), expand(f32{0.1}, i64[2]{24, 10}))
       })",
    // An inverted bottleneck with strides, and pooling.
    R"(graph main(x: f32[1,8,12,12]) -> (y) {
         a = clip(conv(x, expand(f32{0.02}, i64[4]{32, 8, 1, 1})) <kernel_shape=[1, 1]>, 0.0, 6.0)
         b = clip(conv(a, expand(f32{0.1}, i64[4]{32, 1, 3, 3})) <group=32, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]>, 0.0, 6.0)
         c = conv(b, expand(f32{0.05}, i64[4]{16, 32, 1, 1})) <kernel_shape=[1, 1]>
         d = max_pool(c) <kernel_shape=[2, 2], strides=[2, 2]>
         y = transpose(d) <perm=[0, 2, 3, 1]>
       })",
    // Attention with its products, norms and residuals.
    R"(graph main(x: f32[6,32]) -> (y) {
         n = layer_normalization(x, expand(f32{1}, i64[1]{32}), expand(f32{0}, i64[1]{32})) <axis=-1>
         q = transpose(reshape(matmul(n, expand(f32{0.1}, i64[2]{32, 32})), i64[4]{1, 6, 4, 8})) <perm=[0, 2, 1, 3]>
         k = transpose(reshape(matmul(n, expand(f32{0.2}, i64[2]{32, 32})), i64[4]{1, 6, 4, 8})) <perm=[0, 2, 1, 3]>
         v = transpose(reshape(matmul(n, expand(f32{0.3}, i64[2]{32, 32})), i64[4]{1, 6, 4, 8})) <perm=[0, 2, 1, 3]>
         a = reshape(transpose(attention(q, k, v)) <perm=[0, 2, 1, 3]>, i64[2]{6, 32})
         r = add(x, a)
         h = gelu(add(matmul(r, expand(f32{0.1}, i64[2]{32, 64})), expand(f32{0.5}, i64[1]{64})))
         y = add(r, matmul(h, expand(f32{0.1}, i64[2]{64, 32})))
       })",
    // Bytes, softmax, pieces.
    R"(graph main(x: f32[4,48]) -> (y) {
         q = dequantize_linear(quantize_linear(x, f32{0.02}, u8{128}), f32{0.02}, u8{128})
         w = dequantize_linear(quantize_linear(expand(f32{0.5}, i64[2]{48, 24}), f32{0.01}, i8{0}), f32{0.01}, i8{0})
         z = quantize_linear(matmul(q, w), f32{0.1}, u8{128})
         s = softmax(dequantize_linear(z, f32{0.1}, u8{128})) <axis=-1>
         a, b = split(s) <axis=1, num_outputs=2>
         y = reduce_sum(mul(a, exp(b)), i64[1]{1}) <keepdims=1>
       })",
};

inline Types types_of(const std::vector<Datum>& data) {
  Types types;
  for (const Datum& d : data) types.push_back(d.type());
  return types;
}

// Random inputs of the entry graph.
inline std::vector<Datum> inputs_of(const Program& program) {
  Random random(7);
  Dim::Bindings bindings;
  return random_inputs(program.model().main(), bindings, random);
}

}  // namespace hone::testing
