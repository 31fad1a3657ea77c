// Tests of the memory pool: blocks come again, none is given twice, all of them count.
#include "base/memory_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>

namespace hone {
namespace {

std::shared_ptr<MemoryPool> pool_with(const std::shared_ptr<MemoryBudget>& budget) {
  auto pool = std::make_shared<MemoryPool>();
  pool->charge(budget);
  return pool;
}

TEST(MemoryPool, WhatIsGivenBackIsTakenAgain) {
  MemoryPool pool;
  MemoryPool::Block block = pool.take(1000);
  const std::byte* memory = block.memory.get();
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u);
  pool.give(std::move(block));
  EXPECT_EQ(pool.idle_bytes(), 1000u);
  EXPECT_EQ(pool.take(10).memory.get(), memory);
  EXPECT_EQ(pool.idle_bytes(), 0u);
}

TEST(MemoryPool, TheSmallestThatIsLargeEnough) {
  MemoryPool pool;
  auto a = pool.take(100), b = pool.take(1000), c = pool.take(500);
  const std::byte* wanted = c.memory.get();
  for (auto* block : {&a, &b, &c}) pool.give(std::move(*block));
  EXPECT_EQ(pool.take(101).memory.get(), wanted);
}

// One that is too small makes room for one that will do.
TEST(MemoryPool, NoMoreBlocksThanInUseTogether) {
  MemoryPool pool;
  for (size_t bytes = 1; bytes < 100; ++bytes) {
    auto a = pool.take(bytes), b = pool.take(bytes);
    pool.give(std::move(a));
    pool.give(std::move(b));
    EXPECT_EQ(pool.idle_bytes(), 2 * bytes);
  }
}

TEST(MemoryPool, BlocksCountInUseAndIdle) {
  const auto budget = std::make_shared<MemoryBudget>(1000);
  const auto pool = pool_with(budget);
  auto a = pool->take(600);
  EXPECT_EQ(budget->left(), 400u);
  EXPECT_EQ(pool->take(500).memory, nullptr);
  pool->give(std::move(a));
  EXPECT_EQ(budget->left(), 400u);
  // What lies idle goes for what is needed.
  auto b = pool->take(700);
  EXPECT_NE(b.memory, nullptr);
  EXPECT_EQ(budget->left(), 300u);
  pool->give(std::move(b));
  pool->drop_idle();
  EXPECT_EQ(budget->left(), 1000u);
}

TEST(MemoryPool, ANewBudgetHasRoomForWhatLiesIdleOrItGoes) {
  const auto first = std::make_shared<MemoryBudget>(1000);
  const auto pool = pool_with(first);
  pool->give(pool->take(600));
  const auto second = std::make_shared<MemoryBudget>(700);
  pool->charge(second);
  EXPECT_EQ(second->left(), 100u);
  pool->charge(std::make_shared<MemoryBudget>(500));
  EXPECT_EQ(pool->idle_bytes(), 0u);
}

TEST(MemoryPool, WhatIsLentComesBackByItself) {
  const auto budget = std::make_shared<MemoryBudget>(10000);
  const auto pool = pool_with(budget);
  auto lent = pool->lend(5000);
  const std::byte* memory = lent.get();
  EXPECT_EQ(pool->idle_bytes(), 0u);
  EXPECT_EQ(budget->left(), 5000u);
  lent.reset();
  EXPECT_EQ(pool->idle_bytes(), 5000u);
  EXPECT_EQ(pool->lend(4500).get(), memory);
}

// In the call after it was given away it counts no more, until it comes back.
TEST(MemoryPool, WhatIsLentCountsInItsOwnCall) {
  const auto first = std::make_shared<MemoryBudget>(10000);
  const auto pool = pool_with(first);
  auto lent = pool->lend(5000), kept = pool->lend(5000);
  const auto second = std::make_shared<MemoryBudget>(9000);
  pool->charge(second);
  EXPECT_EQ(second->left(), 9000u);
  lent.reset();
  EXPECT_EQ(second->left(), 4000u);
  kept.reset();  // no room for another
  EXPECT_EQ(second->left(), 4000u);
  EXPECT_EQ(pool->idle_bytes(), 5000u);
}

TEST(MemoryPool, WhatIsLentIsHardlyLargerThanAskedFor) {
  MemoryPool unowned;  // lends without anybody to come back to
  EXPECT_NE(unowned.lend(100), nullptr);
  const auto pool = pool_with(std::make_shared<MemoryBudget>(uint64_t{1} << 40));
  pool->lend(1 << 20).reset();
  const auto small = pool->lend(5000);
  EXPECT_EQ(pool->idle_bytes(), 0u) << "what is of no use goes";
}

TEST(MemoryPool, WhatIsLentOutlivesThePool) {
  const auto budget = std::make_shared<MemoryBudget>(10000);
  auto pool = pool_with(budget);
  auto lent = pool->lend(5000);
  pool.reset();
  std::memset(lent.get(), 1, 5000);
  lent.reset();
  EXPECT_EQ(budget->left(), 10000u);
}

TEST(MemoryPool, ScratchIsTypedAndComesAgain) {
  MemoryPool pool;
  const float* memory = nullptr;
  {
    const Scratch<float> sums(&pool, 7);
    EXPECT_EQ(sums.size(), 7u);
    std::fill(sums.begin(), sums.end(), 2.0f);
    EXPECT_EQ(sums[6], 2.0f);
    memory = sums.data();
  }
  EXPECT_EQ(Scratch<float>(&pool, 5).data(), memory);
  EXPECT_NE(Scratch<double>(nullptr, 3).data(), nullptr);
  EXPECT_NE(Scratch<double>(nullptr, 0).data(), nullptr);
}

TEST(MemoryPool, ScratchThatCannotBeHadThrows) {
  const auto pool = pool_with(std::make_shared<MemoryBudget>(100));
  EXPECT_THROW(Scratch<float>(pool.get(), 26), std::bad_alloc);
  EXPECT_THROW(Scratch<float>(pool.get(), SIZE_MAX / 2), std::bad_alloc);
  EXPECT_THROW(Scratch<float>(nullptr, SIZE_MAX / 8), std::bad_alloc);
}

TEST(MemoryPool, ThreadsNeverShareABlock) {
  const auto budget = std::make_shared<MemoryBudget>(uint64_t{1} << 30);
  const auto pool = pool_with(budget);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<uint32_t>(t));
      for (int i = 0; i < 2000; ++i) {
        const size_t n = 1 + random() % 5000;
        const Scratch<int> a(pool.get(), n), b(pool.get(), 1 + n / 2);
        a[0] = a[n - 1] = t;
        b[0] = b[n / 2] = -t;
        ASSERT_EQ(a[0], t);
        ASSERT_EQ(a[n - 1], t);
        ASSERT_EQ(b[n / 2], -t);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(pool->idle_bytes(), 8 * 5000 * sizeof(int));
  EXPECT_EQ(budget->left() + pool->idle_bytes(), uint64_t{1} << 30);
}

}  // namespace
}  // namespace hone
