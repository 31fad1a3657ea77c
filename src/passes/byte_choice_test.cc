// Tests of how products of bytes are chosen or left to be products of real numbers: by rule, and by
// a stopwatch that says what the test wants.
#include "passes/byte_choice.h"

#include <gtest/gtest.h>

#include "ir/text.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"

namespace hone {
namespace {

std::string repeated(std::string_view what, int count) {
  std::string text(what);
  for (int i = 1; i < count; ++i) text += ", " + std::string(what);
  return text;
}

// A product, a convolution and a depthwise one of bytes, and a product in blocks.
std::string four() {
  const std::string codes = repeated("3", 64 * 64), scales = repeated("0.5", 64);
  return "hone 1\nconst @s: f32[64,1] = {" + scales +
         "}\nconst @q: f32[64,64] affine(u4, axis=1, " + "block=64) = {" + codes +
         "} scale @s\nconst @w: i8[64,64] = {" + codes + "}\nconst @v: i8[64,64,1,1] = {" + codes +
         "}\nconst @u: i8[64,1,8,8] = {" + codes + R"(}
graph main(x: u8[80,64], i: u8[1,64,16,16], r: f32[80,64]) -> (a, b, c, d) {
  a = matmul(dequantize_linear(x, f32{0.1}), dequantize_linear(@w, f32{0.1}))
  h = dequantize_linear(i, f32{0.1}, u8{7})
  b = quantize_linear(conv(h, dequantize_linear(@v, f32{0.1})), f32{0.5}, u8{3})
  c = conv(h, dequantize_linear(@u, f32{0.1})) <group=64, pads=[4, 4, 3, 3]>
  e, g = quantize_blocks(r) <block=64>
  d = matmul(dequantize_linear(e, g) <axis=-1, block_size=64>, transpose(@q))
})";
}

struct Lowered {
  std::string text;
  std::vector<Decision> decisions;
  bool has(std::string_view op) const {
    return text.find(" = " + std::string(op) + "(") != std::string::npos;
  }
};

Result<Lowered> lower(const Choosing& choosing, std::string_view prefer) {
  auto model = TRY(parse_model_text(four(), standard_catalogue(), Limits()));
  const std::string options = "(width=16" + std::string(prefer) + ")";
  const auto report = TRY(
      run_pipeline(model,
                   "encode, sweep, lower_quantized" + options + ", lower_quantized_conv" + options +
                       ", lower_conv(width=16), lower_linear" + options + ", sweep",
                   standard_catalogue(), Limits(), {.verify_each = true, .choosing = choosing}));
  return Lowered{print(model), report.decisions};
}

constexpr std::string_view kOfBytes[] = {"quantized_linear", "quantized_conv",
                                         "quantized_depthwise_conv", "block_linear"};
constexpr std::string_view kOfReals[] = {"linear", "channels_last_conv",
                                         "channels_last_depthwise_conv"};

// Says the same of every question, whose candidates can be built.
struct Always {
  std::vector<double> seconds;
  std::vector<std::string> asked = {};
  Stopwatch get() {
    return [this](const Question& question) {
      asked.push_back(question.name);
      for (const Candidate& c : question.candidates) {
        const auto model = c.build();
        EXPECT_TRUE(model.ok()) << question.name << ": " << describe(model.error());
      }
      return Times{seconds, "measured"};
    };
  }
};

TEST(ByteChoice, TheRuleDecidesWhereNobodyMeasures) {
  const auto bytes = lower({}, "");
  ASSERT_TRUE(bytes.ok()) << describe(bytes.error());
  for (const auto op : kOfBytes) EXPECT_TRUE(bytes->has(op)) << op;
  const auto reals = lower({}, ", prefer=reals");
  ASSERT_TRUE(reals.ok());
  for (const auto op : kOfBytes) EXPECT_FALSE(reals->has(op)) << op;
  for (const auto op : kOfReals) EXPECT_TRUE(reals->has(op)) << op;
  for (const Decision& d : reals->decisions) EXPECT_EQ(d.source, "rule");
  EXPECT_EQ(reals->decisions.size(), 4u);
}

TEST(ByteChoice, WhatIsFasterIsTaken) {
  Always slow{{1, 0.5}};
  const auto reals = lower({slow.get()}, "");
  ASSERT_TRUE(reals.ok()) << describe(reals.error());
  EXPECT_EQ(slow.asked.size(), 4u);
  for (const auto op : kOfBytes) EXPECT_FALSE(reals->has(op)) << op;
  Always fast{{0.5, 1}};
  const auto bytes = lower({fast.get()}, ", prefer=reals");
  ASSERT_TRUE(bytes.ok());
  for (const auto op : kOfBytes) EXPECT_TRUE(bytes->has(op)) << op;
}

TEST(ByteChoice, BytesStayWhereTheDifferenceMayBeNoise) {
  Always close{{1, 0.9}};
  const auto bytes = lower({close.get()}, "");
  ASSERT_TRUE(bytes.ok());
  for (const auto op : kOfBytes) EXPECT_TRUE(bytes->has(op)) << op;
}

TEST(ByteChoice, TheOptionIsChecked) { EXPECT_FALSE(lower({}, ", prefer=words").ok()); }

}  // namespace
}  // namespace hone
