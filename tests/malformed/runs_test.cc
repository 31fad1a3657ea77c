// Hostile graphs that run: types that turn out otherwise than declared, and work, memory and depth
// that only a run can ask for.
#include <gtest/gtest.h>

#include "backends/backends.h"
#include "ir/text.h"
#include "kernels/gemm/gemm.h"
#include "malformed/guarded.h"
#include "ops/catalogue.h"
#include "runtime/session.h"
#include "support/data.h"
#include "support/op_cases.h"

namespace hone {
namespace {

Result<Session> session_of(std::string_view graphs, const Limits& limits, ThreadPool& pool) {
  auto model = TRY(testing::model_of(graphs, standard_catalogue()));
  auto program = TRY(Program::make(std::make_shared<const Model>(std::move(model)),
                                   TRY(backends_for("auto")), limits));
  return Session(std::move(program), pool);
}

testing::Outcome run(const std::string& graphs, const std::vector<Datum>& inputs,
                     const Limits& limits = {}) {
  const auto outcome = testing::guarded([&](const testing::Note&) -> Status {
    ThreadPool pool(2);
    Session session = TRY(session_of(graphs, limits, pool));
    TRY(session.run(inputs));
    TRY(session.run(inputs));  // as the first, from what that has left
    return ok();
  });
  testing::expect_contained(outcome);
  return outcome;
}

void expect_refused(const std::string& graphs, const std::vector<Datum>& inputs,
                    std::string_view code, const Limits& limits = {}) {
  const auto outcome = run(graphs, inputs, limits);
  EXPECT_TRUE(outcome.refused) << "it ran";
  EXPECT_NE(outcome.message.find("[" + std::string(code) + "]"), std::string::npos)
      << outcome.message;
}

void expect_runs(const std::string& graphs, const std::vector<Datum>& inputs,
                 const Limits& limits = {}) {
  const auto outcome = run(graphs, inputs, limits);
  EXPECT_FALSE(outcome.refused) << outcome.message;
}

Datum zeros(const Extents& shape, DType dtype = DType::f32) {
  return Datum(Tensor::make(dtype, shape).take());
}

// The graph says three axes, the data decide that there are forty: more than the kernel has room
// for.
TEST(HostileRun, ARankThatWasDeclaredOtherwise) {
  constexpr const char* kText = R"(
    graph g(x: f32[1], k: i64[K]) -> (y) {
      r: f32[1,1,1] = reshape(x, k)
      w = reshape(x, k)
      y = conv(r, w)
    })";
  expect_runs(kText, {zeros({1}), Datum(Tensor::of({3}, Integers(3, 1)))});
  expect_refused(kText, {zeros({1}), Datum(Tensor::of({40}, Integers(40, 1)))}, "data.mismatch");
}

// A planned step: the shape is known before the run, and not the one declared.
TEST(HostileRun, AnExtentThatWasDeclaredOtherwise) {
  constexpr const char* kText = R"(
    graph g(x: f32[N], k: i64[K]) -> (y) {
      r: f32[6] = reshape(x, k)
      y = neg(r)
    })";
  expect_runs(kText, {zeros({6}), Datum(Tensor::of({1}, Integers{6}))});
  expect_refused(kText, {zeros({7}), Datum(Tensor::of({1}, Integers{7}))}, "data.mismatch");
  constexpr const char* kPlanned = R"(
    graph g(x: f32[*]) -> (y) {
      s: f32[2,3] = transpose(x)
      y = neg(s)
    })";
  expect_runs(kPlanned, {zeros({3, 2})});
  expect_refused(kPlanned, {zeros({2, 3})}, "data.mismatch");
}

// Scale and bias of different lengths, known only at run time.
TEST(HostileRun, ABiasOfOneElement) {
  const std::string text =
      "graph g(x: f32[2,64], s: f32[64], b: f32[K]) -> (y) { y = layer_normalization(x, s, b) }";
  expect_runs(text, {zeros({2, 64}), zeros({64}), zeros({1})});
  expect_refused(text, {zeros({2, 64}), zeros({64}), zeros({63})}, "model.shape_mismatch");
}

TEST(HostileRun, PoolingOverAHugeKernel) {
  expect_runs(R"(graph g(x: f32[1,1,1]) -> (y) {
      y = max_pool(x) <kernel_shape=[2147483647], pads=[1073741823, 1073741923]> })",
              {zeros({1, 1, 1})});
  expect_runs(R"(graph g(x: f32[1,1,1]) -> (y) {
      y = average_pool(x) <count_include_pad=1, kernel_shape=[2147483647], pads=[1073741823, 1073741923]>
    })",
              {zeros({1, 1, 1})});
  // As many windows as positions of padding: refused for what the output would take.
  Limits limits;
  limits.runtime_memory = uint64_t{1} << 29;
  expect_refused(R"(graph g(x: f32[1,1,1]) -> (y) {
      y = max_pool(x) <kernel_shape=[1], pads=[1073741823, 1073741923]> })",
                 {zeros({1, 1, 1})}, "limit.memory", limits);
}

// Rows without elements, in a number that nothing has to be computed for.
TEST(HostileRun, VeryManyEmptyRows) {
  const std::vector<Datum> x{zeros({int64_t{1} << 40, 0})};
  expect_runs("graph g(x: f32[N,M]) -> (y) { y = softmax(x) }", x);
  expect_runs("graph g(x: f32[N,M]) -> (y) { y = transpose(x) }", x);
  expect_runs("graph g(x: f32[N,M]) -> (y) { y = relu(x) }", x);
}

// What lies between the products of a separable convolution is bounded by neither x nor y.
TEST(HostileRun, LinesBetweenProducts) {
  const std::string width = std::to_string(kernels::gemm_kernel().columns);
  const std::string panels = "[1,1,0," + width + "]";
  const auto text = [&](const std::string& x, const std::string& e, const std::string& type) {
    return "graph g(x: " + type + x + ", w: " + type + "[2,8], e: " + type + e +
           ") -> (y) { y = channels_last_separable_conv(x, w, _, _, _, e) <kernel_shape=[2, 1], "
           "dilations=[2147483647, 1], strides=[1, 1073741824]> }";
  };
  const Extents huge{1, int64_t{1} << 31, int64_t{1} << 30, 0};
  const Extents e{1, 1, 0, kernels::gemm_kernel().columns};
  const std::string x = "[1,2147483648,1073741824,0]";
  expect_refused(text(x, panels, "f32"), {zeros(huge), zeros({2, 8}), zeros(e)}, "limit.memory");
  expect_refused(text(x, panels, "f64"),
                 {zeros(huge, DType::f64), zeros({2, 8}, DType::f64), zeros(e, DType::f64)},
                 "limit.memory");
  // Strides beyond the only line of results.
  const std::string one = "graph g(x: f32[1,1,1,0], w: f32[1,8], e: f32" + panels +
                          ") -> (y) { y = channels_last_separable_conv(x, w, _, _, _, e) "
                          "<kernel_shape=[1, 1], strides=[2147483647, 2147483647]> }";
  expect_runs(one, {zeros({1, 1, 1, 0}), zeros({1, 8}), zeros(e)});
  // Padding around no lines at all, which nothing has to be kept of.
  const std::string none = "graph g(x: f32[1,0,1099511627776,3], w: f32[2,8], e: f32[1,1,3," +
                           width +
                           "]) -> (y) { y = channels_last_separable_conv(x, w, _, _, _, e) "
                           "<kernel_shape=[2, 1], pads=[1, 0, 1, 0], strides=[1, 2147483647]> }";
  expect_runs(none, {zeros({1, 0, int64_t{1} << 40, 3}), zeros({2, 8}),
                     zeros({1, 1, 3, kernels::gemm_kernel().columns})});
}

// The plain loops keep all of it, within the budget.
TEST(HostileRun, WhatPlainLoopsKeepBetweenProducts) {
  Limits limits;
  limits.runtime_memory = 100'000'000;
  const auto outcome = run(R"(
    graph g(x: f64[1,1000,1000,1], w: f64[1,200], e: f64[1,7,1,32], p: f64[1,1,200,32]) -> (y) {
      y = channels_last_separable_conv(x, w, _, _, _, e, _, p) <kernel_shape=[1, 1], filters=1>
    })",
                           {zeros({1, 1000, 1000, 1}, DType::f64), zeros({1, 200}, DType::f64),
                            zeros({1, 7, 1, 32}, DType::f64), zeros({1, 1, 200, 32}, DType::f64)},
                           limits);
  EXPECT_TRUE(outcome.refused) << "it ran";
  EXPECT_NE(outcome.message.find("[limit.memory]"), std::string::npos) << outcome.message;
  EXPECT_LT(outcome.megabytes, 300);
}

// More buffers alive together than are placed by size, and one whose end would wrap around.
TEST(HostileRun, AnArenaBeyondTheIntegers) {
  std::string text = "graph g(x: f32[1], u: u8[1]) -> (y) {\n";
  std::string sum = "sum(";
  for (int i = 0; i < 7000; ++i) {
    const std::string v = "v" + std::to_string(i);
    text += "  " + v + " = leaky_relu(x) <alpha=" + std::to_string(i) + ".5>\n";
    sum += (i ? ", " : "") + v;
  }
  text += "  e = expand(u, i64[1]{9223372036854775807})\n  t = slice(e, i64[1]{0}, i64[1]{1})\n";
  text += "  y = add(" + sum + "), cast(t) <to=f32>)\n}";
  expect_refused(text, {zeros({1}), zeros({1}, DType::u8)}, "limit.memory");
}

// Known elements that double with each step: told at planning, so they have a cap of their own.
TEST(HostileRun, ShapesOfShapes) {
  std::string text = "graph g(x: f32[N]) -> (y) {\n  v0 = shape(x)\n";
  for (int i = 0; i < 26; ++i)
    text += "  v" + std::to_string(i + 1) + " = concat(v" + std::to_string(i) + ", v" +
            std::to_string(i) + ") <axis=0>\n";
  text += "  y = slice(v26, i64[1]{0}, i64[1]{1})\n}";
  Limits limits;
  limits.runtime_memory = uint64_t{1} << 20;
  const auto outcome = run(text, {zeros({2})}, limits);
  EXPECT_TRUE(outcome.refused) << "it ran";
  EXPECT_LT(outcome.megabytes, 500);
}

constexpr std::string_view kTwoLoops = R"(
  graph g(x: f32[2], n: i64[]) -> (y) { y = loop(n, _, x, n) <body=graph outer, carried=1> }
  graph outer(i: i64[], go: bool[], x: f32[2], n: i64[]) -> (go, y) {
    y = loop(n, _, x) <body=graph inner, carried=1>
  }
  graph inner(i: i64[], go: bool[], x: f32[2]) -> (go, y) { y = neg(x) })";

// Loops in loops: their iterations count together.
TEST(HostileRun, LoopsInLoops) {
  Limits limits;
  limits.iterations = 110;  // ten of the outer loop, a hundred of the inner one
  const auto n = [](int64_t n) {
    return std::vector<Datum>{zeros({2}), Datum(Tensor::of({}, Integers{n}))};
  };
  expect_runs(std::string(kTwoLoops), n(10), limits);
  limits.iterations = 109;
  expect_refused(std::string(kTwoLoops), n(10), "limit.time", limits);
  limits.iterations = 100'000;
  expect_refused(std::string(kTwoLoops), n(INT64_MAX), "limit.time", limits);
}

// Each graph runs the next one twice: forty of them would run 2^40 graphs.
TEST(HostileRun, DoublingCalls) {
  std::string text =
      "graph g(x: f32[2], c: bool[]) -> (y) "
      "{ y = if(c, x, c) <then=graph b0, else=graph b0> }\n";
  for (int i = 0; i < 40; ++i) {
    const std::string next = i == 39 ? "leaf" : "b" + std::to_string(i + 1);
    const std::string call = "if(c, x, c) <then=graph " + next + ", else=graph " + next + ">";
    text += "graph b" + std::to_string(i) + "(x: f32[2], c: bool[]) -> (y) { y = add(" + call +
            ", " + call + ") }\n";
  }
  text += "graph leaf(x: f32[2], c: bool[]) -> (y) { y = neg(x) }";
  Limits limits;
  limits.iterations = 10'000;
  expect_refused(text, {zeros({2}), zeros({}, DType::boolean)}, "limit.time", limits);
}

// Whatever the limit allows, the stack has an end.
TEST(HostileRun, NestingBeyondTheStack) {
  const auto nested = [](int depth) {
    std::string text =
        "graph g(x: f32[2], c: bool[]) -> (y) "
        "{ y = if(c, x, c) <then=graph b0, else=graph b0> }\n";
    for (int i = 0; i < depth; ++i) {
      const std::string next = i == depth - 1 ? "leaf" : "b" + std::to_string(i + 1);
      text += "graph b" + std::to_string(i) + "(x: f32[2], c: bool[]) -> (y) { y = if(c, x, c) " +
              "<then=graph " + next + ", else=graph " + next + "> }\n";
    }
    return text + "graph leaf(x: f32[2], c: bool[]) -> (y) { y = neg(x) }";
  };
  Limits limits;
  const std::vector<Datum> inputs{zeros({2}), zeros({}, DType::boolean)};
  for (const uint64_t depth : {uint64_t{1} << 31, uint64_t{1} << 32, UINT64_MAX}) {
    limits.depth = depth;
    expect_runs(nested(100), inputs, limits);
    expect_refused(nested(20'000), inputs, "limit.depth", limits);
  }
  limits.depth = 10;
  expect_refused(nested(20), inputs, "limit.depth", limits);
}

// Each of many tensors is within the limit, all of them are not.
TEST(HostileRun, ManyTensorsShareTheBudget) {
  Limits limits;
  limits.runtime_memory = 1 << 20;
  std::string text = "graph g(x: f32[1], n: i64[1]) -> (", body;
  for (int i = 0; i < 4; ++i) {
    text += (i ? ", y" : "y") + std::to_string(i);
    body += "  y" + std::to_string(i) + " = expand(x, n)\n";
  }
  text += ") {\n" + body + "}";
  const auto inputs = [](int64_t n) {
    return std::vector<Datum>{zeros({1}), Datum(Tensor::of({1}, Integers{n}))};
  };
  expect_runs(text, inputs(60'000), limits);
  expect_refused(text, inputs(70'000), "limit.memory", limits);
  // Parts of a sequence, and what the iterations of a loop leave behind.
  constexpr const char* kLoop = R"(
    graph g(x: f32[1], n: i64[1]) -> (all) {
      all = loop(i64{8}, _, x, n) <body=graph body, carried=0>
    }
    graph body(i: i64[], go: bool[], x: f32[1], n: i64[1]) -> (go, y) { y = expand(x, n) })";
  expect_runs(kLoop, inputs(16'000), limits);
  expect_refused(kLoop, inputs(20'000), "limit.memory", limits);
}

// Items of sequences share the bytes of their tensors, but are many.
TEST(HostileRun, ManyItemsTakeMemory) {
  Limits limits;
  limits.runtime_memory = 64 << 20;
  std::string text = "graph g(x: f32[2]) -> (n) {\n  s0 = sequence_construct(x)\n";
  for (int i = 0; i < 7; ++i) {
    const std::string from = "s" + std::to_string(i);
    text += "  s" + std::to_string(i + 1) + " = sequence_construct(" + from;
    for (int k = 0; k < 19; ++k) text += ", " + from;
    text += ")\n";
  }
  expect_refused(text + "  n = sequence_length(s7)\n}", {zeros({2})}, "limit.memory", limits);
  // Parts without elements.
  expect_refused(
      "graph g(x: f32[0,5000000]) -> (n) { n = sequence_length(split_to_sequence(x) <axis=1>) }",
      {zeros({0, 5'000'000})}, "limit.memory", limits);
  expect_runs(
      "graph g(x: f32[0,500]) -> (n) { n = sequence_length(split_to_sequence(x) <axis=1>) }",
      {zeros({0, 500})}, limits);
}

// Many values that live through a long chain: placed in good time.
TEST(HostileRun, LongLivesAroundALongChain) {
  constexpr int kLong = 1500 / testing::kSlack, kChain = 20'000 / testing::kSlack;
  std::string text = "graph g(x: f32[1,2]) -> (y, z) {\n", all;
  for (int i = 0; i < kLong; ++i) {
    text += "  n" + std::to_string(i) + " = neg(x)\n";
    all += (i ? ", n" : "n") + std::to_string(i);
  }
  text += "  r0 = reshape(x, i64[2]{1, 2})\n";
  for (int i = 0; i < kChain; ++i)
    text +=
        "  r" + std::to_string(i + 1) + " = reshape(r" + std::to_string(i) + ", i64[2]{1, 2})\n";
  text += "  z = neg(r" + std::to_string(kChain) + ")\n  y = concat(" + all + ") <axis=0>\n}";
  expect_runs(text, {zeros({1, 2})});
}

// One element in two axes is no list: sizes are taken from lists only, known or not.
TEST(HostileRun, SizesInTwoAxes) {
  const Datum one(Tensor::of({1, 1}, Integers{1}));
  expect_refused("graph g(x: f32[3], k: i64[1,1]) -> (v, i) { v, i = top_k(x, k) }",
                 {zeros({3}), one}, "model.shape_mismatch");
  expect_refused("graph g(x: f32[3], k: i64[*]) -> (v, i) { v, i = top_k(x, k) }",
                 {zeros({3}), one}, "model.shape_mismatch");
  expect_refused("graph g(k: i64[*]) -> (y) { y = hann_window(k) }", {one}, "model.shape_mismatch");
  expect_refused("graph g(x: f32[1,4,1], k: i64[*]) -> (y) { y = dft(x, k) }",
                 {zeros({1, 4, 1}), one}, "model.shape_mismatch");
}

// Arenas count too: of the graph itself, and of a nested one while it runs.
TEST(HostileRun, ArenasShareTheBudget) {
  Limits limits;
  limits.runtime_memory = 1 << 20;
  constexpr const char* kText = R"(
    graph g(x: f32[N], c: bool[]) -> (y) {
      a = neg(x)
      b = if(c, a) <then=graph body, else=graph body>
      y = reduce_sum(add(a, b), i64[1]{0})
    }
    graph body(a: f32[N]) -> (y) { y = exp(tanh(exp(a))) })";
  const Datum yes(Tensor::scalar(DType::boolean, 1));
  expect_runs(kText, {zeros({40'000}), yes}, limits);
  expect_refused(kText, {zeros({80'000}), yes}, "limit.memory", limits);
}

}  // namespace
}  // namespace hone
