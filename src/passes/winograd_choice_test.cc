// Tests of how convolutions are chosen to go by Winograd's way: by rule, and by a stopwatch that
// says what the test wants.
#include "passes/winograd_choice.h"

#include <gtest/gtest.h>

#include <map>

#include "ir/text.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"

namespace hone {
namespace {

constexpr std::string_view kThree = R"(hone 1
graph main(x: f32[1,16,8,8], z: f32[1,16,32,32]) -> (a, b, c) {
  a = conv(x, expand(f32{0.5}, i64[4]{16, 16, 3, 3})) <pads=[1, 1, 1, 1]>
  b = conv(x, expand(f32{0.25}, i64[4]{16, 16, 3, 3})) <pads=[1, 1, 1, 1]>
  c = conv(z, expand(f32{0.5}, i64[4]{32, 16, 3, 3})) <pads=[1, 1, 1, 1]>
})";

constexpr std::string_view kSmall = "conv 3x3 f32[1,8,8,16] filters=16 pads=1,1,1,1";
constexpr std::string_view kLarge = "conv 3x3 f32[1,32,32,16] filters=32 pads=1,1,1,1";

struct Lowered {
  std::string text;
  std::vector<Decision> decisions;
  size_t winograd() const {
    size_t count = 0;
    for (size_t at = 0; (at = text.find("algorithm=\"winograd\"", at)) != std::string::npos; ++at)
      ++count;
    return count;
  }
  // "winograd by measured x2", of one kind of node; the first decision about it.
  std::string about(std::string_view question) const {
    for (const Decision& d : decisions)
      if (d.question == question)
        return d.chosen + " by " + d.source + " x" + std::to_string(d.nodes);
    return "none";
  }
};

Lowered lower(const Choosing& choosing, std::string_view options = "",
              std::string_view text = kThree) {
  auto model = parse_model_text(text, standard_catalogue(), Limits());
  EXPECT_TRUE(model.ok());
  const std::string pipeline =
      "fold, sweep, lower_conv(width=16" + std::string(options) + "), sweep";
  const auto report = run_pipeline(*model, pipeline, standard_catalogue(), Limits(),
                                   {.verify_each = true, .choosing = choosing});
  EXPECT_TRUE(report.ok()) << describe(report.error());
  return {print(*model), report->decisions};
}

// Answers by question; counts how often it was asked.
struct FakeStopwatch {
  std::map<std::string, std::vector<double>, std::less<>> seconds;
  std::vector<std::string> asked = {};
  Stopwatch get() {
    return [this](const Question& question) {
      asked.push_back(question.name);
      const auto found = seconds.find(question.name);
      return found == seconds.end() ? Times() : Times{found->second, "measured"};
    };
  }
};

TEST(WinogradChoice, TheRuleDecidesWhereNobodyMeasures) {
  const Lowered lowered = lower({});
  ASSERT_EQ(lowered.decisions.size(), 2u);
  for (const Decision& d : lowered.decisions) {
    EXPECT_EQ(d.source, "rule");
    EXPECT_TRUE(d.seconds.empty());
  }
}

TEST(WinogradChoice, TheFasterWayIsTaken) {
  FakeStopwatch watch{{{std::string(kSmall), {2, 1}}, {std::string(kLarge), {1, 2}}}};
  Lowered lowered = lower({watch.get()});
  EXPECT_EQ(lowered.about(kSmall), "winograd by measured x2");
  EXPECT_EQ(lowered.about(kLarge), "direct by measured x1");
  EXPECT_EQ(lowered.winograd(), 2u);
  EXPECT_EQ(lowered.decisions[1].seconds,
            (std::vector<std::pair<std::string, double>>{{"direct", 2}, {"winograd", 1}}));
  watch.seconds = {{std::string(kSmall), {1, 2}}, {std::string(kLarge), {2, 1}}};
  lowered = lower({watch.get()});
  EXPECT_EQ(lowered.about(kSmall), "direct by measured x2");
  EXPECT_EQ(lowered.about(kLarge), "winograd by measured x1");
}

TEST(WinogradChoice, EqualNodesAreMeasuredOnceTheLargestFirst) {
  FakeStopwatch watch;
  lower({watch.get()});
  EXPECT_EQ(watch.asked, (std::vector<std::string>{std::string(kLarge), std::string(kSmall)}));
}

// Candidates are made with made-up weights of 9 * 16 * 16 floats.
TEST(WinogradChoice, CandidatesKeepToTheLimits) {
  for (const uint64_t bytes : {9000, 10'000}) {
    auto model = parse_model_text(kThree, standard_catalogue(), Limits());
    Limits limits;
    limits.runtime_memory = bytes;
    size_t made = 0, refused = 0;
    const Stopwatch watch = [&](const Question& question) -> Times {
      for (const Candidate& candidate : question.candidates) {
        const auto built = candidate.build();
        ++(built.ok() ? made : refused);
        EXPECT_TRUE(built.ok() || built.error().id == ErrorId::over_memory);
      }
      return {};
    };
    ASSERT_TRUE(run_pipeline(*model, "fold, lower_conv(width=16)", standard_catalogue(), limits,
                             {.choosing = {.stopwatch = watch}})
                    .ok());
    EXPECT_EQ(made, bytes == 9000 ? 0u : 2u);
    EXPECT_EQ(refused, bytes == 9000 ? 4u : 2u);
  }
}

TEST(WinogradChoice, WhatIsHardlyFasterMayBeNoise) {
  FakeStopwatch watch{{{std::string(kSmall), {1, 0.98}}, {std::string(kLarge), {1, 0.95}}}};
  const Lowered lowered = lower({watch.get()});
  EXPECT_EQ(lowered.about(kSmall), "direct by measured x2");
  EXPECT_EQ(lowered.about(kLarge), "winograd by measured x1");
}

TEST(WinogradChoice, AnAnswerForOtherCandidatesCountsForNothing) {
  FakeStopwatch watch{{{std::string(kSmall), {1}}, {std::string(kLarge), {1, 2, 3}}}};
  const Lowered lowered = lower({watch.get()});
  for (const Decision& d : lowered.decisions) EXPECT_EQ(d.source, "rule");
}

TEST(WinogradChoice, OptionsDecideForAll) {
  FakeStopwatch watch;
  EXPECT_EQ(lower({watch.get()}, ", winograd=always").winograd(), 3u);
  EXPECT_EQ(lower({watch.get()}, ", winograd=never").winograd(), 0u);
  EXPECT_TRUE(watch.asked.empty());
  auto model = parse_model_text(kThree, standard_catalogue(), Limits());
  EXPECT_FALSE(
      run_pipeline(*model, "lower_conv(width=16, winograd=perhaps)", standard_catalogue(), Limits())
          .ok());
}

TEST(WinogradChoice, OnlyWhatFitsIsACase) {
  FakeStopwatch watch;
  lower({watch.get()}, "", R"(hone 1
symbol N: call
graph main(x: f32[1,16,8,8], y: f32[1,16,N,8], s: f32[1,16,4,4], few: f32[1,8,8,8],
           n: f32[N,16,8,8]) -> (a, b, c, d, e, f, g) {
  w = expand(f32{0.5}, i64[4]{16, 16, 3, 3})
  a = conv(x, w) <strides=[2, 2]>
  b = conv(x, w) <dilations=[2, 2]>
  c = conv(y, w)
  d = conv(s, w)
  e = conv(few, expand(f32{0.5}, i64[4]{16, 8, 3, 3}))
  f = conv(x, expand(f32{0.5}, i64[4]{16, 8, 3, 3})) <group=2>
  g = conv(n, w)
})");
  EXPECT_EQ(watch.asked,
            (std::vector<std::string>{"conv 3x3 f32[1,8,8,16] filters=16 pads=0,0,0,0"}));
}

TEST(WinogradChoice, CandidatesAreTheNodeAlone) {
  size_t built = 0;
  const Stopwatch watch = [&](const Question& question) {
    for (const Candidate& candidate : question.candidates) {
      const auto model = candidate.build();
      EXPECT_TRUE(model.ok()) << describe(model.error());
      EXPECT_EQ(print(*model).find("algorithm=\"winograd\"") != std::string::npos,
                candidate.name == "winograd");
      ++built;
    }
    return Times();
  };
  lower({watch});
  EXPECT_EQ(built, 4u);
}

// On the shapes of known networks the rule agrees with what was measured.
TEST(WinogradChoice, TheRuleKnowsLargeFromSmall) {
  const auto ratio = [](int64_t size, int64_t channels, int64_t filters) {
    const WinogradCase c{{}, 1, size, size, channels, filters, {1, 1, 1, 1}};
    return winograd_seconds(c) / direct_seconds(c);
  };
  EXPECT_LT(ratio(56, 64, 64), 0.8);
  EXPECT_LT(ratio(56, 256, 256), 0.8);
  EXPECT_LT(ratio(28, 128, 128), 0.8);
  EXPECT_GT(ratio(7, 512, 512), 1);
  EXPECT_GT(ratio(7, 128, 32), 1);
  EXPECT_GT(ratio(4, 64, 64), 1);
}

}  // namespace
}  // namespace hone
