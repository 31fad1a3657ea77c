// Tests of the block formats: against recorded blocks where they are at hand, and by hand.
#include "ir/blocks/block_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <vector>

#include "ir/blocks/k_scales.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

// Where HONE_CORPORA says, or in shared/corpora beside the project or above it.
fs::path recorded() {
  const char* given = std::getenv("HONE_CORPORA");
  fs::path found = given ? given : "";
  for (fs::path at = fs::current_path(); found.empty() && at.has_relative_path();
       at = at.parent_path())
    if (fs::is_directory(at.parent_path() / "shared" / "corpora"))
      found = at.parent_path() / "shared" / "corpora";
  return found / "expected" / "gguf" / "dequant";
}

std::vector<std::byte> content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> bytes(text.size());
  std::ranges::transform(text, bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

std::string upper(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = static_cast<char>(std::toupper(c));
  return out;
}

TEST(BlockFormats, TheTableIsSound) {
  for (const BlockFormat& format : all_block_formats()) {
    SCOPED_TRACE(format.name);
    EXPECT_EQ(block_format(format.name), &format);
    if (format.ggml_type >= 0) {
      EXPECT_EQ(block_format_of_ggml(format.ggml_type), &format);
    }
    EXPECT_GT(format.elements, 0);
    EXPECT_LE(format.bytes, format.elements * 2);
    EXPECT_EQ(format.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string_view::npos);
  }
  EXPECT_EQ(block_format("q4"), nullptr);
  EXPECT_EQ(block_format_of_ggml(-1), nullptr);
  EXPECT_EQ(block_format_of_ggml(4), nullptr);
}

// Every recorded block decodes to the same bits.
TEST(BlockFormats, DecodesWhatWasRecorded) {
  const fs::path folder = recorded();
  if (!fs::is_directory(folder)) GTEST_SKIP() << "there are no recorded blocks";
  int seen = 0;
  for (const BlockFormat& format : all_block_formats()) {
    const std::string stem = upper(format.name);
    const auto blocks = content(folder / (stem + ".blocks.bin"));
    if (blocks.empty()) continue;
    SCOPED_TRACE(stem);
    ++seen;
    const auto expected = content(folder / (stem + ".npy"));
    ASSERT_EQ(blocks.size() % size_t(format.bytes), 0u);
    const auto count = int64_t(blocks.size()) / format.bytes;
    const size_t size = size_t(count * format.elements) * sizeof(float);
    ASSERT_GT(expected.size(), size);
    std::vector<float> elements(size_t(count * format.elements));
    format.decode(blocks.data(), count, elements.data());
    const std::byte* want = expected.data() + expected.size() - size;
    for (size_t i = 0; i < elements.size(); ++i) {
      const auto bits = load_at<uint32_t>(want + i * 4);
      ASSERT_EQ(std::bit_cast<uint32_t>(elements[i]), bits)
          << "element " << i << ": " << elements[i] << ", not " << std::bit_cast<float>(bits);
    }
    // At an odd address too.
    std::vector<std::byte> moved(blocks.size() + 1);
    std::memcpy(moved.data() + 1, blocks.data(), blocks.size());
    std::vector<float> again(elements.size());
    format.decode(moved.data() + 1, count, again.data());
    EXPECT_EQ(std::memcmp(again.data(), elements.data(), size), 0);
  }
  EXPECT_GE(seen, 13);
}

// FNV-1a over the bits of what blocks of random bytes decode to, NaNs alike.
uint64_t hash_of(const BlockFormat& format) {
  constexpr int64_t kCount = 64;
  std::vector<std::byte> blocks(size_t(kCount * format.bytes));
  uint32_t state = 12345;
  for (std::byte& b : blocks) {
    state = state * 1664525 + 1013904223;
    b = std::byte(state >> 24);
  }
  std::vector<float> elements(size_t(kCount * format.elements));
  format.decode(blocks.data(), kCount, elements.data());
  uint64_t hash = 0xcbf29ce484222325;
  for (const float v : elements) {
    const uint32_t bits = std::isnan(v) ? 0x7fc00000 : std::bit_cast<uint32_t>(v);
    for (int shift = 0; shift < 32; shift += 8)
      hash = (hash ^ (bits >> shift & 255)) * 0x100000001b3;
  }
  return hash;
}

// What all formats decode to stays the same; the numbers are those of decoders that agreed with the
// reference on random blocks, bit by bit; NF4 has no other.
TEST(BlockFormats, DecodesAsEver) {
  const std::map<std::string_view, uint64_t> expected{
      {"f16", 0xab541848425b3880},     {"bf16", 0xedc8617eb4b94dad},
      {"q4_0", 0xf0578c343661fa24},    {"q4_1", 0xbf1983fad454ec96},
      {"q5_0", 0xd3338d5d3cdc89be},    {"q5_1", 0xc5937c551e9c8864},
      {"q8_0", 0xbd33ee8125f4a202},    {"q2_k", 0x60c9992f2d89d764},
      {"q3_k", 0xbdca013dedd31a3e},    {"q4_k", 0xe733cdd4de7da261},
      {"q5_k", 0x9fed6b798f66e22e},    {"q6_k", 0xdb6e56a0a8443e8a},
      {"iq2_xxs", 0xbf71527fa5a58710}, {"iq2_xs", 0xf275950fa8426ada},
      {"iq3_xxs", 0xff2f9eb6cedab037}, {"iq1_s", 0x2f82de64c9955c7b},
      {"iq4_nl", 0xb5b372ef73bd9e61},  {"iq3_s", 0x6722c0dc2f6eb3ec},
      {"iq2_s", 0x9b44e62526a2229c},   {"iq4_xs", 0x21ae6cbc7518a30c},
      {"iq1_m", 0x452ac811b77e69d7},   {"tq1_0", 0x06b6f052a26641f7},
      {"tq2_0", 0x54abf92f016893d6},   {"mxfp4", 0x172926ff04d1b11e},
      {"nvfp4", 0xd3dd393f0446e03c},   {"q1_0", 0x39e5fc7cf8e5d425},
      {"q2_0", 0xbacd91570f6beaab},    {"nf4", 0xf8c8f40b886c245c},
  };
  for (const BlockFormat& format : all_block_formats()) {
    const auto found = expected.find(format.name);
    ASSERT_NE(found, expected.end()) << format.name << " 0x" << std::hex << hash_of(format);
    EXPECT_EQ(hash_of(format), found->second) << format.name;
  }
}

TEST(BlockFormats, SixteenBitFloats) {
  std::vector<std::byte> all(2 * 65536);
  for (uint32_t i = 0; i < 65536; ++i) {
    all[2 * i] = std::byte(i & 255);
    all[2 * i + 1] = std::byte(i >> 8);
  }
  std::vector<float> f16(65536), bf16(65536);
  block_format("f16")->decode(all.data(), 65536, f16.data());
  block_format("bf16")->decode(all.data(), 65536, bf16.data());
  for (uint32_t i = 0; i < 65536; ++i) {
    const auto half = uint16_t(i);
    EXPECT_EQ(std::bit_cast<uint32_t>(f16[i]), std::bit_cast<uint32_t>(f16_to_f32(half))) << i;
    EXPECT_EQ(std::bit_cast<uint32_t>(bf16[i]), std::bit_cast<uint32_t>(bf16_to_f32(half))) << i;
  }
}

TEST(KScales, PackAndUnpack) {
  KScales scales;
  for (size_t i = 0; i < 8; ++i) {
    scales.scale[i] = uint8_t(63 - i * 7);
    scales.least[i] = uint8_t(i * 9);
  }
  std::byte packed[12];
  pack_k_scales(scales, packed);
  const KScales back = unpack_k_scales(packed);
  EXPECT_EQ(back.scale, scales.scale);
  EXPECT_EQ(back.least, scales.least);
}

}  // namespace
}  // namespace hone
