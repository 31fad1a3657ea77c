// Placement of buffers: no two that are alive together overlap, nothing is below the peak.
#include "planner/planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace hone {
namespace {

// By brute force: overlaps, alignment, the end of the arena, the live bytes at every step.
void check(const std::vector<Buffer>& buffers, const Placement& p, int64_t alignment) {
  ASSERT_EQ(p.offsets.size(), buffers.size());
  int64_t end = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(p.offsets[i] % alignment, 0);
    EXPECT_GE(p.offsets[i], 0);
    if (buffers[i].bytes > 0) end = std::max(end, p.offsets[i] + buffers[i].bytes);
  }
  EXPECT_EQ(p.arena_bytes, end);
  EXPECT_GE(p.arena_bytes, p.peak_live_bytes);
  // Sorted by offset, only neighbours alive at the same step need a look; walk the steps.
  std::map<int32_t, std::vector<size_t>> starts;
  for (size_t i = 0; i < buffers.size(); ++i) starts[buffers[i].first].push_back(i);
  std::vector<size_t> alive;
  int64_t peak = 0;
  for (const auto& [step, added] : starts) {
    std::erase_if(alive, [&, at = step](size_t i) { return buffers[i].last < at; });
    alive.insert(alive.end(), added.begin(), added.end());
    std::vector<std::pair<int64_t, int64_t>> spans;
    int64_t live = 0;
    for (size_t i : alive) {
      live += buffers[i].bytes;
      if (buffers[i].bytes > 0) spans.emplace_back(p.offsets[i], p.offsets[i] + buffers[i].bytes);
    }
    peak = std::max(peak, live);
    std::sort(spans.begin(), spans.end());
    for (size_t i = 1; i < spans.size(); ++i)
      ASSERT_LE(spans[i - 1].second, spans[i].first) << "overlap at step " << step;
  }
  EXPECT_EQ(p.peak_live_bytes, peak);
}

constexpr uint64_t kRoom = uint64_t{1} << 40;

Placement placed(const std::vector<Buffer>& buffers, int64_t alignment = 64) {
  auto placement = place(buffers, kRoom, alignment);
  EXPECT_TRUE(placement.ok());
  return placement ? placement.take() : Placement{};
}

std::vector<Buffer> random_buffers(uint32_t seed, size_t count, int32_t steps, int32_t longest) {
  std::mt19937 random(seed);
  std::vector<Buffer> buffers(count);
  for (Buffer& b : buffers) {
    b.bytes = random() % 8 == 0 ? 0 : 1 + int64_t(random() % 5000);
    if (random() % 32 == 0) b.bytes *= 1000;
    b.first = int32_t(random() % uint32_t(steps));
    b.last = b.first + int32_t(random() % uint32_t(longest));
  }
  return buffers;
}

TEST(Planner, Nothing) {
  const Placement p = placed({});
  EXPECT_TRUE(p.offsets.empty());
  EXPECT_EQ(p.arena_bytes, 0);
  EXPECT_EQ(p.peak_live_bytes, 0);
}

TEST(Planner, OneAfterAnotherShareThePlace) {
  const std::vector<Buffer> buffers{{100, 0, 0}, {100, 1, 1}, {100, 2, 3}};
  const Placement p = placed(buffers);
  EXPECT_EQ(p.offsets, (std::vector<int64_t>{0, 0, 0}));
  EXPECT_EQ(p.arena_bytes, 100);
}

// The last step counts as alive: an input of a step and its output may not share.
TEST(Planner, BothEndsAreAlive) {
  const std::vector<Buffer> buffers{{64, 0, 1}, {64, 1, 2}};
  const Placement p = placed(buffers);
  EXPECT_NE(p.offsets[0], p.offsets[1]);
  EXPECT_EQ(p.arena_bytes, 128);
  EXPECT_EQ(p.peak_live_bytes, 128);
}

// A chain whose buffers alternate between two places is packed as tightly as can be.
TEST(Planner, ChainReachesThePeak) {
  std::vector<Buffer> buffers;
  for (int32_t i = 0; i < 1000; ++i) buffers.push_back({64 * (1 + i % 7), i, i + 1});
  const Placement p = placed(buffers);
  check(buffers, p, 64);
  EXPECT_EQ(p.arena_bytes, p.peak_live_bytes);
}

TEST(Planner, RandomBuffers) {
  for (uint32_t seed = 0; seed < 200 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto buffers =
        random_buffers(seed, 1 + seed * 3 % 300, 1 + int32_t(seed % 97), 1 + int32_t(seed % 40));
    const int64_t alignment = int64_t{1} << (seed % 9);
    const Placement p = placed(buffers, alignment);
    check(buffers, p, alignment);
    EXPECT_EQ(p.offsets, placed(buffers, alignment).offsets) << "not deterministic";
  }
}

// So many alive together that placement goes in the order of time instead.
TEST(Planner, VeryManyAliveTogether) {
  for (uint32_t seed = 0; seed < 3; ++seed) {
    auto buffers = random_buffers(seed, 12000, 20, 12);
    const Placement p = placed(buffers);
    check(buffers, p, 64);
    EXPECT_EQ(p.offsets, placed(buffers).offsets) << "not deterministic";
    EXPECT_LT(p.arena_bytes, 3 * p.peak_live_bytes) << "hardly reuses anything";
  }
}

// One that lives for ever beside a long chain costs no more than its own bytes.
TEST(Planner, LongLivedBeside) {
  std::vector<Buffer> buffers{{4096, 0, 100000}};
  for (int32_t i = 0; i < 100000; ++i) buffers.push_back({128, i, i + 1});
  const Placement p = placed(buffers);
  EXPECT_EQ(p.arena_bytes, 4096 + 256);
  EXPECT_EQ(p.peak_live_bytes, 4096 + 256);
}

TEST(Planner, TheArenaHasALimit) {
  const std::vector<Buffer> two{{100, 0, 1}, {100, 1, 2}};  // the second begins at 128
  EXPECT_TRUE(place(two, 228).ok());
  EXPECT_EQ(place(two, 227).error().id, ErrorId::over_memory);
  EXPECT_EQ(place(two, 99).error().id, ErrorId::over_memory);
}

// Sums of such sizes would wrap around, in both ways of placing.
TEST(Planner, LargestSizesAreRefused) {
  for (const int64_t huge : {INT64_MAX, INT64_MAX - 63, int64_t{1} << 61})
    for (const int32_t small : {10, 7000}) {
      std::vector<Buffer> buffers(size_t(small), {64, 0, 10});
      buffers.push_back({huge, 0, 10});
      buffers.push_back({huge, 5, 6});
      EXPECT_EQ(place(buffers, kRoom).error().id, ErrorId::over_memory);
      EXPECT_EQ(place(buffers, UINT64_MAX).error().id, ErrorId::over_memory);
    }
  std::vector<Buffer> many(7000, {int64_t{1} << 60, 0, 10});
  EXPECT_EQ(place(many, UINT64_MAX).error().id, ErrorId::over_memory);
}

}  // namespace
}  // namespace hone
