// Tests of reading PNG images: every kind of pixel, and files that are damaged or too large.
#include "formats/png.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace hone {
namespace {

using namespace std::string_literals;

std::string be(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 255);
  return out;
}

uint32_t crc(const std::string& text) {
  uint32_t value = 0xFFFFFFFF;
  for (const char c : text) {
    value ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) value = value >> 1 ^ (value & 1 ? 0xEDB88320 : 0);
  }
  return ~value;
}

std::string chunk(const std::string& type, const std::string& content) {
  return be(static_cast<uint32_t>(content.size())) + type + content + be(crc(type + content));
}

// A zlib stream of one stored block.
std::string stored(const std::string& bytes) {
  uint32_t a = 1, b = 0;
  for (const char c : bytes) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  const auto size = static_cast<uint16_t>(bytes.size());
  std::string out = "\x78\x01\x01"s;
  for (const int part : {size & 255, size >> 8, ~size & 255, ~size >> 8 & 255})
    out += static_cast<char>(part);
  return out + bytes + be(b << 16 | a);
}

const std::string kMagic = "\x89PNG\r\n\x1a\n";

std::string header(uint32_t width, uint32_t height, int bits, int colour, int interlace = 0) {
  return chunk("IHDR", be(width) + be(height) + static_cast<char>(bits) +
                           static_cast<char>(colour) + "\0\0"s + static_cast<char>(interlace));
}
// `rows` begin with their filter byte each.
std::string png(const std::string& head, const std::string& rows, const std::string& extra = "") {
  return kMagic + head + extra + chunk("IDAT", stored(rows)) + chunk("IEND", "");
}

Result<PngImage> read(const std::string& file, const Limits& limits = {}) {
  Ledger ledger(limits);
  return read_png(std::as_bytes(std::span(file)), ledger);
}
ErrorId refusal(const std::string& file, const Limits& limits = {}) {
  const auto image = read(file, limits);
  return image ? ErrorId::internal : image.error().id;
}
std::vector<uint32_t> samples(const PngImage& image) {
  std::vector<uint32_t> out;
  for (uint64_t y = 0; y < image.size.height; ++y)
    for (uint64_t x = 0; x < image.size.width; ++x)
      for (size_t c = 0; c < image.channels; ++c) out.push_back(image.sample(y, x, c));
  return out;
}

TEST(Png, EveryKindOfPixel) {
  const std::string palette = chunk("PLTE", "\1\2\3\4\5\6");
  const struct {
    std::string file;
    size_t channels;
    bool wide;
    std::vector<uint32_t> expected;
  } kCases[] = {
      {png(header(2, 2, 8, 0), "\0\x00\xff\0\1\2"s), 1, false, {0, 255, 1, 2}},
      {png(header(2, 1, 1, 0), "\0\x40"s), 1, false, {0, 255}},
      {png(header(2, 1, 4, 0), "\0\x3f"s), 1, false, {51, 255}},
      {png(header(1, 1, 16, 0), "\0\x12\x34"s), 1, true, {0x1234}},
      {png(header(1, 1, 8, 4), "\0\7\x80"s), 2, false, {7, 128}},
      {png(header(1, 1, 8, 2), "\0\1\2\3"s), 3, false, {1, 2, 3}},
      {png(header(1, 1, 8, 6), "\0\1\2\3\4"s), 4, false, {1, 2, 3, 4}},
      {png(header(1, 1, 16, 6), "\0\1\2\3\4\5\6\7\x08"s),
       4,
       true,
       {0x0102, 0x0304, 0x0506, 0x0708}},
      {png(header(2, 1, 8, 3), "\0\1\0"s, palette), 3, false, {4, 5, 6, 1, 2, 3}},
      {png(header(2, 1, 8, 3), "\0\1\0"s, palette + chunk("tRNS", "\x10")),
       4,
       false,
       {4, 5, 6, 255, 1, 2, 3, 16}},
      {png(header(2, 1, 8, 0), "\0\5\6"s, chunk("tRNS", "\0\5"s)), 2, false, {5, 0, 6, 255}},
      // Adam7: the first pass has the first pixel, the last but one the second.
      {png(header(2, 1, 8, 0, 1), "\0\x0a\0\x0b"s), 1, false, {10, 11}},
  };
  for (const auto& c : kCases) {
    const auto image = read(c.file);
    ASSERT_TRUE(image.ok()) << describe(image.error());
    EXPECT_EQ(image->channels, c.channels);
    EXPECT_EQ(image->wide, c.wide);
    EXPECT_EQ(samples(*image), c.expected);
  }
}

TEST(Png, GammaAndProfilesChangeNothing) {
  const std::string gamma = chunk("gAMA", be(100000));
  EXPECT_EQ(samples(*read(png(header(1, 1, 8, 0), "\0\x40"s, gamma))), std::vector<uint32_t>{64});
  const std::string broken = chunk("iCCP", "name\0\0not a profile"s) + chunk("zTXt", "k\0\0x"s);
  EXPECT_EQ(samples(*read(png(header(1, 1, 8, 0), "\0\x40"s, broken))), std::vector<uint32_t>{64});
}

TEST(Png, TheSizeIsInTheHeader) {
  const std::string file = png(header(70000, 3, 8, 0), "");
  const auto size = png_size(std::as_bytes(std::span(file)));
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->width, 70000u);
  EXPECT_EQ(size->height, 3u);
  EXPECT_EQ(refusal("GIF89a..............................."), ErrorId::malformed);
  EXPECT_EQ(refusal(kMagic + chunk("IDAT", "0123456789abc")), ErrorId::malformed);
  EXPECT_EQ(refusal(png(header(0, 1, 8, 0), "")), ErrorId::malformed);
  EXPECT_EQ(refusal(png(header(1, 0xFFFFFFFF, 8, 0), "")), ErrorId::malformed);
}

TEST(Png, MemoryIsBounded) {
  EXPECT_EQ(refusal(png(header(1000000, 1000000, 16, 6), "")), ErrorId::over_memory);
  EXPECT_EQ(refusal(png(header(0x7FFFFFFF, 0x7FFFFFFF, 8, 0), "")), ErrorId::over_memory);
  EXPECT_EQ(refusal(png(header(1000, 1000, 8, 0), ""), {.memory = 1000000}), ErrorId::over_memory);
}

TEST(Png, TruncatedAndDamagedFiles) {
  const std::string good = png(header(3, 2, 8, 2), "\0abcdefghi\1ABCDEFGHI"s);
  ASSERT_TRUE(read(good).ok());
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(refusal(good.substr(0, size)), ErrorId::truncated) << size;
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      const auto image = read(damaged);
      EXPECT_TRUE(image.ok() || info(image.error().id).blame == Blame::input) << at;
    }
  }
}

// Sound checksums around contents that lie.
TEST(Png, LyingContents) {
  EXPECT_EQ(refusal(png(header(3, 2, 8, 2), "\0abcdefghi"s)), ErrorId::malformed);  // a row short
  EXPECT_EQ(refusal(png(header(1, 1, 8, 0), "\x09z"s)), ErrorId::malformed);        // no filter 9
  EXPECT_EQ(refusal(png(header(1, 1, 3, 0), "\0z"s)), ErrorId::malformed);          // 3 bits
  EXPECT_EQ(refusal(png(header(1, 1, 8, 7), "\0z"s)), ErrorId::malformed);          // no colour 7
  EXPECT_EQ(refusal(png(header(1, 1, 8, 3), "\0\0"s)), ErrorId::malformed);         // no palette
  EXPECT_EQ(refusal(kMagic + header(1, 1, 8, 0) + chunk("IDAT", "no stream") + chunk("IEND", "")),
            ErrorId::malformed);
  EXPECT_EQ(refusal(kMagic + header(1, 1, 8, 0) + be(0x7FFFFFFF) + "IDAT"), ErrorId::truncated);
  EXPECT_EQ(refusal(kMagic + header(1, 1, 8, 0) + chunk("CRIT", "unknown")), ErrorId::malformed);
}

}  // namespace
}  // namespace hone
