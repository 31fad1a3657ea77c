// Tests of the encoders of block formats against what their blocks decode to.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <vector>

#include "formats/gguf.h"
#include "ir/blocks/block_format.h"
#include "kernels/block_codecs/block_encoders.h"
#include "kernels/instruction_set.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using kernels::block_encoder;
using kernels::BlockEncoder;

std::vector<float> normal(size_t n, uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw(0, 0.02f);
  std::vector<float> x(n);
  for (float& v : x) v = draw(random);
  return x;
}

std::vector<float> decoded(const BlockFormat& format, const std::vector<std::byte>& blocks) {
  const auto count = int64_t(blocks.size()) / format.bytes;
  std::vector<float> y(size_t(count * format.elements));
  format.decode(blocks.data(), count, y.data());
  return y;
}

std::vector<std::byte> encoded(const BlockEncoder& encoder, const std::vector<float>& x,
                               const float* importance = nullptr) {
  const auto count = int64_t(x.size()) / encoder.elements;
  std::vector<std::byte> blocks(size_t(count * encoder.bytes));
  encoder.encode(x.data(), importance, count, blocks.data());
  return blocks;
}

// Weighted squared errors over weighted squares.
double relative(const std::vector<float>& x, const std::vector<float>& y,
                const std::vector<float>& weights = {}) {
  double error = 0, all = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double w = weights.empty() ? 1 : weights[i];
    error += w * (double(x[i]) - y[i]) * (double(x[i]) - y[i]);
    all += w * double(x[i]) * x[i];
  }
  return error / all;
}

double error_of(std::string_view name, const std::vector<float>& x,
                const float* importance = nullptr, const std::vector<float>& weights = {}) {
  return relative(x, decoded(*block_format(name), encoded(*block_encoder(name), x, importance)),
                  weights);
}

TEST(Encoders, BlocksAreThoseOfTheDecoders) {
  int encoders = 0;
  for (const BlockFormat& format : all_block_formats()) {
    SCOPED_TRACE(format.name);
    if (format.ggml_type >= 0) {
      const auto block = gguf_block(format.ggml_type);
      ASSERT_TRUE(block);
      EXPECT_EQ(block->elements, format.elements);
      EXPECT_EQ(block->bytes, format.bytes);
    }
    const BlockEncoder* encoder = block_encoder(format.name);
    if (encoder == nullptr) continue;
    ++encoders;
    EXPECT_EQ(encoder->elements, format.elements);
    EXPECT_EQ(encoder->bytes, format.bytes);
  }
  EXPECT_EQ(encoders, 16);
  EXPECT_EQ(block_encoder("q4"), nullptr);
}

// Squared errors over squares for normal weights: a little above what was measured, and at or below
// what the reference implementation of these formats reaches.
struct Bound {
  const char* name;
  double plain, weighted;  // weighted: with importance, by it
};
class Errors : public ::testing::TestWithParam<Bound> {};

TEST_P(Errors, AreSmall) {
  const auto [name, plain, weighted] = GetParam();
  const std::vector<float> x = normal(1 << 17);
  EXPECT_LT(error_of(name, x), plain);
  std::mt19937 random(9);
  std::normal_distribution<float> draw;
  std::vector<float> importance(x.size());
  for (float& v : importance) v = std::exp(draw(random));
  EXPECT_LT(error_of(name, x, importance.data(), importance), weighted);
}

INSTANTIATE_TEST_SUITE_P(
    Encoders, Errors,
    ::testing::Values(Bound{"q4_0", 7.6e-3, 5.95e-3}, Bound{"q4_1", 6.2e-3, 4.05e-3},
                      Bound{"q5_0", 1.87e-3, 1.46e-3}, Bound{"q5_1", 1.46e-3, 9.55e-4},
                      Bound{"q8_0", 2.95e-5, 2.95e-5}, Bound{"q2_k", 7.3e-2, 5.5e-2},
                      Bound{"q3_k", 2.15e-2, 1.81e-2}, Bound{"q4_k", 5.05e-3, 4.12e-3},
                      Bound{"q5_k", 1.23e-3, 1.05e-3}, Bound{"q6_k", 2.95e-4, 2.55e-4},
                      Bound{"iq4_nl", 5.65e-3, 4.85e-3}, Bound{"iq4_xs", 5.75e-3, 4.95e-3},
                      Bound{"nf4", 7.5e-3, 6.6e-3}, Bound{"mxfp4", 1.32e-2, 1.32e-2},
                      Bound{"tq1_0", 1, 1}, Bound{"tq2_0", 1, 1}),
    [](const auto& param) { return std::string(param.param.name); });

// Weights that matter more get smaller errors.
TEST(Encoders, ImportanceIsHeeded) {
  const std::vector<float> x = normal(1 << 14);
  std::vector<float> importance(x.size());
  for (size_t i = 0; i < x.size(); ++i) importance[i] = i % 4 == 0 ? 100.f : 1.f;
  for (const char* name : {"q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k",
                           "iq4_nl", "iq4_xs", "nf4"}) {
    EXPECT_LT(error_of(name, x, importance.data(), importance),
              error_of(name, x, nullptr, importance) * 0.99)
        << name;
  }
}

TEST(Encoders, InstructionSetsAgree) {
#if defined(__x86_64__)
  std::vector<const kernels::SearchedEncoders*> others;
  if (kernels::has_avx2()) others.push_back(&kernels::kSearchedAvx2);
  if (kernels::has_avx512()) others.push_back(&kernels::kSearchedAvx512);
  if (others.empty()) GTEST_SKIP() << "the CPU has the portable kernels only";
  using S = kernels::SearchedEncoders;
  const std::pair<const char*, kernels::EncodeBlocks S::*> all[] = {
      {"q4_0", &S::q4_0}, {"q4_1", &S::q4_1},     {"q5_0", &S::q5_0}, {"q5_1", &S::q5_1},
      {"q2_k", &S::q2_k}, {"q3_k", &S::q3_k},     {"q4_k", &S::q4_k}, {"q5_k", &S::q5_k},
      {"q6_k", &S::q6_k}, {"iq4_nl", &S::iq4_nl}, {"nf4", &S::nf4},   {"iq4_xs", &S::iq4_xs},
  };
  std::vector<float> x = normal(256 * 37, 3), importance = normal(256 * 37, 4);
  for (float& v : importance) v = std::fabs(v);
  for (int i = 0; i < 256; ++i) x[size_t(i)] = 0;
  x[300] = 100;
  x[600] = 1e-30f;
  for (const auto& [name, encode] : all) {
    const BlockFormat& format = *block_format(name);
    const int64_t count = int64_t(x.size()) / format.elements;
    for (const float* weights : std::initializer_list<const float*>{nullptr, importance.data()}) {
      const size_t size = size_t(count * format.bytes);
      std::vector<std::byte> expected(size), blocks(size);
      (kernels::kSearchedPortable.*encode)(x.data(), weights, count, expected.data());
      for (const auto* other : others) {
        (other->*encode)(x.data(), weights, count, blocks.data());
        EXPECT_EQ(blocks, expected) << name;
      }
    }
  }
#endif
}

// A row is encoded the same whatever is encoded beside it.
TEST(Encoders, BlocksDoNotDependOnTheirNeighbours) {
  const std::vector<float> x = normal(256 * 5, 11);
  for (const BlockFormat& format : all_block_formats()) {
    const BlockEncoder* encoder = block_encoder(format.name);
    if (encoder == nullptr) continue;
    const auto together = encoded(*encoder, x);
    for (size_t i = 0; i < 5; ++i) {
      const auto alone =
          encoded(*encoder, {x.begin() + int64_t(i * 256), x.begin() + int64_t(i * 256 + 256)});
      EXPECT_EQ(std::memcmp(together.data() + i * alone.size(), alone.data(), alone.size()), 0)
          << format.name;
    }
  }
}

TEST(Encoders, OddRows) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  for (const BlockFormat& format : all_block_formats()) {
    const BlockEncoder* encoder = block_encoder(format.name);
    if (encoder == nullptr) continue;
    SCOPED_TRACE(format.name);
    const std::vector<float> zeros(512);
    EXPECT_EQ(decoded(format, encoded(*encoder, zeros)), zeros);
    const std::vector<float> no_weight(512);
    const auto unweighted = decoded(format, encoded(*encoder, normal(512), no_weight.data()));
    for (const float v : unweighted) EXPECT_TRUE(std::isfinite(v));
    for (const float constant : {1.0f, -1.0f, 0.37f}) {
      const std::vector<float> x(512, constant);
      EXPECT_LT(relative(x, decoded(format, encoded(*encoder, x))), 0.04) << constant;
    }
    std::vector<float> tiny(512, 1e-39f), odd = normal(512);
    for (const float v : decoded(format, encoded(*encoder, tiny))) EXPECT_LT(std::fabs(v), 1e-7f);
    odd[3] = nan, odd[40] = inf, odd[300] = -inf;
    encoded(*encoder, odd);  // ends, and within its memory
    encoded(*encoder, std::vector<float>(512, nan));
    encoded(*encoder, std::vector<float>(512, 3e38f));
  }
}

std::vector<std::byte> content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

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

// The plain formats without weights are what their reference makes.
TEST(Encoders, EncodesWhatWasRecorded) {
  const fs::path folder = recorded();
  if (!fs::is_directory(folder)) GTEST_SKIP() << "there are no recorded blocks";
  int seen = 0;
  for (const auto& [stem, name] :
       {std::pair("Q4_0", "q4_0"), std::pair("Q4_1", "q4_1"), std::pair("Q5_0", "q5_0"),
        std::pair("Q8_0", "q8_0"), std::pair("TQ1_0", "tq1_0")}) {
    const auto in = content(folder / (std::string(stem) + ".quant_in.f32"));
    const auto out = content(folder / (std::string(stem) + ".quant_out.bin"));
    if (in.empty()) continue;
    ++seen;
    std::vector<float> x(in.size() / sizeof(float));
    std::memcpy(x.data(), in.data(), in.size());
    EXPECT_EQ(encoded(*block_encoder(name), x), out) << stem;
  }
  EXPECT_EQ(seen, 5);
}

}  // namespace
}  // namespace hone
