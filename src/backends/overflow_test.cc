// Sums that overflow f32 in reductions and normalizations whose results do not.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "backends/backends.h"
#include "ir/text.h"
#include "ops/catalogue.h"
#include "runtime/session.h"

namespace hone {
namespace {

Tensor computed(std::string_view backend, const std::string& text, const Tensor& x) {
  auto model =
      std::make_shared<Model>(parse_model_text(text, standard_catalogue(), Limits()).take());
  const auto program = Program::make(std::move(model), backends_for(backend).take(), Limits());
  EXPECT_TRUE(program.ok()) << text;
  ThreadPool pool(2);
  const Datum inputs[] = {Datum(x)};
  return (*Session(*program, pool).run(inputs))[0].tensor.clone();
}

Tensor numbers(const Extents& shape, float scale) {
  Tensor x = Tensor::make(DType::f32, shape).take();
  for (int64_t i = 0; i < x.count(); ++i)
    x.as<float>()[size_t(i)] = scale * (float(i * 37 % 101) / 404 + 0.75f);
  return x;
}

// The operator in the text, on [3, 37, 50] numbers near `scale`.
void expect_equal(const std::string& call, float scale, bool finite = true) {
  const Tensor x = numbers({3, 37, 50}, scale);
  const std::string text = "hone 1 graph g(x: f32[3,37,50]) -> (y) { y = " + call + " }";
  const Tensor expected = computed("reference", text, x), actual = computed("cpu", text, x);
  ASSERT_EQ(actual.count(), expected.count());
  for (size_t i = 0; i < size_t(expected.count()); ++i) {
    const float a = actual.as<float>()[i], b = expected.as<float>()[i];
    ASSERT_EQ(std::isfinite(b), finite) << call;
    if (finite)
      ASSERT_NEAR(a, b, 1e-4f * std::abs(b) + 1e-5f) << call << " of " << scale << ", " << i;
    else
      ASSERT_EQ(a, b) << call;
  }
}

constexpr const char* kAxes[] = {"i64[1]{0}", "i64[1]{1}", "i64[1]{2}", "i64[2]{0, 2}",
                                 "i64[3]{0, 1, 2}"};

TEST(Overflow, Means) {
  for (const char* axes : kAxes)
    for (const float scale : {1.0f, 3e38f, -3e38f})
      expect_equal(fmt::format("reduce_mean(x, {})", axes), scale);
  for (const float scale : {3e38f, -3e38f}) expect_equal("global_average_pool(x)", scale);
}

TEST(Overflow, Norms) {
  for (const char* axes : kAxes)
    for (const float scale : {1e19f, 1e30f, -1e30f})
      expect_equal(fmt::format("reduce_l2(x, {})", axes), scale);
}

TEST(Overflow, WhatDoesNotFitIsInfinite) {
  for (const char* axes : kAxes) {
    expect_equal(fmt::format("reduce_sum(x, {})", axes), 3e38f, false);
    expect_equal(fmt::format("reduce_sum(x, {})", axes), -3e38f, false);
    expect_equal(fmt::format("reduce_l1(x, {})", axes), -3e38f, false);
    expect_equal(fmt::format("reduce_sum_square(x, {})", axes), 1e25f, false);
  }
}

TEST(Overflow, LogarithmsOfSums) {
  for (const char* axes : kAxes) expect_equal(fmt::format("reduce_log_sum(x, {})", axes), 3e38f);
}

// Parts of a sum that cancel.
TEST(Overflow, InBetween) {
  Tensor x = numbers({3, 37, 50}, 0);
  for (const size_t i : {0, 1, 2, 3}) x.as<float>()[i] = i < 2 ? 3e38f : -3e38f;
  const std::string text = "hone 1 graph g(x: f32[3,37,50]) -> (y) { y = reduce_sum(x) }";
  EXPECT_EQ(computed("cpu", text, x).as<float>()[0], 0);
}

TEST(Overflow, Normalizations) {
  const std::string last = "expand(f32{0.5}, i64[1]{50})", channels = "expand(f32{2}, i64[1]{37})";
  for (const float scale : {1.0f, 1e19f, 1e25f, -1e30f}) {
    expect_equal(fmt::format("layer_normalization(x, {0}, {0})", last), scale);
    expect_equal(fmt::format("layer_normalization(x, {0})", last), scale);
    expect_equal(fmt::format("layer_normalization(x, {}) <axis=1>", last), scale);
    expect_equal(fmt::format("rms_normalization(x, {})", last), scale);
    expect_equal(fmt::format("rms_normalization(x, {}) <axis=1>", last), scale);
    expect_equal(fmt::format("instance_normalization(x, {0}, {0})", channels), scale);
    expect_equal(fmt::format("group_normalization(x, {0}, {0}) <num_groups=37>", channels), scale);
    expect_equal(fmt::format("channels_last_group_normalization(x, {0}, {0}) <num_groups=5>", last),
                 scale);
  }
}

}  // namespace
}  // namespace hone
