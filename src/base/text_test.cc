// Tests of numbers as text, UTF-8, escaping and spelling distance.
#include "base/text.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <charconv>
#include <limits>
#include <random>

namespace hone {
namespace {

using namespace std::string_literals;

TEST(Exact, PrintsFloatsThatAreRecognizedAsFloats) {
  EXPECT_EQ(exact(1.0f), "1.0");
  EXPECT_EQ(exact(1e-5f), "1e-05");
  EXPECT_EQ(exact(0.1f), "0.1");
  EXPECT_EQ(exact(0.1), "0.1");
  EXPECT_EQ(exact(-0.0f), "-0.0");
  EXPECT_EQ(exact(123456.0), "123456.0");
  EXPECT_EQ(exact(1e100), "1e+100");
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exact(inf), "inf");
  EXPECT_EQ(exact(-inf), "-inf");
  EXPECT_EQ(exact(std::numeric_limits<float>::quiet_NaN()), "nan");
  EXPECT_EQ(exact(-std::numeric_limits<double>::quiet_NaN()), "nan");
}

TEST(Exact, ReadsBackBitForBit) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (value != value) continue;
    const std::string text = exact(value);
    float back = 0;
    ASSERT_EQ(std::from_chars(text.data(), text.data() + text.size(), back).ec, std::errc());
    ASSERT_EQ(std::bit_cast<uint32_t>(back), std::bit_cast<uint32_t>(value)) << text;
    ASSERT_NE(text.find_first_of(".en"), std::string::npos) << text;
  }
}

TEST(Human, ThreeSignificantDigits) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(312), "312 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1 kB");
  EXPECT_EQ(human_bytes(1'500'000), "1.5 MB");
  EXPECT_EQ(human_bytes(999'700), "1 MB");
  EXPECT_EQ(human_bytes(12'345), "12.3 kB");
  EXPECT_EQ(human_bytes(9'999), "10 kB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "18.4 EB");
  EXPECT_EQ(human_count(530), "530");
  EXPECT_EQ(human_count(1.24e9), "1.24 G");
  EXPECT_EQ(human_count(-2.5e3), "-2.5 k");
  EXPECT_EQ(human_count(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(human_seconds(3.21e-3), "3.21 ms");
  EXPECT_EQ(human_seconds(45e-6), "45 us");
  EXPECT_EQ(human_seconds(0), "0 ns");
  EXPECT_EQ(human_seconds(0.9999), "1 s");
  EXPECT_EQ(human_seconds(12.34), "12.3 s");
  EXPECT_EQ(human_seconds(0.9996e-3), "1 ms");
}

TEST(ParseBytes, UnitsFractionsAndSpaces) {
  EXPECT_EQ(parse_bytes("4096"), 4096u);
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("10MB"), 10'000'000u);
  EXPECT_EQ(parse_bytes("10 mb"), 10'000'000u);
  EXPECT_EQ(parse_bytes("1.5GiB"), 1'610'612'736u);
  EXPECT_EQ(parse_bytes("64k"), 64'000u);
  EXPECT_EQ(parse_bytes("7B"), 7u);
  EXPECT_EQ(parse_bytes("0.1KB"), 100u);
  EXPECT_EQ(parse_bytes("0.0019kB"), 1u);
}

TEST(ParseBytes, BoundariesOfTheRange) {
  EXPECT_EQ(parse_bytes("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_bytes("18446744073709551616"), std::nullopt);
  EXPECT_EQ(parse_bytes("15EiB"), 15ull << 60);
  EXPECT_EQ(parse_bytes("16EiB"), std::nullopt);
  EXPECT_EQ(parse_bytes("99999999999999999999999999999999999999999999MB"), std::nullopt);
}

TEST(ParseBytes, RefusesWhatIsNotASize) {
  for (const char* text : {"", " ", "MB", "-1", "+1", "1.MB", ".5MB", "1 ", "1  MB", "1e3", "1MBB",
                           "1iB", "1KiBs", "1.0000000001GB", "0x10", "1,5MB"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
  }
}

TEST(Utf8, AcceptsScalarValuesOnly) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("abc\0def"s));
  EXPECT_TRUE(is_utf8("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80"));
  EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf"));
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3",
                          "\xe2\x82", "\xf0\x9f\x98", "\xc3(", "\xff"}) {
    EXPECT_FALSE(is_utf8(bad)) << quote(bad);
  }
  EXPECT_EQ(utf8_prefix("0123456789abcdef\xc3(rest"), 16u);
  EXPECT_EQ(utf8_prefix("0123\x80"), 4u);
}

TEST(Utf8, EncodesWhatItDecodes) {
  for (char32_t code :
       {U'\0', U'a', U'\x7f', U'\x80', U'\x7ff', U'\x800', U'\xffff', U'\x10000', U'\x10ffff'}) {
    std::string text;
    append_utf8(text, code);
    const CodePoint point = decode_utf8(text);
    EXPECT_EQ(point.value, code);
    EXPECT_EQ(point.length, text.size());
  }
}

TEST(Printable, EscapesWhatCouldFoolATerminal) {
  EXPECT_EQ(printable("layer.0/weight é"), "layer.0/weight é");
  EXPECT_EQ(printable("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(printable("a\nb\0c\x7f"s), "a\\x0ab\\x00c\\x7f");
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "exe"),
            "\\xe2\\x80\\xaeexe");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(printable("\xff"
                      "a"),
            "\\xffa");
}

TEST(Printable, CutsAt256Bytes) {
  EXPECT_EQ(printable(std::string(256, 'a')), std::string(256, 'a'));
  EXPECT_EQ(printable(std::string(257, 'a')), std::string(253, 'a') + "...");
  for (size_t lead = 0; lead < 4; ++lead) {  // never inside a character
    std::string name(lead, 'a');
    for (int i = 0; i < 100; ++i) name += "\xf0\x9f\x98\x80";
    const std::string cut = printable(name);
    EXPECT_LE(cut.size(), 256u);
    EXPECT_TRUE(is_utf8(cut));
    EXPECT_TRUE(cut.ends_with("..."));
  }
  EXPECT_LE(printable(std::string(1000, '\0')).size(), 256u);
}

TEST(Quote, RoundTripsEveryByteString) {
  EXPECT_EQ(quote("a\"b\\c\n\t\x01"), R"("a\"b\\c\n\t\x01")");
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    std::string text(random() % 40, '\0');
    for (char& c : text) c = static_cast<char>(random());
    const std::string quoted = quote(text);
    EXPECT_TRUE(is_utf8(quoted));
    EXPECT_EQ(unquote(std::string_view(quoted).substr(1, quoted.size() - 2)), text);
  }
}

TEST(Quote, UnquoteRefusesMalformedText) {
  for (const char* text : {"\\", "\\q", "\\x", "\\x1", "\\xg0", "a\"b", "a\nb"}) {
    EXPECT_EQ(unquote(text), std::nullopt) << text;
  }
  EXPECT_EQ(unquote("\\xFF\\xff"), "\xff\xff");
}

TEST(Closest, FindsTyposAndNothingElse) {
  constexpr std::array<std::string_view, 4> kWords{"threads", "backend", "log.level", "color"};
  const auto find = [&](std::string_view word) {
    return closest(word, kWords.data(), kWords.size());
  };
  EXPECT_EQ(find("thread"), "threads");
  EXPECT_EQ(find("thraeds"), "threads");
  EXPECT_EQ(find("loglevel"), "log.level");
  EXPECT_EQ(find("Color"), "color");
  EXPECT_EQ(find("colour"), "color");
  EXPECT_EQ(find("entirely"), std::nullopt);
  EXPECT_EQ(find(""), std::nullopt);
  EXPECT_EQ(find(std::string(100000, 'a')), std::nullopt);
  EXPECT_EQ(closest("a", nullptr, 0), std::nullopt);
}

}  // namespace
}  // namespace hone
