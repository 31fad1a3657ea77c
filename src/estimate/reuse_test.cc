// Reuse distances by hand.
#include "estimate/reuse.h"

#include <gtest/gtest.h>

namespace hone::estimate {
namespace {

constexpr int64_t kPage = 4096;

TEST(ReuseClock, WhatWasNeverTouchedIsFarAway) {
  ReuseClock clock(4 * kPage);
  EXPECT_GT(clock.touch_arena(0, kPage), 1e15);
  EXPECT_GT(clock.touch_place(1, 100), 1e15);
  EXPECT_EQ(clock.now(), kPage + 100);
}

TEST(ReuseClock, CountsBytesBetween) {
  ReuseClock clock(4 * kPage);
  clock.touch_arena(0, kPage);
  EXPECT_EQ(clock.touch_arena(0, kPage), 0);
  clock.touch_arena(kPage, 2 * kPage);
  clock.touch_place(9, 500);
  EXPECT_EQ(clock.touch_arena(0, kPage), 2 * kPage + 500);
  EXPECT_EQ(clock.touch_place(9, 500), kPage);
  EXPECT_EQ(clock.touch_place(9, 500), 0);
}

TEST(ReuseClock, GivesTheMeanOfPages) {
  ReuseClock clock(2 * kPage);
  clock.touch_arena(0, kPage);      // page 0, at 4096
  clock.touch_arena(kPage, kPage);  // page 1, at 8192
  EXPECT_EQ(clock.touch_arena(0, 2 * kPage), kPage / 2.0);
}

// Values that lie in one place share what is known of it, also where they begin inside a page.
TEST(ReuseClock, PlacesOfTheArenaAreShared) {
  ReuseClock clock(2 * kPage);
  clock.touch_arena(0, 64);
  EXPECT_EQ(clock.touch_arena(64, 64), 0);
  clock.touch_place(1, 1000);
  EXPECT_EQ(clock.touch_arena(128, 64), 1000);
  EXPECT_GT(clock.touch_arena(kPage, 64), 1e15);
}

TEST(ReuseClock, NothingAndBeyondTheEnd) {
  ReuseClock clock(kPage);
  EXPECT_EQ(clock.touch_arena(0, 0), 0);
  EXPECT_EQ(clock.now(), 0);
  EXPECT_GT(clock.touch_arena(0, 5 * kPage), 1e15);  // counted, remembered as far as there is one
  EXPECT_EQ(clock.touch_arena(3 * kPage, 10), 0);
}

}  // namespace
}  // namespace hone::estimate
