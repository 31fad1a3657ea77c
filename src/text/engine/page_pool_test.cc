// Tests of the pages of the cache: who has them, what is remembered of them, what goes first.
#include "text/engine/page_pool.h"

#include <gtest/gtest.h>

#include <set>

namespace hone {
namespace {

std::vector<int32_t> page_of(int32_t first) {
  std::vector<int32_t> tokens(kPageTokens, 7);
  tokens[0] = first;
  return tokens;
}

TEST(PagePool, GivesEachPageOnce) {
  PagePool pool(3);
  std::set<int64_t> taken;
  for (int i = 0; i < 3; ++i) taken.insert(*pool.take());
  EXPECT_EQ(taken, (std::set<int64_t>{0, 1, 2}));
  EXPECT_FALSE(pool.take());
  pool.release(1);
  EXPECT_EQ(pool.take(), 1);
  EXPECT_FALSE(pool.take());
  EXPECT_FALSE(PagePool(0).take());
}

TEST(PagePool, RemembersPagesThatNobodyHas) {
  PagePool pool(2);
  const int64_t a = *pool.take();
  const auto known = pool.remember(a, 0, page_of(1));
  EXPECT_EQ(known.page, a);
  EXPECT_TRUE(pool.is_remembered(a));
  EXPECT_FALSE(pool.is_shared(a));
  pool.release(a);
  EXPECT_FALSE(pool.find(0, page_of(2)));
  const auto found = pool.find(0, page_of(1));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->page, a);
  EXPECT_EQ(found->mark, known.mark);
  // It has a user again, and a second one who shares it.
  ASSERT_TRUE(pool.find(0, page_of(1)));
  EXPECT_TRUE(pool.is_shared(a));
  EXPECT_NE(pool.take(), a);
  EXPECT_FALSE(pool.take());
  pool.release(a);
  EXPECT_FALSE(pool.is_shared(a));
  EXPECT_FALSE(pool.take());
  pool.release(a);
  EXPECT_EQ(pool.take(), a);
  EXPECT_FALSE(pool.is_remembered(a));
  EXPECT_FALSE(pool.find(0, page_of(1)));
}

TEST(PagePool, TellsPagesApartByAllThatIsInFront) {
  PagePool pool(4);
  const auto first = pool.remember(*pool.take(), 0, page_of(1));
  const auto other = pool.remember(*pool.take(), 0, page_of(2));
  const auto behind = pool.remember(*pool.take(), first.mark, page_of(3));
  EXPECT_FALSE(pool.find(0, page_of(3)));
  EXPECT_FALSE(pool.find(other.mark, page_of(3)));
  EXPECT_EQ(pool.find(first.mark, page_of(3))->page, behind.page);
}

// A page that is remembered anew is another one to those that were behind it.
TEST(PagePool, MarksAreNeverGivenTwice) {
  PagePool pool(1);
  const auto first = pool.remember(*pool.take(), 0, page_of(1));
  pool.release(first.page);
  const auto second = pool.remember(*pool.take(), 0, page_of(1));
  EXPECT_NE(second.mark, first.mark);
}

TEST(PagePool, EqualPagesBecomeOne) {
  PagePool pool(3);
  const int64_t a = *pool.take(), b = *pool.take();
  const auto kept = pool.remember(a, 0, page_of(1));
  const auto same = pool.remember(b, 0, page_of(1));
  EXPECT_EQ(same.page, a);
  EXPECT_EQ(same.mark, kept.mark);
  EXPECT_TRUE(pool.is_shared(a));
  EXPECT_FALSE(pool.is_remembered(b));
  // The other one is free.
  EXPECT_EQ(pool.take(), b);
  pool.release(a);
  pool.release(a);
  EXPECT_TRUE(pool.find(0, page_of(1)));
}

TEST(PagePool, WhatWasUsedLongestAgoGoesFirst) {
  PagePool pool(4);
  PagePool::Known known[3];
  uint64_t before = 0;
  for (int i = 0; i < 3; ++i) {
    known[i] = pool.remember(*pool.take(), before, page_of(i));
    before = known[i].mark;
  }
  for (int i = 2; i >= 0; --i) pool.release(known[i].page);
  const auto free = pool.take();  // the one that nothing is known of
  for (const auto& k : known) EXPECT_NE(free, k.page);
  EXPECT_EQ(pool.take(), known[2].page);
  ASSERT_TRUE(pool.find(0, page_of(0)));
  ASSERT_TRUE(pool.find(known[0].mark, page_of(1)));
  EXPECT_FALSE(pool.find(known[1].mark, page_of(2)));
  EXPECT_FALSE(pool.take());
}

}  // namespace
}  // namespace hone
