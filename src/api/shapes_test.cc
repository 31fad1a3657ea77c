// Models of published shapes: their sizes, and weights that are what they say.
#include "api/shapes.h"

#include <gtest/gtest.h>

#include <cmath>

#include "api/tokenizer.h"
#include "text/engine/engine.h"

namespace hone {
namespace {

// As the cards of the models have them.
TEST(Shapes, HaveThePublishedNumbersOfParameters) {
  struct Row {
    const char* name;
    double millions;
  };
  constexpr Row kRows[] = {{"gpt2", 124.4},        {"gpt2-medium", 354.8},  {"gpt2-large", 774},
                           {"gpt2-xl", 1557.6},    {"llama3-1b", 1235.8},   {"llama3-3b", 3212.7},
                           {"llama3-8b", 8030.3},  {"mistral-7b", 7248},    {"phi3-mini", 3821.1},
                           {"qwen2.5-0.5b", 494},  {"qwen3-0.6b", 596},     {"smollm-135m", 134.5},
                           {"smollm-360m", 361.8}, {"smollm-1.7b", 1711.4}, {"gemma2-2b", 2614.3},
                           {"gemma3-1b", 999.9}};
  ASSERT_EQ(std::size(kRows), all_shapes().size());
  for (const Row& row : kRows) {
    const auto named = shape_named(row.name);
    ASSERT_TRUE(named) << row.name;
    EXPECT_NEAR(double(named->shape->parameters()) / 1e6, row.millions, 0.002 * row.millions)
        << row.name;
  }
}

TEST(Shapes, Names) {
  EXPECT_EQ(shape_named("llama3-1b")->format, "q4_0");
  EXPECT_EQ(shape_named("llama3-1b:q8_0")->format, "q8_0");
  EXPECT_FALSE(shape_named("llama3-1"));
  EXPECT_FALSE(shape_named("llama3-1b.gguf"));
  EXPECT_FALSE(shape_named(""));
}

double deviation(const Model& model, const char* name) {
  const auto tensor = model.read(model.constant_named(name));
  double sum = 0;
  for (const float x : tensor->as<float>()) sum += double(x) * double(x);
  return std::sqrt(sum / double(tensor->count()));
}

TEST(Shapes, WeightsKeepSumsAsLargeAsTheyWere) {
  for (const char* format : {"q4_0", "q8_0", "q6_k", "f16"}) {
    SCOPED_TRACE(format);
    const auto model = shape_model({shape_named("smollm-135m")->shape, format}, {}, {});
    ASSERT_TRUE(model.ok()) << describe(model.error());
    EXPECT_TRUE(is_language_model(*model));
    // Rows of 576 are no whole number of blocks of 256.
    const Constant& q = model->constants[model->constant_named("blk.3.attn_q.weight").index];
    const Constant& down = model->constants[model->constant_named("blk.3.ffn_down.weight").index];
    EXPECT_EQ(q.type.encoding.format->name, std::string(format) == "q6_k" ? "q8_0" : format);
    EXPECT_EQ(down.type.encoding.format->name, format);
    EXPECT_NEAR(deviation(*model, "blk.3.attn_q.weight"), 1 / std::sqrt(576.0), 0.003);
    EXPECT_NEAR(deviation(*model, "blk.3.ffn_down.weight"), 1 / std::sqrt(1536.0), 0.002);
    EXPECT_EQ(deviation(*model, "blk.3.ffn_norm.weight"), 1);
    EXPECT_NE(synthetic_weights(*model), "");
  }
}

TEST(Shapes, AreTheSameEveryTimeAndNoTwoTensorsAre) {
  const NamedShapeModel named{shape_named("smollm-135m")->shape, "q4_0"};
  const Model a = shape_model(named, {}, {}).take(), b = shape_model(named, {}, {}).take();
  const auto bytes = [](const Model& model, const char* name) {
    return model.stored(model.constant_named(name)).take();
  };
  const auto gate = bytes(a, "blk.0.ffn_gate.weight"), up = bytes(a, "blk.0.ffn_up.weight");
  EXPECT_TRUE(std::ranges::equal(gate, bytes(b, "blk.0.ffn_gate.weight")));
  EXPECT_FALSE(std::ranges::equal(gate, up));
}

TEST(Shapes, HaveKeysOfFiles) {
  for (const ModelShape& shape : all_shapes()) {
    GgufMetadata metadata;
    const Status described = describe_shape(shape, "q4_k_m", {}, metadata);
    ASSERT_TRUE(described.ok()) << shape.name << ": " << describe(described.error());
    const auto text = [&](std::string_view key) {
      for (const auto& [name, value] : metadata.pairs())
        if (name == key) return std::string(*value.as_string());
      return std::string();
    };
    EXPECT_EQ(text("general.name"), shape.name);
    EXPECT_EQ(text("general.architecture"), shape.decoder);
    EXPECT_TRUE(text("general.description").starts_with("synthetic weights in q4_k_m"));
    EXPECT_EQ(text("tokenizer.ggml.model"), "gpt2");
  }
}

TEST(Shapes, TakeBytesForTokens) {
  const auto model = shape_model({shape_named("smollm-135m")->shape, "q4_0"}, {}, {});
  const auto tokenizer = tokenizer_of(*model, "smollm-135m", {});
  ASSERT_TRUE(tokenizer.ok()) << describe(tokenizer.error());
  EXPECT_EQ(tokenizer->token_count(), 49152);
  const std::string text = "H\xc3\xa9\xff\n";
  const auto ids = tokenizer->encode(text);
  EXPECT_EQ(*ids, (std::vector<int32_t>{'H', 0xc3, 0xa9, 0xff, '\n'}));
  EXPECT_EQ(tokenizer->decode(*ids), text);
  EXPECT_EQ(tokenizer->decode(std::vector<int32_t>{49151}), "<49151>");
}

TEST(Shapes, AreRefused) {
  const ModelShape* shape = shape_named("smollm-135m")->shape;
  EXPECT_EQ(shape_model({shape, "q9"}, {}, {}).error().id, ErrorId::usage);
  EXPECT_EQ(shape_model({shape, ""}, {}, {}).error().id, ErrorId::usage);
  Limits limits;
  limits.runtime_memory = 1 << 20;
  EXPECT_EQ(shape_model({shape, "q4_0"}, limits, {}).error().id, ErrorId::over_memory);
}

}  // namespace
}  // namespace hone
