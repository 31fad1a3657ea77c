// Regular expressions: what matches, what is refused, and that time stays linear.
#include "ops/regex.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  auto regex = Regex::compile(pattern);
  EXPECT_TRUE(regex.ok()) << pattern;
  return regex && (*regex).matches(text);
}

TEST(Regex, Matches) {
  struct Case {
    std::string_view pattern, text;
    bool expected;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"", "", true},
           {"", "a", false},
           {"abc", "abc", true},
           {"abc", "abcd", false},
           {"a|bc|", "bc", true},
           {"a|bc|", "", true},
           {"a|bc", "abc", false},
           {"(a|b)*c", "ababc", true},
           {"a+?b??", "aaa", true},
           {"a{2,3}", "a", false},
           {"a{2,3}", "aaa", true},
           {"a{2,3}", "aaaa", false},
           {"a{2,}", "aaaaa", true},
           {"a{0}", "", true},
           {"a{0}", "a", false},
           {"(ab){2}", "abab", true},
           {"a{,2}", "a{,2}", true},
           {"x{", "x{", true},
           {"[^a-c]x", "dx", true},
           {"[^a-c]x", "bx", false},
           {"[]a]+", "]a]", true},
           {"[a-]+", "a-a", true},
           {"[\\d\\-x]+", "3-x", true},
           {"[[:alpha:]]+\\d", "abC7", true},
           {"[[:^alpha:]]", "a", false},
           {"[^\\W\\d]", "a", true},
           {"[^\\W\\d]", "5", false},
           {"\\w+\\s\\S", "ab_ x", true},
           {".", "\n", false},
           {"(?s).", "\n", true},
           {".", "\xC3\xA9", true},
           {"..", "\xC3\xA9", false},
           {"[\xC3\xA0-\xC3\xBC]", "\xC3\xA9", true},
           {".", "\xFF", true},
           {"(?i)aBc", "AbC", true},
           {"(?i:a)B", "AB", true},
           {"(?i:a)B", "Ab", false},
           {"a(?i)b", "aB", true},
           {"(a(?i)b)c", "aBC", false},
           {"(?i)[^a]", "A", false},
           {"^a$", "a", true},
           {"a^b", "ab", false},
           {"(?m)a\n^b", "a\nb", true},
           {"a\\b b", "a b", true},
           {"a\\bb", "ab", false},
           {"a\\Bb", "ab", true},
           {"\\Qa.b\\E+", "a.bb", true},
           {"\\x41\\x{e9}\\n", "A\xC3\xA9\n", true},
           {"(?P<n>a)(?<m>b)", "ab", true},
           {"(a*)*", "aaaa", true},
           {"(a*)*", "b", false},
           {"(|a)+", "aa", true},
           {"()*x", "x", true},
           {"(\\W|^)[\\w.\\-]{0,25}@(yahoo|gmail)\\.com(\\W|$)", "account@gmail.com", true},
           {"(\\W|^)[\\w.\\-]{0,25}@(yahoo|gmail)\\.com(\\W|$)", "account@hotmail.com", false},
       })
    EXPECT_EQ(matches(c.pattern, c.text), c.expected) << c.pattern << " on " << c.text;
}

TEST(Regex, Refuses) {
  for (std::string_view pattern :
       {"(", ")", "a)", "[a", "[b-a]", "*a", "(*)", "a{2,1}", "a{1001}", "\\", "\\k", "(?=a)",
        "(?<=a)", "\\1", "[[:none:]]", "\\p{L}", "(?x)a", "\\x{110000}", "\\xg"})
    EXPECT_FALSE(Regex::compile(pattern).ok()) << pattern;
  EXPECT_FALSE(Regex::compile(std::string(100'000, '(')).ok());
  EXPECT_FALSE(Regex::compile("a" + std::string(100'000, '*')).ok());
  EXPECT_FALSE(Regex::compile("((((a{900}){900}){900}){900}){900}").ok());
  EXPECT_FALSE(Regex::compile(std::string(1'000'000, 'a')).ok());
}

TEST(Regex, TakesLinearTime) {
  const std::string text(20'000, 'a');
  EXPECT_FALSE(matches("(a|aa|a*)*b", text));
  EXPECT_TRUE(matches("(x+x+)+y|a*", text));
}

}  // namespace
}  // namespace hone
