// What GGUF files of single architectures say in their own way, and models in several files.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "api/open.h"
#include "formats/gguf_writer.h"
#include "import/arch/build_decoder.h"
#include "import/gguf/settings.h"
#include "made_weights.h"
#include "ops/catalogue.h"
#include "support/data.h"

namespace hone {
namespace {

using namespace testing;

const std::vector<int64_t> kTokens{3, 17, 9, 25, 1, 39, 0, 12};

Status write_model(const std::string& path, const arch::DecoderConfig& c, const MadeTensors& made,
                   const GgufOptions& options = {}) {
  GgufMetadata metadata;
  const std::string name(c.decoder->name);
  metadata.set("general.architecture", name);
  const auto number = [&](const char* key, int64_t n) {
    metadata.set(name + '.' + key, uint32_t(n));
  };
  number("block_count", c.layers);
  number("embedding_length", c.width);
  number("context_length", c.context);
  number("attention.head_count", c.heads[0]);
  number("attention.head_count_kv", c.kv_heads[0]);
  number("attention.key_length", c.head);
  number("attention.value_length", c.head);
  number("feed_forward_length", c.feed_forward[0]);
  metadata.set(name + ".attention.layer_norm_rms_epsilon", float(c.epsilon));
  if (c.window > 0) number("attention.sliding_window", c.window);
  if (c.scaling.original_context > 0)
    number("rope.scaling.original_context_length", c.scaling.original_context);
  if (c.scaling.attention > 0)
    metadata.set(name + ".rope.scaling.attn_factor", float(c.scaling.attention));
  std::vector<GgufSource> tensors;
  for (const auto& [tensor, t] : made) {
    tensors.push_back({tensor, t.shape, 0, [&elements = t.elements](const ByteSink& sink) {
                         return sink(std::as_bytes(std::span(elements)));
                       }});
  }
  TRY(write_gguf(path, metadata, tensors, options));
  return ok();
}

std::vector<Datum> run_file(const std::string& path) {
  auto model = open_model(path);
  EXPECT_TRUE(model.ok()) << describe(model.error());
  return model ? expect_same_everywhere(*model, step_inputs(kTokens), 1) : std::vector<Datum>();
}

// Phi's files name no kind of scaling: its lists are tensors.
TEST(GgufFilesOf, Phi3HaveListsOfFactors) {
  arch::DecoderConfig config = made_config(*arch::decoder_named("phi3"));
  config.scaling.kind = arch::RopeScaling::Kind::longrope;
  config.scaling.original_context = 64;
  config.scaling.attention = 1.25;
  for (int64_t i = 0; i < config.rotated / 2; ++i) {
    config.scaling.long_factors.push_back(1 + float(i) / 4);
    config.scaling.short_factors.push_back(1 + float(i) / 16);
  }
  const ScratchFolder folder;
  std::vector<std::vector<Datum>> outputs;
  for (const int64_t context : {128, 64}) {  // the long list, and the short one
    config.context = context;
    Model model;
    MadeTensors made = decoder_tensors(config);
    arch::Weights weights = weights_of(made, model);
    ASSERT_TRUE(arch::build_decoder(model, standard_catalogue(), config, weights, {}).ok());
    const auto expected = expect_same_everywhere(model, step_inputs(kTokens), 1);
    const Extents pairs{config.rotated / 2};
    made["rope_factors_long.weight"] = {pairs, config.scaling.long_factors};
    made["rope_factors_short.weight"] = {pairs, config.scaling.short_factors};
    ASSERT_TRUE(write_model(folder / "phi.gguf", config, made).ok());
    EXPECT_EQ(difference(run_file(folder / "phi.gguf"), expected, 1e-6, 1e-6), "");
    outputs.push_back(expected);
    made["rope_factors_long.weight"].elements[0] = -1;
    ASSERT_TRUE(write_model(folder / "bad.gguf", config, made).ok());
    EXPECT_EQ(open_model(folder / "bad.gguf").error().id, ErrorId::bad_data);
  }
  EXPECT_NE(difference(outputs[0], outputs[1], 1e-6, 1e-6), "");
}

// Their largest models scale queries by what a head has of the width, and no key says so.
TEST(GgufFilesOf, LargeGemmasScaleQueriesByTheWidth) {
  struct Row {
    const char* name;
    int64_t layers, width, heads;
    double scalar;  // 0: by the size of a head
  };
  constexpr Row kRows[] = {{"gemma2", 46, 4608, 32, 144},
                           {"gemma2", 42, 3584, 16, 0},
                           {"gemma3", 62, 5376, 32, 168},
                           {"gemma3", 48, 3840, 16, 0}};
  const ScratchFolder folder;
  for (const Row& row : kRows) {
    arch::DecoderConfig config = made_config(*arch::decoder_named(row.name));
    config.layers = row.layers, config.width = row.width;
    config.heads.assign(size_t(row.layers), row.heads);
    MadeTensors made;
    add_tensor(made, "token_embd.weight", {4, 8});
    ASSERT_TRUE(write_model(folder / "m.gguf", config, made).ok());
    Ledger ledger{Limits()};
    const auto files = GgufFiles::open(folder / "m.gguf", ledger);
    ASSERT_TRUE(files.ok());
    const auto read = gguf::read_config(*files, ledger);
    ASSERT_TRUE(read.ok()) << describe(read.error());
    EXPECT_DOUBLE_EQ(read->query_scale, row.scalar > 0 ? 1 / std::sqrt(row.scalar) : 0) << row.name;
  }
}

TEST(GgufFilesOf, ModelsInParts) {
  const ScratchFolder folder;
  const arch::DecoderConfig config = made_config(*arch::decoder_named("llama"));
  const MadeTensors made = decoder_tensors(config);
  ASSERT_TRUE(write_model(folder / "whole.gguf", config, made).ok());
  ASSERT_TRUE(write_model(folder / "m.gguf", config, made, {.split_bytes = 40000}).ok());
  const auto part = [&](int i) {
    return folder / ("m-0000" + std::to_string(i) + "-of-00003.gguf");
  };
  ASSERT_TRUE(std::filesystem::exists(part(3)));
  const auto expected = run_file(folder / "whole.gguf");
  for (const int i : {1, 2, 3}) {  // whichever is named
    const auto model = open_model(part(i));
    ASSERT_TRUE(model.ok()) << describe(model.error());
    EXPECT_EQ(model->sources.size(), 3u);
    EXPECT_EQ(difference(run_file(part(i)), expected, 0, 0), "");
  }
  std::filesystem::remove(part(2));
  const auto lacking = open_model(part(1));
  ASSERT_FALSE(lacking.ok());
  EXPECT_EQ(exit_code(info(lacking.error().id).blame), 3);
  EXPECT_NE(describe(lacking.error()).find("m-00002-of-00003.gguf', part 2 of 3"),
            std::string::npos)
      << describe(lacking.error());
}

}  // namespace
}  // namespace hone
