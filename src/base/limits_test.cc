// Tests of limits, the ledger, the cursor, results and checked arithmetic.
#include "base/limits.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "base/checked.h"
#include "base/cursor.h"

namespace hone {
namespace {

TEST(Limits, SetByName) {
  Limits limits;
  ASSERT_TRUE(set_limit(limits, "memory", "512MB"));
  EXPECT_EQ(limits.memory, 512'000'000u);
  ASSERT_TRUE(set_limit(limits, "nodes", "12"));
  EXPECT_EQ(limits.nodes, 12u);
}

TEST(Limits, RefusesUnknownNamesAndValues) {
  Limits limits;
  const Status unknown = set_limit(limits, "memry", "1MB");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().id, ErrorId::usage);
  EXPECT_NE(unknown.error().message.find("did you mean memory"), std::string::npos);
  for (const char* value : {"", "-1", "1MB", "1.5", "99999999999999999999", "1 "}) {
    EXPECT_FALSE(set_limit(limits, "nodes", value)) << value;
  }
  EXPECT_FALSE(set_limit(limits, "memory", "much"));
  EXPECT_EQ(limits.nodes, Limits().nodes);
  EXPECT_EQ(limits.memory, Limits().memory);
}

TEST(Limits, TableNamesEveryLimitOnce) {
  std::set<std::string_view> names;
  Limits limits{};
  for (const LimitInfo& limit : all_limits()) {
    names.insert(limit.name);
    limits.*limit.field = 77;
  }
  EXPECT_EQ(names.size(), all_limits().size());
  EXPECT_EQ(limits.memory, 77u);
  EXPECT_EQ(limits.iterations, 77u);
}

TEST(Ledger, RefusesWhatPassesTheBudget) {
  Limits limits;
  limits.memory = 100;
  limits.nodes = 2;
  limits.tensors = 1;
  Ledger ledger(limits);
  EXPECT_TRUE(ledger.charge(60, "names"));
  const Status over = ledger.charge(41, "names");
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().id, ErrorId::over_memory);
  EXPECT_FALSE(ledger.charge(UINT64_MAX, "a sum that would wrap"));
  EXPECT_TRUE(ledger.charge(40, "names"));
  EXPECT_EQ(ledger.bytes(), 100u);
  EXPECT_TRUE(ledger.charge_nodes(2));
  EXPECT_EQ(ledger.charge_nodes(1).error().id, ErrorId::over_nodes);
  EXPECT_FALSE(ledger.charge_nodes(UINT64_MAX));
  EXPECT_TRUE(ledger.charge_tensors(1));
  EXPECT_EQ(ledger.charge_tensors(1).error().id, ErrorId::over_size);
}

TEST(Ledger, ReserveChargesGrowthOnly) {
  Limits limits;
  limits.memory = 80;
  Ledger ledger(limits);
  std::vector<uint64_t> items;
  ASSERT_TRUE(reserve_charged(ledger, items, 10, "items"));
  EXPECT_EQ(ledger.bytes(), 80u);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(reserve_charged(ledger, items, 1, "items"));
    items.push_back(0);
  }
  EXPECT_EQ(ledger.bytes(), 80u);
  EXPECT_FALSE(reserve_charged(ledger, items, 1, "items"));
  EXPECT_FALSE(reserve_charged(ledger, items, UINT64_MAX, "items"));
  EXPECT_FALSE(reserve_charged(ledger, items, UINT64_MAX / 8 + 1, "items"));
  EXPECT_EQ(items.capacity(), 10u);
}

constexpr std::array<std::byte, 6> kBytes{std::byte{1}, std::byte{2}, std::byte{3},
                                          std::byte{4}, std::byte{5}, std::byte{6}};

TEST(Cursor, ReadsLittleEndianAndStopsAtTheEnd) {
  Cursor cursor(kBytes, 1000);
  EXPECT_EQ(cursor.offset(), 1000u);
  EXPECT_EQ(*cursor.read<uint8_t>("a byte"), 1);
  EXPECT_EQ(*cursor.read<uint32_t>("a word"), 0x05040302u);  // not aligned
  const auto over = cursor.read<uint16_t>("the count");
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().id, ErrorId::truncated);
  EXPECT_EQ(over.error().message, "the count at byte 1005 needs 2 bytes, but 1 are left");
  EXPECT_EQ(cursor.remaining(), 1u);
  EXPECT_FALSE(cursor.take(UINT64_MAX, "a length that would wrap"));
  EXPECT_EQ(*cursor.take_text(1, "a letter"), "\x06");
  EXPECT_TRUE(cursor.done());
  EXPECT_TRUE(cursor.take(0, "nothing"));
  EXPECT_FALSE(cursor.take(1, "something"));
}

TEST(Cursor, EmptyIsDone) {
  Cursor cursor;
  EXPECT_TRUE(cursor.done());
  EXPECT_FALSE(cursor.read<char>("a byte"));
}

Result<int> half(int x) {
  if (x % 2) return fail(ErrorId::bad_value, "odd");
  return x / 2;
}
Result<int> quarter(int x) { return TRY(half(TRY(half(x)))); }

TEST(Result, TryPassesValuesAndErrors) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().id, ErrorId::bad_value);
  const auto failed = half(1).context("halving").context("testing");
  EXPECT_TRUE(
      describe(failed.error())
          .starts_with("odd [model.bad_value]\n  while halving\n  while testing\n  hint: "));
}

TEST(Errors, LongContextsAreShortened) {
  Error error = fail(ErrorId::bad_value, "odd");
  for (int i = 0; i < 13; ++i) error.context.push_back("step " + std::to_string(i) + ";");
  EXPECT_NE(describe(error).find("step 6;"), std::string::npos);
  for (int i = 13; i < 1000; ++i) error.context.push_back("step " + std::to_string(i) + ";");
  EXPECT_NE(describe(error).find("step 5;\n  … 988 more …\n  while step 994;"), std::string::npos)
      << describe(error);
}

TEST(Errors, EveryCodeIsUniqueAndHasAnExitCode) {
  std::set<std::string_view> codes;
  const std::set<int> known{1, 2, 3, 4, 5, 70};
  for (const ErrorId id : all_errors()) {
    EXPECT_TRUE(codes.insert(info(id).code).second) << info(id).code;
    EXPECT_TRUE(known.contains(exit_code(info(id).blame)));
    EXPECT_FALSE(info(id).hint.empty());
  }
  EXPECT_EQ(exit_code(info(ErrorId::over_memory).blame), 4);
  EXPECT_EQ(exit_code(info(ErrorId::malformed).blame), 3);
}

TEST(Checked, ProductsOfExtents) {
  using Extents = std::vector<int64_t>;
  EXPECT_EQ(checked_product(Extents{}), 1);
  EXPECT_EQ(checked_product(Extents{2, 3, 4}), 24);
  EXPECT_EQ(checked_product(Extents{5, 0}), 0);
  EXPECT_EQ(checked_product(Extents{5, -1}), std::nullopt);
  EXPECT_EQ(checked_product(Extents{int64_t{1} << 62, 2}), std::nullopt);
  EXPECT_EQ(checked_product(Extents{0, int64_t{1} << 62, 4}), std::nullopt);
  EXPECT_EQ(floor_div(-7, 2), -4);
  EXPECT_EQ(floor_mod(-7, 2), 1);
  EXPECT_EQ(floor_div(7, -2), -4);
  EXPECT_EQ(floor_mod(7, -2), -1);
}

}  // namespace
}  // namespace hone
