#include "cli/text_diff.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace hone::cli {
namespace {

TextDiff diff(std::string_view a, std::string_view b, size_t most = 1000) {
  return diff_lines(lines_of(a), lines_of(b), most);
}

TEST(TextDiff, EqualTexts) {
  EXPECT_TRUE(diff("", "").equal());
  EXPECT_TRUE(diff("a\nb\n", "a\nb\n").equal());
  EXPECT_EQ(diff("a\nb\n", "a\nb\n").text, "");
}

TEST(TextDiff, ShowsWhatChangedWithContext) {
  const TextDiff d = diff("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nx\ne\nf\n");
  EXPECT_EQ(d.removed, 1u);
  EXPECT_EQ(d.added, 1u);
  EXPECT_EQ(d.text, "@@ -2 +2 @@\n b\n c\n-d\n+x\n e\n f\n");
}

TEST(TextDiff, OneSideEmpty) {
  EXPECT_EQ(diff("", "a\nb\n").added, 2u);
  EXPECT_EQ(diff("a\nb\n", "").removed, 2u);
}

TEST(TextDiff, EscapesAndCuts) {
  EXPECT_EQ(diff("\x1b[31m\n", "").text.find('\x1b'), std::string::npos);
  const TextDiff d = diff("1\n2\n3\n4\n", "", 2);
  EXPECT_EQ(lines_of(d.text).size(), 3u);  // a head and two lines
  EXPECT_EQ(d.removed, 4u);
}

TEST(TextDiff, GivesUpOnAlignmentWhereTooMuchDiffers) {
  std::string a, b;
  for (int i = 0; i < 3000; ++i) {
    a += "a" + std::to_string(i) + "\n";
    b += "b" + std::to_string(i) + "\n";
  }
  const TextDiff d = diff(a, b, 10);
  EXPECT_FALSE(d.exact);
  EXPECT_EQ(d.removed, 3000u);
  EXPECT_EQ(d.added, 3000u);
}

// What an edit script removes and adds must turn one text into the other.
TEST(TextDiff, ScriptsAreRight) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string a, b;
    for (unsigned i = random() % 12; i > 0; --i) a += std::string(1, "abc"[random() % 3]) + "\n";
    for (unsigned i = random() % 12; i > 0; --i) b += std::string(1, "abc"[random() % 3]) + "\n";
    const auto x = lines_of(a), y = lines_of(b);
    const TextDiff d = diff_lines(x, y, 1000, 1000);
    std::string first, second;
    for (std::string_view line : lines_of(d.text)) {
      if (line[0] == '@') continue;
      if (line[0] != '+') first += std::string(line.substr(1)) + "\n";
      if (line[0] != '-') second += std::string(line.substr(1)) + "\n";
    }
    if (d.equal()) continue;
    EXPECT_EQ(first, a);
    EXPECT_EQ(second, b);
  }
}

}  // namespace
}  // namespace hone::cli
