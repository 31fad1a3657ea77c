// Settings of decoders written as keys of GGUF files and read again.
#include "import/gguf/settings.h"

#include <gtest/gtest.h>

namespace hone::gguf {
namespace {

using arch::DecoderConfig;
using arch::RopeScaling;

// A vocabulary is told by the embedding.
const GgufTensor kEmbedding{.name = "token_embd.weight", .extents = {32, 16}};

DecoderConfig config_of(std::string_view decoder) {
  DecoderConfig c;
  c.decoder = arch::decoder_named(decoder);
  c.layers = 12;
  c.width = 16;
  c.head = 8;
  c.vocabulary = 32;
  c.context = 4096;
  c.heads.assign(12, 2);
  c.kv_heads.assign(12, 1);
  c.feed_forward.assign(12, 24);
  c.rope = c.decoder->hf_rope;
  c.rotated = c.rope == arch::Rope::none ? 0 : 8;
  c.rope_base = 500000;
  return c;
}

Gguf view_of(const GgufMetadata& metadata) {
  Gguf file;
  for (const auto& [name, value] : metadata.pairs()) {
    file.keys.emplace(name, file.metadata.size());
    file.metadata.emplace_back(name, value);
  }
  file.tensors.push_back(kEmbedding);
  return file;
}

DecoderConfig read_again(const DecoderConfig& config) {
  GgufMetadata metadata;
  const auto written = write_config(config, metadata);
  EXPECT_TRUE(written.ok()) << written.error().message;
  Ledger ledger{Limits()};
  auto read = read_config(GgufFiles({{"", nullptr, view_of(metadata)}}), ledger);
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
  if (!read) return {};
  // What tensors say.
  for (const RopeTensor& tensor : rope_tensors(config)) {
    if (tensor.name == "rope_factors_long.weight") read->scaling.long_factors = tensor.factors;
    if (tensor.name == "rope_factors_short.weight") read->scaling.short_factors = tensor.factors;
  }
  return read.take();
}

void expect_same_frequencies(const DecoderConfig& a, const DecoderConfig& b) {
  std::vector<float> factors;
  for (const RopeTensor& tensor : rope_tensors(a))
    if (tensor.name == "rope_freqs.weight") factors = tensor.factors;
  const auto wanted = frequencies_of(a, a.rope_base, a.scaling, {});
  const auto got = frequencies_of(b, b.rope_base, b.scaling, factors);
  EXPECT_NEAR(got.scale, wanted.scale, 1e-6);
  ASSERT_EQ(got.turns.size(), wanted.turns.size());
  for (size_t i = 0; i < got.turns.size(); ++i)
    EXPECT_NEAR(got.turns[i] / wanted.turns[i], 1, 1e-6) << i;
}

TEST(WriteConfig, EveryScalingIsReadAgain) {
  using Kind = RopeScaling::Kind;
  for (const Kind kind : {Kind::none, Kind::linear, Kind::llama3, Kind::yarn, Kind::longrope}) {
    SCOPED_TRACE(int(kind));
    DecoderConfig config = config_of(kind == Kind::longrope ? "phi3" : "llama");
    config.scaling.kind = kind;
    config.scaling.factor = 8;
    config.scaling.original_context = 512;
    config.scaling.fast = 24;
    if (kind == Kind::longrope) {
      config.scaling.short_factors = {1, 1.25f, 1.5f, 2};
      config.scaling.long_factors = {1, 3, 7, 20};
    }
    if (kind == Kind::none) config.scaling = RopeScaling();
    expect_same_frequencies(config, read_again(config));
    config.scaling.attention = 1.5;
    expect_same_frequencies(config, read_again(config));
  }
}

TEST(WriteConfig, EveryDecoderIsReadAgain) {
  for (const arch::Decoder* decoder : arch::all_decoders()) {
    SCOPED_TRACE(decoder->name);
    DecoderConfig config = config_of(decoder->name);
    config.query_scale = 0.25;
    config.attention_cap = 50;
    config.logit_cap = 30;
    config.epsilon = 1e-6;
    if (decoder->local_rope_base > 0) config.local_rope_base = 20000;
    config.window = 64;
    // Not the layers that have it by themselves.
    for (int64_t i = 0; i < config.layers; ++i) config.windows.push_back(i % 5 == 1);
    const DecoderConfig read = read_again(config);
    EXPECT_EQ(read.decoder, config.decoder);
    EXPECT_EQ(read.heads, config.heads);
    EXPECT_EQ(read.kv_heads, config.kv_heads);
    EXPECT_EQ(read.feed_forward, config.feed_forward);
    EXPECT_EQ(read.head, config.head);
    EXPECT_EQ(read.context, config.context);
    EXPECT_FLOAT_EQ(float(read.epsilon), float(config.epsilon));
    EXPECT_EQ(read.query_scale, config.query_scale);
    EXPECT_EQ(read.attention_cap, config.attention_cap);
    EXPECT_EQ(read.logit_cap, config.logit_cap);
    EXPECT_EQ(read.local_rope_base, config.local_rope_base);
    for (int64_t i = 0; i < config.layers; ++i) {
      EXPECT_EQ(read.has_window(i), config.has_window(i)) << i;
      EXPECT_EQ(read.has_rope(i), config.has_rope(i)) << i;
    }
  }
}

TEST(WriteConfig, WhatNoKeySaysIsRefused) {
  DecoderConfig config = config_of("llama");
  config.ropes.assign(12, true);
  config.ropes[3] = false;
  GgufMetadata metadata;
  EXPECT_FALSE(write_config(config, metadata).ok());
  config = config_of("llama");
  config.scaling = {
      .kind = RopeScaling::Kind::yarn, .factor = 2, .original_context = 64, .whole_pairs = false};
  EXPECT_FALSE(write_config(config, metadata).ok());
}

}  // namespace
}  // namespace hone::gguf
