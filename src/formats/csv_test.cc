#include "formats/csv.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

Result<CsvTable> parse(std::string_view text) {
  Ledger ledger{Limits()};
  return CsvTable::parse(text, "t.csv", ledger);
}
std::string refusal(std::string_view text) {
  const auto table = parse(text);
  return table ? "" : table.error().message;
}

TEST(Csv, CellsLinesAndColumns) {
  const auto table = parse("device,ms\na,1.5\r\nb,-2e3\n");
  ASSERT_TRUE(table) << describe(table.error());
  EXPECT_EQ(table->rows(), 2u);
  EXPECT_EQ(table->columns(), 2u);
  EXPECT_EQ(table->header(1), "ms");
  EXPECT_EQ(table->cell(1, 0), "b");
  EXPECT_EQ(*table->number(0, 1), 1.5);
  EXPECT_EQ(*table->number(1, 1), -2000);
  EXPECT_EQ(*table->column("ms"), 1u);
  EXPECT_FALSE(table->find("us").has_value());
}

TEST(Csv, QuotesHideCommasQuotesAndLines) {
  const auto table = parse("a,b\n\"x, \"\"y\"\"\nz\",\"\"\nq,r");
  ASSERT_TRUE(table) << describe(table.error());
  EXPECT_EQ(table->cell(0, 0), "x, \"y\"\nz");
  EXPECT_EQ(table->cell(0, 1), "");
  EXPECT_EQ(table->line(0), 2u);
  EXPECT_EQ(table->line(1), 4u);  // the cell before has a line of its own
}

TEST(Csv, ByteOrderMarkAndEmptyLinesAtTheEnd) {
  const auto table = parse(
      "\xef\xbb\xbf"
      "a\n1\n\n\r\n");
  ASSERT_TRUE(table) << describe(table.error());
  EXPECT_EQ(table->header(0), "a");
  EXPECT_EQ(table->rows(), 1u);
}

TEST(Csv, HeaderAlone) {
  const auto table = parse("a,b");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->rows(), 0u);
}

TEST(Csv, RefusesWhatIsNoTable) {
  EXPECT_EQ(refusal(""), "t.csv: there is no header");
  EXPECT_EQ(refusal("\n\n"), "t.csv: there is no header");
  EXPECT_EQ(refusal("a,b\n1,2\n3\n"), "t.csv:3: 1 cells where the header has 2");
  EXPECT_EQ(refusal("a,b\n1,2,3\n"), "t.csv:2: 3 cells where the header has 2");
  EXPECT_EQ(refusal("a,b\n\n1,2\n"), "t.csv:2: 1 cells where the header has 2");
  EXPECT_EQ(refusal("a\n\"x\ny"), "t.csv:2: a quoted cell does not end");
  EXPECT_EQ(refusal("a\n\"x\"y\n"), "t.csv:2: something follows the quote that ends a cell");
  EXPECT_EQ(refusal("a\nx\"y\n"), "t.csv:2: a quote inside a cell that does not begin with one");
  EXPECT_EQ(refusal("a\nx\ry\n"), "t.csv:2: a carriage return without a line feed");
  EXPECT_EQ(refusal("a,a\n"), "t.csv:1: two columns are called \"a\"");
  EXPECT_EQ(refusal("a\n\xff\n"), "t.csv: the byte at 2");
  EXPECT_EQ(refusal(std::string_view("a\0\n", 3)), "t.csv: a NUL at byte 1");
}

TEST(Csv, ErrorsNameFileLineAndColumn) {
  const auto table = parse("device,ms\na,1.5 ms\nb,\nc,inf\nd,nan\ne,1e999\n");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->number(0, 1).error().message, "t.csv:2, column ms: \"1.5 ms\" is not a number");
  for (size_t row = 1; row < 5; ++row) EXPECT_FALSE(table->number(row, 1)) << row;
  EXPECT_FALSE(*table->optional_number(1, 1));
  EXPECT_FALSE(table->optional_number(0, 1));
  EXPECT_EQ(table->column("us").error().message,
            "t.csv:1: there is no column us; there are device, ms");
}

TEST(Csv, Limits) {
  Limits limits;
  limits.memory = 100;
  Ledger ledger(limits);
  const auto table = CsvTable::parse(std::string(101, 'a'), "t.csv", ledger);
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().id, ErrorId::over_memory);
  Ledger few(limits);
  const auto cells = CsvTable::parse("a,b,c,d,e,f,g,h,i,j\n", "t.csv", few);  // 10 × 16 bytes
  ASSERT_FALSE(cells);
  EXPECT_EQ(cells.error().id, ErrorId::over_memory);
  const auto wide = parse(std::string(CsvTable::kMostColumns, ','));
  ASSERT_FALSE(wide);
  EXPECT_EQ(wide.error().id, ErrorId::over_size);
}

TEST(Csv, WhatIsWrittenReadsBack) {
  const std::vector<std::string> cells{"a", "b, \"c\"", "d\ne", ""};
  const auto table = parse("1,2,3,4\n" + csv_line(cells));
  ASSERT_TRUE(table) << describe(table.error());
  for (size_t c = 0; c < cells.size(); ++c) EXPECT_EQ(table->cell(0, c), cells[c]);
  const std::string mark = "\xef\xbb\xbf";
  const auto marked = parse(csv_line({mark + "a"}));
  ASSERT_TRUE(marked);
  EXPECT_EQ(marked->header(0), mark + "a");
  const auto lone = parse("a\n" + csv_line({""}));
  ASSERT_TRUE(lone);
  EXPECT_EQ(lone->rows(), 1u);
}

}  // namespace
}  // namespace hone
