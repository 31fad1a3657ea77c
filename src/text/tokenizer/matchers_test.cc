// The hand-written forms of expressions split as the expressions do.
#include "text/tokenizer/matchers.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "base/text.h"
#include "text/tokenizer/build.h"
#include "text/tokenizer/pattern.h"
#include "text/tokenizer/unicode.h"

namespace hone::tokenizer {
namespace {

constexpr std::array kExpressions{
    std::string_view(
        R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"),
    std::string_view(
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
    std::string_view(
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
};

class Compared {
 public:
  explicit Compared(std::string_view expression)
      : end_(word_end(expression)),
        pattern_(Pattern::compile(expression).take()),
        search_(pattern_, time_) {
    EXPECT_NE(end_, nullptr);
  }
  void expect_equal(const std::string& text) {
    for (size_t at = 0; at < text.size();) {
      const auto match = search_.find(text, at);
      ASSERT_TRUE(match.ok() && match->has_value()) << quote(text);
      ASSERT_EQ((*match)->begin, at) << quote(text);
      ASSERT_EQ(end_(text, at), (*match)->end) << quote(text) << " at " << at;
      at = (*match)->end;
    }
  }

 private:
  WordEnd end_;
  Pattern pattern_;
  SearchTime time_;
  Pattern::Search search_;
};

TEST(Matchers, EveryCharacterInEveryPlace) {
  // The library of expressions and that of characters may know different versions of Unicode.
  const auto unassigned = Pattern::compile(R"(\p{Cn})");
  SearchTime time;
  Pattern::Search is_unassigned(*unassigned, time);
  for (const std::string_view expression : kExpressions) {
    Compared compared(expression);
    int newer = 0;
    for (char32_t c = 1; c < 0x110000; c += c < 0x20000 ? 1 : 61) {
      if (c >= 0xd800 && c < 0xe000) continue;
      std::string it;
      append_utf8(it, c);
      if (char_class(c) != CharClass::other && is_unassigned.find(it, 0)->has_value()) {
        ++newer;
        continue;
      }
      // What can stand before and behind decides which alternative matches.
      compared.expect_equal(it + " " + it + "a" + it + "1" + it + "'" + it + it + "\n " + it);
      if (HasFatalFailure()) return;
    }
    EXPECT_LT(newer, 10'000);
  }
}

TEST(Matchers, RandomTexts) {
  constexpr std::array<std::string_view, 24> kPieces{" ",
                                                     "  ",
                                                     "\n",
                                                     "\r\n",
                                                     "\t",
                                                     "'",
                                                     "'s",
                                                     "'LL",
                                                     "'re",
                                                     "'\xc5\xbf",
                                                     "a",
                                                     "Bc",
                                                     "12",
                                                     "7",
                                                     "?",
                                                     "!",
                                                     "\xc3\xa9",
                                                     "\xe6\xbc\xa2",
                                                     "\xf0\x9f\x98\x80",
                                                     "\xcc\x81",
                                                     "\xc2\xa0",
                                                     "\xe2\x80\xa8",
                                                     "\xc2\xbd",
                                                     "\xe1\xa0\x8e"};
  for (const std::string_view expression : kExpressions) {
    Compared compared(expression);
    std::mt19937 random(7);
    for (int i = 0; i < 50'000; ++i) {
      std::string text;
      for (uint32_t n = random() % 14 + 1; n > 0; --n) text += kPieces[random() % kPieces.size()];
      compared.expect_equal(text);
      if (HasFatalFailure()) return;
    }
  }
}

// White_Space of Unicode, which U+180E does not have.
TEST(Matchers, Spaces) {
  const std::u32string spaces =
      U"\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
      U"\u200a\u2028\u2029\u202f\u205f\u3000";
  for (char32_t c = 0; c < 0x110000; ++c)
    ASSERT_EQ(is_space(c), spaces.find(c) != std::u32string::npos) << int(c);
}

TEST(PreTokenizerNames, AllCompileAndTakeText) {
  const auto names = pre_tokenizer_names();
  EXPECT_GT(names.size(), 70u);
  for (const std::string_view name : names) {
    const auto made = named_pre_tokenizer(name);
    ASSERT_TRUE(made.ok()) << name << ": " << describe(made.error());
    EXPECT_TRUE(made->known);
    Words words;
    SearchTime time;
    const std::string text = "Hello wORLD's 12345 \xe6\xbc\xa2\xe5\xad\x97\n\n  don't?! \xd0\xb9";
    ASSERT_TRUE(pre_tokenize(made->steps, text, {}, time, words).ok());
    // Nothing is lost, and nothing comes twice.
    std::string joined;
    for (size_t i = 0; i < words.spans.size(); ++i) joined += words[i];
    EXPECT_EQ(joined, text) << name;
    EXPECT_GT(words.spans.size(), 1u) << name;
  }
  EXPECT_FALSE(named_pre_tokenizer("nobody's")->known);
}

std::vector<std::string> split(std::string_view name, std::string_view text) {
  Words words;
  SearchTime time;
  const auto made = named_pre_tokenizer(name);
  EXPECT_TRUE(pre_tokenize(made->steps, text, {}, time, words).ok());
  std::vector<std::string> all;
  for (size_t i = 0; i < words.spans.size(); ++i) all.emplace_back(words[i]);
  return all;
}

TEST(PreTokenizerNames, SplitsAsTheyAreKnownTo) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(split("gpt-2", "I've 123 dogs"), (Words{"I", "'ve", " 123", " dogs"}));
  EXPECT_EQ(split("llama-bpe", "I'VE 1234 dogs!\n"),
            (Words{"I", "'VE", " ", "123", "4", " dogs", "!\n"}));
  EXPECT_EQ(split("qwen2", "12 a\n\n b"), (Words{"1", "2", " a", "\n\n", " b"}));
  EXPECT_EQ(split("smollm", "a 12"), (Words{"a", " ", "1", "2"}));
  EXPECT_EQ(split("falcon", "a=12345"), (Words{"a", "=", "123", "45"}));
  EXPECT_EQ(split("tekken", "HelloWORLD 12"), (Words{"Hello", "WORLD", " ", "1", "2"}));
  EXPECT_EQ(split("gpt-4o", "itsIT'S 1234"), (Words{"its", "IT'S", " ", "123", "4"}));
  EXPECT_EQ(split("deepseek-v3", "a!b 1234\xe6\xbc\xa2"),
            (Words{"a", "!b", " ", "123", "4", "\xe6\xbc\xa2"}));
  EXPECT_EQ(split("superbpe", "12345 a"), (Words{"12", "345", " a"}));
}

TEST(Pattern, EscapesGoByUnicode) {
  const auto find = [](std::string_view expression, std::string_view text) {
    const auto pattern = Pattern::compile(expression);
    EXPECT_TRUE(pattern.ok());
    SearchTime time;
    const auto match = Pattern::Search(*pattern, time).find(text, 0);
    EXPECT_TRUE(match.ok());
    return match->has_value()
               ? std::string(text.substr((*match)->begin, (*match)->end - (*match)->begin))
               : std::string("-");
  };
  EXPECT_EQ(find(R"(\w+)", "?\xc3\xa9\xcc\x81_1"), "\xc3\xa9\xcc\x81_1");
  EXPECT_EQ(find(R"(\d+)", "a\xd9\xa1\xd9\xa2"), "\xd9\xa1\xd9\xa2");
  EXPECT_EQ(find(R"([^\S]+)", "a \t"), " \t");
  EXPECT_EQ(find(R"([\S]+)", " ab "), "ab");
  EXPECT_EQ(find(R"(\W+)", "ab ?c"), " ?");
  EXPECT_EQ(find(R"(\D)", "1a"), "a");
  EXPECT_EQ(find(R"(\s)", "\xe1\xa0\x8e"), "-");
}

TEST(Pattern, BadExpressionsAreRefused) {
  EXPECT_EQ(Pattern::compile("(a").error().id, ErrorId::malformed);
  EXPECT_EQ(Pattern::compile("[a&&b]").error().id, ErrorId::unsupported_feature);
  EXPECT_EQ(Pattern::compile("[a[b]]").error().id, ErrorId::unsupported_feature);
  EXPECT_EQ(Pattern::compile(R"([\W])").error().id, ErrorId::unsupported_feature);
  EXPECT_EQ(Pattern::compile(R"(\Ga)").error().id, ErrorId::unsupported_feature);
  EXPECT_FALSE(Pattern::compile(R"(\C)").ok());
  EXPECT_FALSE(Pattern::compile(std::string(100'000, 'a')).ok());
}

// Places are tried some at a time.
TEST(Pattern, FindsWhatIsFarAway) {
  const auto pattern = Pattern::compile("(?<=\\x{e9})b|$");
  ASSERT_TRUE(pattern.ok());
  for (size_t n = 1; n < 150; ++n) {
    std::string text;
    for (size_t i = 0; i < n; ++i) text += "\xc3\xa9";
    for (const bool found : {false, true}) {
      SearchTime time;
      const auto match = Pattern::Search(*pattern, time).find(text + (found ? "b" : ""), 0);
      ASSERT_TRUE(match.ok() && *match) << n;
      EXPECT_EQ((*match)->begin, 2 * n);
      EXPECT_EQ((*match)->end, 2 * n + (found ? 1 : 0));
    }
  }
}

TEST(Pattern, BacktrackingEnds) {
  const auto pattern = Pattern::compile("(a|a?)+$");
  ASSERT_TRUE(pattern.ok());
  SearchTime time;
  const auto match = Pattern::Search(*pattern, time).find(std::string(5000, 'a') + "b", 0);
  ASSERT_FALSE(match.ok());
  EXPECT_EQ(match.error().id, ErrorId::over_time);
}

TEST(Pattern, NothingIsSearchedWhenTheTimeIsOver) {
  const auto pattern = Pattern::compile("a");
  ASSERT_TRUE(pattern.ok());
  SearchTime time(1);
  Pattern::Search first(*pattern, time), second(*pattern, time);
  EXPECT_TRUE(first.find("a", 0).ok());
  time.spend(0.6);
  EXPECT_TRUE(second.find("a", 0).ok());
  time.spend(0.6);
  for (Pattern::Search* search : {&first, &second}) {
    const auto match = search->find("a", 0);
    ASSERT_FALSE(match.ok());
    EXPECT_EQ(match.error().id, ErrorId::over_time);
  }
}

}  // namespace
}  // namespace hone::tokenizer
