// Tests of the thread pool: every piece once, the same pieces for any number of threads, nesting.
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <new>
#include <set>

namespace hone {
namespace {

TEST(ThreadPool, EveryElementExactlyOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (const int64_t count : {0, 1, 7, 64, 1000}) {
      for (const int64_t grain : {1, 3, 64, 5000}) {
        std::vector<std::atomic<int>> hits(static_cast<size_t>(count));
        pool.parallel_for(count, grain, [&](int64_t begin, int64_t end) {
          EXPECT_LT(begin, end);
          EXPECT_EQ(begin % grain, 0);
          EXPECT_EQ(end, std::min(count, begin + grain));
          for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
        });
        for (const auto& hit : hits) ASSERT_EQ(hit.load(), 1);
      }
    }
  }
}

TEST(ThreadPool, SumsPerPieceDoNotDependOnThreads) {
  const auto sum = [](int threads) {
    ThreadPool pool(threads);
    std::vector<float> pieces(100);
    pool.parallel_for(9973, 100, [&](int64_t begin, int64_t end) {
      float total = 0;
      for (int64_t i = begin; i < end; ++i) total += 1.0f / static_cast<float>(i + 1);
      pieces[static_cast<size_t>(begin / 100)] = total;
    });
    float total = 0;
    for (const float piece : pieces) total += piece;
    return total;
  };
  const float one = sum(1);
  EXPECT_EQ(sum(2), one);
  EXPECT_EQ(sum(5), one);
}

// Thrown by any thread, and the pool goes on working.
TEST(ThreadPool, WhatABodyThrowsReachesTheCaller) {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (int64_t bad = 0; bad < 64; ++bad) {
      std::atomic<int> inside{0};
      const auto body = [&](int64_t begin, int64_t) {
        ++inside;
        std::this_thread::yield();
        --inside;
        if (begin == bad || begin == 63 - bad) throw std::bad_alloc();
      };
      EXPECT_THROW(pool.parallel_for(64, 1, body), std::bad_alloc);
      EXPECT_EQ(inside.load(), 0) << "a thread is still in a body that is gone";
      std::atomic<int64_t> sum{0};
      pool.parallel_for(100, 3, [&](int64_t begin, int64_t end) { sum += end - begin; });
      EXPECT_EQ(sum.load(), 100);
    }
  }
}

TEST(ThreadPool, ThreadsReallyHelp) {
  ThreadPool pool(2);
  std::mutex mutex;
  std::set<std::thread::id> ids;
  std::atomic<int> waiting{0};
  // Each of the two pieces waits for the other: one thread alone would never finish.
  pool.parallel_for(2, 1, [&](int64_t, int64_t) {
    ++waiting;
    while (waiting < 2) std::this_thread::yield();
    const std::lock_guard lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(ids.size(), 2u);
}

TEST(ThreadPool, OneThreadRunsInPlace) {
  ThreadPool pool(1);
  const auto self = std::this_thread::get_id();
  pool.parallel_for(10, 1, [&](int64_t, int64_t) { EXPECT_EQ(std::this_thread::get_id(), self); });
}

TEST(ThreadPool, NestedLoopsRunInPlace) {
  ThreadPool pool(3);
  std::atomic<int64_t> total{0};
  pool.parallel_for(16, 1, [&](int64_t, int64_t) {
    const auto self = std::this_thread::get_id();
    pool.parallel_for(100, 10, [&](int64_t begin, int64_t end) {
      EXPECT_EQ(std::this_thread::get_id(), self);
      total += end - begin;
    });
  });
  EXPECT_EQ(total, 1600);
}

TEST(ThreadPool, SeveralCallersShareIt) {
  ThreadPool pool(3);
  std::atomic<int64_t> total{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 200; ++j) {
        pool.parallel_for(50, 5, [&](int64_t begin, int64_t end) { total += end - begin; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total, 4 * 200 * 50);
}

TEST(ThreadPool, ManyShortLoopsAwakeAndAsleep) {
  ThreadPool pool(4);
  std::vector<int64_t> values(64);  // plain: the end of a loop must order the writes before us
  for (int round = 1; round <= 2000; ++round) {
    pool.parallel_for(64, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++values[static_cast<size_t>(i)];
    });
    for (const int64_t value : values) ASSERT_EQ(value, round);
    if (round % 200 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

TEST(ThreadPool, StartsAndStopsWithoutWork) {
  for (int i = 0; i < 20; ++i) ThreadPool pool(1 + i % 4);
  EXPECT_GE(ThreadPool(0).size(), 1);
}

TEST(ThreadPool, CountsNearTheEndOfTheRange) {
  ThreadPool pool(2);
  const int64_t grain = int64_t{1} << 62;
  std::atomic<int64_t> total{0};
  pool.parallel_for(INT64_MAX, grain,
                    [&](int64_t begin, int64_t end) { total += (end - begin) >> 10; });
  EXPECT_EQ(total, (grain >> 10) + ((grain - 1) >> 10));
}

}  // namespace
}  // namespace hone
