// Tests of what is read of a config.json: ropes in all spellings, windows, defaults.
#include "import/hf/decoder_config.h"

#include <gtest/gtest.h>

#include "import/hf/names.h"

namespace hone::hf {
namespace {

// Frequencies that transformers 5.24 computes for the same settings.
struct Recorded {
  std::string settings;
  std::vector<double> turns;
  double scale = 1;
};

constexpr std::string_view kBase =
    R"({"num_hidden_layers": 6, "hidden_size": 64, "num_attention_heads": 4,
        "intermediate_size": 64, "max_position_embeddings": 256, )";

Result<DecoderSettings> read(std::string_view type, std::string_view more) {
  Ledger ledger{Limits()};
  const JsonDocument document =
      TRY(JsonDocument::parse(std::string(kBase) + std::string(more) + "}", ledger));
  const Config config(document.root());
  return read_decoder_config(config, *arch::decoder_of_hf(type), type);
}

void expect_frequencies(std::string_view type, const Recorded& recorded) {
  SCOPED_TRACE(recorded.settings);
  const auto settings = read(type, recorded.settings);
  ASSERT_TRUE(settings.ok()) << describe(settings.error());
  const arch::DecoderConfig& c = settings->config;
  const auto f = arch::frequencies_of(c, c.rope_base, c.scaling, {});
  ASSERT_EQ(f.turns.size(), recorded.turns.size());
  for (size_t i = 0; i < f.turns.size(); ++i)
    EXPECT_NEAR(f.turns[i], recorded.turns[i], 2e-7 * recorded.turns[i]) << i;
  EXPECT_NEAR(f.scale, recorded.scale, 1e-12);
}

TEST(DecoderConfigs, RopesInAllSpellings) {
  const std::vector<double> llama3{1.0,           0.244384587,    0.0130422562,   0.00395284733,
                                   0.00124999997, 0.000395284733, 0.000125000006, 3.95284733e-05};
  const std::vector<double> linear{0.25,          0.079056941,    0.0250000004,   0.00790569466,
                                   0.00249999994, 0.000790569466, 0.000250000012, 7.90569466e-05};
  expect_frequencies("llama", {R"("rope_scaling": {"rope_type": "llama3", "factor": 8.0,
      "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64})",
                               llama3});
  expect_frequencies("llama", {R"("rope_theta": 5.0, "rope_parameters": {"rope_type": "llama3",
      "rope_theta": 10000.0, "factor": 8, "original_max_position_embeddings": 64})",
                               llama3});
  expect_frequencies("llama", {R"("rope_scaling": {"type": "linear", "factor": 4.0})", linear});
  expect_frequencies("llama", {R"("rope_scaling": {"rope_type": "yarn", "factor": 4.0,
      "original_max_position_embeddings": 64})",
                               {1.0, 0.237170815, 0.049999997, 0.00790569466, 0.00249999994,
                                0.000790569466, 0.000250000012, 7.90569466e-05},
                               1.138629436111989});
  expect_frequencies("llama", {R"("rope_scaling": {"type": "yarn", "factor": 4.0, "mscale": 0.7,
      "mscale_all_dim": 1.0, "truncate": false, "beta_fast": 8, "beta_slow": 2,
      "original_max_position_embeddings": 64})",
                               {1.0, 0.160589159, 0.0250000004, 0.00790569466, 0.00249999994,
                                0.000790569466, 0.000250000012, 7.90569466e-05},
                               0.9634746568860826});
  for (const char* type : {"su", "longrope", "yarn"})
    expect_frequencies(
        "phi3",
        {std::string(R"("original_max_position_embeddings": 64, "rope_scaling": {"type": ")") +
             type + R"(", "short_factor": [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5],
                     "long_factor": [2, 3, 4, 5, 6, 7, 8, 9]})",
         {0.5, 0.10540925, 0.0250000004, 0.00632455572, 0.00166666671, 0.000451753964,
          0.000125000006, 3.51364179e-05},
         1.1547005383792517});
}

std::string windows(const DecoderSettings& s) {
  std::string out;
  for (int64_t i = 0; i < s.config.layers; ++i) out += s.config.has_window(i) ? 'w' : '-';
  return out;
}

TEST(DecoderConfigs, WhichLayersHaveAWindow) {
  const auto of = [](std::string_view type, std::string_view more) {
    const auto settings = read(type, more);
    EXPECT_TRUE(settings.ok()) << describe(settings.error());
    return settings ? windows(*settings) : std::string();
  };
  EXPECT_EQ(of("llama", "\"sliding_window\": 5"), "------");
  EXPECT_EQ(of("mistral", "\"sliding_window\": 5"), "wwwwww");
  EXPECT_EQ(of("mistral", "\"a\": 1"), "wwwwww");
  EXPECT_EQ(of("mistral", "\"sliding_window\": null"), "------");
  EXPECT_EQ(of("gemma2", "\"a\": 1"), "w-w-w-");
  EXPECT_EQ(of("gemma3_text", "\"a\": 1"), "wwwww-");
  EXPECT_EQ(of("gemma3_text", "\"sliding_window_pattern\": 3"), "ww-ww-");
  EXPECT_EQ(of("gemma3_text", R"("layer_types": ["full_attention", "sliding_attention",
      "sliding_attention", "full_attention", "full_attention", "full_attention"])"),
            "-ww---");
  EXPECT_EQ(of("qwen2", "\"sliding_window\": 5, \"max_window_layers\": 2"), "------");
  EXPECT_EQ(
      of("qwen3", "\"use_sliding_window\": true, \"sliding_window\": 5, \"max_window_layers\": 4"),
      "----ww");
  EXPECT_EQ(of("smollm3", "\"use_sliding_window\": true, \"sliding_window\": 5"), "---w--");
  EXPECT_EQ(of("smollm3", R"("use_sliding_window": true, "sliding_window": 5,
      "no_rope_layers": [0, 1, 0, 1, 1, 1])"),
            "w-w---");
  const auto other = read("gemma3_text", "\"layer_types\": [\"linear_attention\"]");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().id, ErrorId::unsupported_feature);
}

TEST(DecoderConfigs, GemmasLocalRopeHasNoScaling) {
  const auto settings = read("gemma3_text", R"("rope_parameters": {
      "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
      "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}})");
  ASSERT_TRUE(settings.ok()) << describe(settings.error());
  EXPECT_EQ(settings->config.rope_base, 1e6);
  EXPECT_EQ(settings->config.local_rope_base, 500);
  EXPECT_EQ(settings->config.scaling.factor, 8);
  EXPECT_TRUE(settings->tied);
  EXPECT_EQ(settings->config.query_scale, 1.0 / 16);
}

TEST(Names, OfCheckpointsBecomeOurs) {
  const Names names(arch::decoder_of_hf("llama")->hf_names);
  for (const char* prefix : {"", "model.", "language_model.model.", "model.language_model."})
    EXPECT_EQ(names.ours(std::string(prefix) + "layers.12.mlp.up_proj.weight"),
              "blk.12.ffn_up.weight");
  EXPECT_EQ(names.ours("lm_head.weight"), "output.weight");
  EXPECT_EQ(names.ours("model.layers.x.mlp.up_proj.weight"), std::nullopt);
  EXPECT_EQ(names.ours("model.layers.1.mlp.3.up_proj.weight"), std::nullopt);
  EXPECT_EQ(names.theirs("blk.3.ffn_up.weight"), "model.layers.3.mlp.up_proj.weight");
  EXPECT_EQ(names.theirs("other.3.weight"), "other.3.weight");
  EXPECT_TRUE(is_buffer("model.layers.0.self_attn.rotary_emb.inv_freq"));
  EXPECT_FALSE(is_buffer("h.0.attn.c_attn.bias"));
}

}  // namespace
}  // namespace hone::hf
