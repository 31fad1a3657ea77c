// Tests of stop strings in streamed text.
#include "text/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

namespace hone {
namespace {

TEST(StopMatcher, HoldsBackWhatMayBecomeOne) {
  auto matcher = StopMatcher::make({"\nuser:", "END"}).take();
  EXPECT_EQ(matcher.feed("hello"), "hello");
  EXPECT_EQ(matcher.feed(" E"), " ");
  EXPECT_EQ(matcher.feed("N"), "");
  EXPECT_EQ(matcher.feed("T"), "ENT");
  EXPECT_EQ(matcher.feed("a\nus"), "a");
  EXPECT_FALSE(matcher.stopped());
  EXPECT_EQ(matcher.feed("er: more"), "");
  ASSERT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.stop(), "\nuser:");
  EXPECT_EQ(matcher.feed("ignored"), "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, TheEndGivesWhatWasHeld) {
  auto matcher = StopMatcher::make({"abc"}).take();
  EXPECT_EQ(matcher.feed("xab"), "x");
  EXPECT_EQ(matcher.finish(), "ab");
}

TEST(StopMatcher, PiecesDoNotMatter) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> stops(1 + random() % 3);
    for (std::string& stop : stops) {
      for (size_t n = 1 + random() % 4; n > 0; --n) stop += static_cast<char>('a' + random() % 2);
    }
    std::string text;
    for (size_t n = random() % 20; n > 0; --n) text += static_cast<char>('a' + random() % 3);
    auto whole = StopMatcher::make(stops).take();
    std::string want = whole.feed(text);
    want += whole.finish();
    auto pieces = StopMatcher::make(stops).take();
    std::string got;
    for (size_t at = 0; at < text.size();) {
      const size_t n = 1 + random() % 3;
      got += pieces.feed(std::string_view(text).substr(at, n));
      at += n;
    }
    got += pieces.finish();
    ASSERT_EQ(want, got) << text;
    ASSERT_EQ(whole.stopped(), pieces.stopped());
    if (whole.stopped()) {
      ASSERT_EQ(whole.stop(), pieces.stop());
      ASSERT_EQ(text.substr(0, want.size()), want);
    } else {
      ASSERT_EQ(text, want);
    }
  }
}

TEST(StopMatcher, EmptyOnesAreRefused) {
  EXPECT_FALSE(StopMatcher::make({""}).ok());
  EXPECT_FALSE(StopMatcher::make(std::vector<std::string>(65, "a")).ok());
}

}  // namespace
}  // namespace hone
