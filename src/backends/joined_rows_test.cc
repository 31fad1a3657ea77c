// Convolutions that write their channels into the tensor that joins them, and over their summand.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "backends/backends.h"
#include "ir/text.h"
#include "kernels/gemm/gemm.h"
#include "ops/catalogue.h"
#include "runtime/session.h"

namespace hone {
namespace {

struct Ran {
  Tensor y;
  int64_t arena_bytes, measured_bytes;
};

// Inputs are random, and the same for every backend.
Ran run(std::string_view backend, const std::string& text) {
  auto model =
      std::make_shared<Model>(parse_model_text(text, standard_catalogue(), Limits()).take());
  std::mt19937 random(1);
  std::uniform_real_distribution<float> next(-1, 1);
  std::vector<Datum> inputs;
  const Graph& graph = model->graphs[model->entry.index];
  for (ValueId v : graph.inputs) {
    const Type type = graph[v].type;
    Tensor t = Tensor::make(DType::f32, *type.tensor.shape.fixed()).take();
    for (float& x : t.as<float>()) x = next(random);
    inputs.emplace_back(t);
  }
  const auto program = Program::make(std::move(model), backends_for(backend).take(), Limits());
  ThreadPool pool(2);
  Session session(*program, pool);
  Tensor y = (*session.run(inputs))[0].tensor.clone();
  return {std::move(y), session.statistics().planned_arena_bytes,
          session.statistics().measured_arena_bytes};
}

void expect_equal(const std::string& text, int64_t arena_bytes) {
  const Ran expected = run("reference", text), actual = run("cpu", text);
  for (size_t i = 0; i < size_t(expected.y.count()); ++i)
    ASSERT_NEAR(actual.y.as<float>()[i], expected.y.as<float>()[i],
                1e-4f * (1 + std::abs(expected.y.as<float>()[i])))
        << i;
  ASSERT_GT(expected.y.count(), 0);
  EXPECT_EQ(actual.arena_bytes, arena_bytes);
  EXPECT_EQ(actual.arena_bytes, actual.measured_bytes);
}

std::string width() { return std::to_string(kernels::gemm_kernel().columns); }
std::string panels(int64_t filters) {
  const int64_t columns = kernels::gemm_kernel().columns;
  return std::to_string((filters + columns - 1) / columns);
}

TEST(JoinedRows, AreWrittenWhereTheyBelong) {
  constexpr int64_t kPixels = 2 * 10 * 9, kChannels = 5 + 37 + 6;
  expect_equal("hone 1 graph g(x: f32[2,10,9,16], a: f32[1," + panels(5) + ",16," + width() +
                   "], b: f32[1," + panels(37) + ",144," + width() + "], c: f32[2," + panels(3) +
                   ",8," + width() + R"(], r: f32[2,10,9,37]) -> (y) {
  p = channels_last_conv(x, a) <filters=5, kernel_shape=[1, 1], activation="relu">
  q = channels_last_conv(x, b, _, r) <filters=37, kernel_shape=[3, 3], pads=[1, 1, 1, 1],
                                      algorithm="winograd", activation="silu">
  s = channels_last_conv(x, c) <filters=6, group=2, kernel_shape=[1, 1], activation="gelu">
  j = concat(p, q, s) <axis=3>
  y = channels_last_max_pool(j) <kernel_shape=[2, 2]>
})",
               kPixels * kChannels * int64_t{sizeof(float)});
}

// Of separable convolutions: after a projection, and lines of what is convolved.
TEST(JoinedRows, OfSeparableConvolutions) {
  constexpr int64_t kPixels = 2 * 10 * 9, kChannels = 5 + 37 + 21;
  expect_equal("hone 1 graph g(x: f32[2,10,9,16], e: f32[1," + panels(40) + ",16," + width() +
                   "], v: f32[9,40], p: f32[1," + panels(5) + ",40," + width() + "], f: f32[1," +
                   panels(37) + ",16," + width() +
                   "], w: f32[9,37], b: f32[37], r: f32[2,10,9,37], a: f32[1," + panels(21) +
                   ",16," + width() + R"(]) -> (y) {
  s = channels_last_separable_conv(x, v, _, _, _, e, _, p) <kernel_shape=[3, 3],
        pads=[1, 1, 1, 1], filters=5, expansion_activation="relu", activation="tanh">
  t = channels_last_separable_conv(x, w, b, r, _, f) <kernel_shape=[3, 3], pads=[1, 1, 1, 1],
        activation="silu">
  u = channels_last_conv(x, a) <filters=21, kernel_shape=[1, 1]>
  j = concat(s, t, u) <axis=3>
  y = channels_last_max_pool(j) <kernel_shape=[2, 2]>
})",
               kPixels * kChannels * int64_t{sizeof(float)});
}

// Nothing to write: no place is outside of the arena.
TEST(JoinedRows, OrThereAreNone) {
  const std::string text =
      "hone 1 graph g(x: f32[0,10,9,16], a: f32[1," + panels(5) + ",16," + width() + R"(]) -> (y) {
  p = channels_last_conv(x, a) <filters=5, kernel_shape=[1, 1]>
  q = channels_last_conv(x, a) <filters=5, kernel_shape=[1, 1], activation="relu">
  j = concat(p, q) <axis=3>
  y = relu(j)
})";
  const Ran ran = run("cpu", text);
  EXPECT_EQ(ran.y.count(), 0);
  EXPECT_EQ(ran.arena_bytes, ran.measured_bytes);
}

// One of them cannot be: the tensor is put together as always.
TEST(JoinedRows, OrAreCopied) {
  constexpr int64_t kPixels = 10 * 9, kChannels = 5 + 16;
  const auto text = [](const char* second) {
    return "hone 1 graph g(x: f32[2,10,9,16], a: f32[1," + panels(5) + ",16," + width() +
           R"(]) -> (y) {
  p = channels_last_conv(x, a) <filters=5, kernel_shape=[1, 1]>
  q = )" + second +
           R"((x)
  j = concat(p, q) <axis=3>
  y = relu(j)
})";
  };
  const Ran expected = run("reference", text("exp")), actual = run("cpu", text("exp"));
  for (size_t i = 0; i < size_t(expected.y.count()); ++i)
    ASSERT_NEAR(actual.y.as<float>()[i], expected.y.as<float>()[i],
                1e-4f * (1 + std::abs(expected.y.as<float>()[i])))
        << i;
  EXPECT_GT(actual.arena_bytes, kPixels * kChannels * int64_t{sizeof(float)});
}

// More rows than a block of depth, so that sums are kept where the summand was.
TEST(Summand, IsOverwritten) {
  constexpr int64_t kPixels = 50 * 7, kChannels = 20;
  for (const char* more :
       {"", ", activation=\"gelu\"", ", algorithm=\"winograd\", activation=\"relu\""})
    expect_equal("hone 1 graph g(x: f32[1,50,7,64], w: f32[1," + panels(20) + ",576," + width() +
                     "], b: f32[20], r: f32[1,50,7,20]) -> (y) {\n" +
                     R"(  s = exp(r)
  c = channels_last_conv(x, w, b, s) <filters=20, kernel_shape=[3, 3], pads=[1, 1, 1, 1])" +
                     more + R"(>
  y = channels_last_max_pool(c) <kernel_shape=[1, 1]>
})",
                 kPixels * kChannels * int64_t{sizeof(float)});
  expect_equal("hone 1 graph g(x: f32[2,500], w: f32[" + panels(70) + ",500," + width() +
                   "], r: f32[2,70]) -> (y) {\n" + R"(  s = exp(r)
  c = linear(x, w, _, s) <columns=70, activation="tanh">
  y = softmax(c)
})",
               2 * 70 * int64_t{sizeof(float)});
}

}  // namespace
}  // namespace hone
