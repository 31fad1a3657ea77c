// Every family of text encoders by name with every head that it has, ViT and CLIP.
#include <gtest/gtest.h>

#include "api/open.h"
#include "import/arch/names.h"
#include "made_weights.h"
#include "ops/catalogue.h"

namespace hone {
namespace {

using arch::Head;
using arch::LayerNames;
using arch::TextEncoder;
using namespace testing;

constexpr int64_t kWidth = 16, kEmbedding = 8, kWords = 30, kContext = 20, kFeedForward = 24;

void add_product(MadeTensors& tensors, const std::string& name, int64_t in, int64_t out) {
  add_tensor(tensors, name + ".weight", {out, in});
  add_tensor(tensors, name + ".bias", {out});
}
void add_norm(MadeTensors& tensors, const std::string& name, int64_t size) {
  add_product(tensors, name, 1, size);
  tensors[name + ".weight"].shape = {size};
}

void add_layers(MadeTensors& tensors, const LayerNames& names, const std::string& prefix,
                int64_t layers) {
  for (int64_t i = 0; i < layers; ++i) {
    const auto name = [&](std::string_view pattern) { return prefix + arch::numbered(pattern, i); };
    for (const auto pattern : {names.query, names.key, names.value, names.attended})
      add_product(tensors, name(pattern), kWidth, kWidth);
    add_norm(tensors, name(names.attention_norm), kWidth);
    add_product(tensors, name(names.up), kWidth, kFeedForward);
    add_product(tensors, name(names.down), kFeedForward, kWidth);
    add_norm(tensors, name(names.output_norm), kWidth);
  }
}

// `head` may be null.
MadeTensors text_tensors(const TextEncoder& f, const Head* head) {
  MadeTensors out;
  const std::string prefix(f.prefix);
  const int64_t narrow = f.projection.empty() ? kWidth : kEmbedding;
  const auto name = [&](std::string_view tensor) { return prefix + std::string(tensor); };
  add_tensor(out, name(f.words) + ".weight", {kWords, narrow});
  add_tensor(out, name(f.positions) + ".weight", {kContext, narrow});
  if (!f.types.empty()) add_tensor(out, name(f.types) + ".weight", {2, narrow});
  add_norm(out, name(f.embedding_norm), narrow);
  if (!f.projection.empty()) add_product(out, name(f.projection), narrow, kWidth);
  if (!f.relative_bias.empty()) add_tensor(out, name(f.relative_bias), {32, 2});
  add_layers(out, f.layer, prefix, f.name == "albert" ? 1 : 2);
  if (!f.pooler.empty()) add_product(out, name(f.pooler), kWidth, kWidth);
  if (!head) return out;
  const int64_t width = head->tied ? narrow : kWidth;
  if (!head->dense.empty()) add_product(out, std::string(head->dense), kWidth, width);
  if (!head->norm.empty()) add_norm(out, std::string(head->norm), width);
  if (head->tied) {
    add_tensor(out, std::string(head->bias), {kWords});
  } else {
    const bool spans = head->outputs.find(' ') != std::string_view::npos;
    add_product(out, std::string(head->out), width, head->squeezed ? 1 : spans ? 2 : 3);
  }
  return out;
}

std::string text_config(const TextEncoder& f, std::string_view type, std::string_view ending) {
  const bool distil = f.name == "distilbert";
  std::string out = "{\"model_type\": \"" + std::string(type) + "\", \"architectures\": [\"X" +
                    std::string(ending) + "\"]";
  const auto add = [&](const char* key, int64_t n) {
    out += std::string(", \"") + key + "\": " + std::to_string(n);
  };
  add(distil ? "dim" : "hidden_size", kWidth);
  add(distil ? "n_layers" : "num_hidden_layers", 2);
  add(distil ? "n_heads" : "num_attention_heads", 2);
  add(distil ? "hidden_dim" : "intermediate_size", kFeedForward);
  add("pad_token_id", 1);
  return out + "}";
}

Datum integers(Extents shape, const std::vector<int64_t>& elements) {
  return Datum(Tensor::of(shape, elements));
}
const std::vector<int64_t> kIds{5, 9, 2, 29, 7, 4, 8, 3, 1, 1}, kMask{1, 1, 1, 1, 1, 1, 1, 1, 0, 0},
    kTypes{0, 0, 1, 1, 1, 0, 1, 1, 1, 1};

std::vector<Datum> text_inputs(const Model& model) {
  std::vector<Datum> in{integers({2, 5}, kIds), integers({2, 5}, kMask), integers({2, 5}, kTypes)};
  in.resize(model.main().inputs.size());
  return in;
}

Model opened(const std::string& path) {
  auto model = open_model(path);
  EXPECT_TRUE(model.ok()) << describe(model.error());
  return model ? model.take() : Model();
}

class TextEncoders : public ::testing::TestWithParam<const TextEncoder*> {
 protected:
  ScratchFolder folder_;
};

TEST_P(TextEncoders, WithEveryHead) {
  const TextEncoder& f = *GetParam();
  const std::string_view type = f.hf_types.substr(0, f.hf_types.find(' '));
  std::vector<const Head*> heads{nullptr};
  for (const Head& head : f.heads)
    if (head.ending != "ForPreTraining" || f.name != "bert") heads.push_back(&head);
  for (const Head* head : heads) {
    const std::string_view ending = head ? head->ending : "Model";
    SCOPED_TRACE(ending);
    const Model model = opened(write_folder(folder_, std::string(ending),
                                            text_config(f, type, ending), text_tensors(f, head)));
    if (model.graphs.empty()) continue;
    const auto out = expect_same_everywhere(model, text_inputs(model));
    ASSERT_GE(out.size(), 1u);
    EXPECT_EQ(out[0].tensor.shape(), (Extents{2, 5, kWidth}));
    EXPECT_EQ(out.size() > 1, head || !f.pooler.empty());
  }
}

TEST_P(TextEncoders, LeaveOutWhatIsOfAnotherHead) {
  const TextEncoder& f = *GetParam();
  MadeTensors tensors = text_tensors(f, &f.heads[0]);
  const std::string config = text_config(f, f.name, "Model");
  ASSERT_FALSE(opened(write_folder(folder_, "m", config, tensors)).graphs.empty());
  add_tensor(tensors, std::string(f.prefix) + "encoder.extra.weight", {2});
  const auto model = open_model(write_folder(folder_, "m", config, tensors));
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.error().message.find("encoder.extra.weight"), std::string::npos);
}

// Padding changes nothing about the other tokens.
TEST_P(TextEncoders, SeeNoPadding) {
  const TextEncoder& f = *GetParam();
  const Model model =
      opened(write_folder(folder_, "m", text_config(f, f.name, "Model"), text_tensors(f, nullptr)));
  ASSERT_FALSE(model.graphs.empty());
  auto padded = text_inputs(model);
  const auto whole = run_on("reference", model, padded);
  std::vector<Datum> cut{integers({1, 3}, {4, 8, 3}), integers({1, 3}, {1, 1, 1}),
                         integers({1, 3}, {0, 1, 1})};
  cut.resize(padded.size());
  const auto part = run_on("reference", model, cut);
  ASSERT_TRUE(whole.ok() && part.ok());
  for (int64_t i = 0; i < 3 * kWidth; ++i)
    ASSERT_NEAR(load_real((*whole)[0].tensor, 5 * kWidth + i), load_real((*part)[0].tensor, i),
                1e-5)
        << i;
}

INSTANTIATE_TEST_SUITE_P(All, TextEncoders,
                         ::testing::ValuesIn(arch::all_text_encoders().begin(),
                                             arch::all_text_encoders().end()),
                         [](const auto& info) { return std::string(info.param->name); });

std::string sizes(const std::string& more) {
  return "\"hidden_size\": 16, \"num_hidden_layers\": 2, \"num_attention_heads\": 2, "
         "\"intermediate_size\": 24, \"image_size\": 8, \"patch_size\": 4" +
         more;
}
Datum pixels(int64_t images) {
  std::vector<float> elements(size_t(images * 3 * 64));
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = float(i % 17) / 8.0F - 1;
  return Datum(Tensor::of({images, 3, 8, 8}, elements));
}

TEST(VisionEncoders, Vit) {
  const LayerNames layer{.query = "encoder.layer.{}.attention.attention.query",
                         .key = "encoder.layer.{}.attention.attention.key",
                         .value = "encoder.layer.{}.attention.attention.value",
                         .attended = "encoder.layer.{}.attention.output.dense",
                         .attention_norm = "encoder.layer.{}.layernorm_before",
                         .up = "encoder.layer.{}.intermediate.dense",
                         .down = "encoder.layer.{}.output.dense",
                         .output_norm = "encoder.layer.{}.layernorm_after"};
  MadeTensors tensors;
  add_tensor(tensors, "vit.embeddings.cls_token", {1, 1, kWidth});
  add_tensor(tensors, "vit.embeddings.position_embeddings", {1, 5, kWidth});
  add_product(tensors, "vit.embeddings.patch_embeddings.projection", 48, kWidth);
  tensors["vit.embeddings.patch_embeddings.projection.weight"].shape = {kWidth, 3, 4, 4};
  add_layers(tensors, layer, "vit.", 2);
  add_norm(tensors, "vit.layernorm", kWidth);
  add_product(tensors, "classifier", kWidth, 3);
  ScratchFolder folder;
  const std::string begin = "{\"model_type\": \"vit\", \"architectures\": [\"ViT";
  const Model model = opened(
      write_folder(folder, "c", begin + "ForImageClassification\"], " + sizes("}"), tensors));
  ASSERT_FALSE(model.graphs.empty());
  const auto out = expect_same_everywhere(model, {pixels(2)});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].tensor.shape(), (Extents{2, 5, kWidth}));
  EXPECT_EQ(out[1].tensor.shape(), (Extents{2, 3}));
  const auto other = open_model(
      write_folder(folder, "o", begin + "ForMaskedImageModeling\"], " + sizes("}"), tensors));
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().id, ErrorId::unsupported_feature);
}

TEST(VisionEncoders, Clip) {
  MadeTensors tensors;
  for (const std::string tower : {"text_model.", "vision_model."}) {
    const std::string layer = tower + "encoder.layers.{}.";
    const std::string q = layer + "self_attn.q_proj", k = layer + "self_attn.k_proj",
                      v = layer + "self_attn.v_proj", o = layer + "self_attn.out_proj",
                      a = layer + "layer_norm1", u = layer + "mlp.fc1", d = layer + "mlp.fc2",
                      n = layer + "layer_norm2";
    add_layers(tensors, {q, k, v, o, a, u, d, n}, "", 2);
  }
  add_tensor(tensors, "text_model.embeddings.token_embedding.weight", {kWords, kWidth});
  add_tensor(tensors, "text_model.embeddings.position_embedding.weight", {kContext, kWidth});
  add_norm(tensors, "text_model.final_layer_norm", kWidth);
  add_tensor(tensors, "vision_model.embeddings.class_embedding", {kWidth});
  add_tensor(tensors, "vision_model.embeddings.position_embedding.weight", {5, kWidth});
  add_tensor(tensors, "vision_model.embeddings.patch_embedding.weight", {kWidth, 3, 4, 4});
  add_norm(tensors, "vision_model.pre_layrnorm", kWidth);
  add_norm(tensors, "vision_model.post_layernorm", kWidth);
  add_tensor(tensors, "text_projection.weight", {6, kWidth});
  add_tensor(tensors, "visual_projection.weight", {6, kWidth});
  add_tensor(tensors, "logit_scale", {});
  ScratchFolder folder;
  const std::string inner = "{" + sizes(", \"eos_token_id\": 29}");
  const std::string config = "{\"model_type\": \"clip\", \"text_config\": " + inner +
                             ", \"vision_config\": " + inner + ", \"architectures\": [\"";
  for (const char* dtype : {"F32", "F16"}) {
    const Model model =
        opened(write_folder(folder, dtype, config + "CLIPModel\"]}", tensors, dtype));
    ASSERT_FALSE(model.graphs.empty());
    const auto out =
        expect_same_everywhere(model, {integers({2, 5}, kIds), integers({2, 5}, kMask), pixels(3)});
    ASSERT_EQ(out.size(), 4u);
    EXPECT_EQ(out[0].tensor.shape(), (Extents{3, 2}));
    EXPECT_EQ(out[1].tensor.shape(), (Extents{2, 3}));
  }
  // One tower of the same file.
  const Model text =
      opened(write_folder(folder, "t", config + "CLIPTextModelWithProjection\"]}", tensors));
  ASSERT_FALSE(text.graphs.empty());
  EXPECT_EQ(expect_same_everywhere(text, {integers({2, 5}, kIds), integers({2, 5}, kMask)}).size(),
            3u);
  const Model vision = opened(write_folder(folder, "v", config + "CLIPVisionModel\"]}", tensors));
  ASSERT_FALSE(vision.graphs.empty());
  EXPECT_EQ(expect_same_everywhere(vision, {pixels(3)}).size(), 2u);
}

}  // namespace
}  // namespace hone
