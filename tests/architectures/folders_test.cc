// Folders that are not as they should be: each is refused by what is wrong with it.
#include <gtest/gtest.h>

#include <filesystem>

#include "api/open.h"
#include "made_weights.h"

namespace hone {
namespace {

using namespace testing;

constexpr std::string_view kConfig =
    R"("model_type": "llama", "num_hidden_layers": 2, "hidden_size": 32, "head_dim": 16,
       "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48)";

class Folders : public ::testing::Test {
 protected:
  Folders() : tensors_(llama()) { write(std::string(kConfig)); }

  static MadeTensors llama() {
    const arch::Decoder& decoder = *arch::decoder_named("llama");
    MadeTensors made = decoder_tensors(made_config(decoder));
    return checkpoint_of(made, decoder);
  }
  void write(const std::string& settings) {
    path_ = write_folder(folder_, "m", "{" + settings + "}", tensors_);
  }
  void expect_refused(ErrorId id, const std::string& part) {
    const auto model = open_model(path_);
    ASSERT_FALSE(model.ok()) << part;
    EXPECT_EQ(model.error().id, id) << describe(model.error());
    EXPECT_NE(describe(model.error()).find(part), std::string::npos) << describe(model.error());
  }
  void expect_opened() {
    const auto model = open_model(path_);
    EXPECT_TRUE(model.ok()) << describe(model.error());
  }
  // In two files, whose index is `index`, or the right one where that is "".
  void shard(const std::string& index = "") {
    std::filesystem::remove(path_ + "/model.safetensors");
    MadeTensors halves[2];
    std::string map;
    size_t i = 0;
    for (const auto& [name, tensor] : tensors_) {
      halves[i % 2].emplace(name, tensor);
      map += (map.empty() ? "\"" : ", \"") + name + "\": \"" + (i++ % 2 ? "b" : "a") +
             ".safetensors\"";
    }
    ASSERT_TRUE(write_weights(path_ + "/a.safetensors", halves[0]).ok());
    ASSERT_TRUE(write_weights(path_ + "/b.safetensors", halves[1]).ok());
    map_ = map;
    write_index(index.empty() ? "{\"weight_map\": {" + map + "}}" : index);
  }
  void write_index(const std::string& text) {
    folder_.write("m/model.safetensors.index.json", text);
  }

  ScratchFolder folder_;
  MadeTensors tensors_;
  std::string path_, map_;
};

TEST_F(Folders, AreOpenedByTheirConfig) {
  expect_opened();
  path_ += "/config.json";
  expect_opened();
}

TEST_F(Folders, WithoutPrefixesOrWithBuffers) {
  MadeTensors bare;
  for (const auto& [name, tensor] : tensors_)
    bare[name.starts_with("model.") ? name.substr(6) : name] = tensor;
  add_tensor(bare, "layers.0.self_attn.rotary_emb.inv_freq", {8});
  tensors_ = bare;
  write(std::string(kConfig));
  expect_opened();
}

TEST_F(Folders, InSeveralFiles) {
  shard();
  expect_opened();
}

TEST_F(Folders, WhoseIndexIsWrong) {
  shard("[1]");
  expect_refused(ErrorId::malformed, "index.json");
  write_index("{\"weight_map\": 3}");
  expect_refused(ErrorId::malformed, "weight_map");
  write_index("{\"weight_map\": {}}");
  expect_refused(ErrorId::bad_data, "weight_map");
  write_index("{\"weight_map\": {" + map_);
  expect_refused(ErrorId::malformed, "index.json");
  write_index("{\"weight_map\": {" + map_ + ", \"more\": \"a.safetensors\"}}");
  expect_refused(ErrorId::bad_data, "'more'");
  write_index("{\"weight_map\": {" + map_ + ", \"more\": \"c.safetensors\"}}");
  expect_refused(ErrorId::not_found, "c.safetensors");
  write_index("{\"weight_map\": {" + map_ + ", \"more\": \"../c.safetensors\"}}");
  expect_refused(ErrorId::outside_folder, "../c.safetensors");
  write_index("{\"weight_map\": {" + map_ + ", \"more\": \"/etc/passwd\"}}");
  expect_refused(ErrorId::outside_folder, "/etc/passwd");
  std::string swapped = map_;
  swapped.replace(swapped.find("a.safetensors"), 1, "b");
  write_index("{\"weight_map\": {" + swapped + "}}");
  expect_refused(ErrorId::bad_data, "lies in");
  const std::string fewer = map_.substr(map_.find(", ") + 2);
  write_index("{\"weight_map\": {" + fewer + "}}");
  expect_refused(ErrorId::bad_data, "does not name");
}

TEST_F(Folders, WithoutWeights) {
  std::filesystem::remove(path_ + "/model.safetensors");
  expect_refused(ErrorId::not_found, "model.safetensors");
  folder_.write("m/pytorch_model.bin", "x");
  expect_refused(ErrorId::unsupported_feature, "pickled by PyTorch (pytorch_model.bin)");
  expect_refused(ErrorId::unsupported_feature, "weights_only=True");
  std::filesystem::rename(path_ + "/pytorch_model.bin", path_ + "/pytorch_model.bin.index.json");
  expect_refused(ErrorId::unsupported_feature, "weights_only=True");
  std::filesystem::rename(path_ + "/pytorch_model.bin.index.json",
                          path_ + "/adapter_model.safetensors");
  expect_refused(ErrorId::unsupported_feature, "merge_and_unload");
  std::filesystem::remove(path_ + "/config.json");
  expect_refused(ErrorId::not_found, "config.json");
}

TEST_F(Folders, WithDamagedWeights) {
  folder_.write("m/model.safetensors", "");
  expect_refused(ErrorId::truncated, "model.safetensors");
  folder_.write("m/model.safetensors", std::string("\x02\0\0\0\0\0\0\0{]", 10));
  expect_refused(ErrorId::malformed, "model.safetensors");
}

TEST_F(Folders, WithOtherTensors) {
  const auto with = [&](const std::string& name, Extents shape) {
    MadeTensors kept = tensors_;
    tensors_.erase(name);
    if (!shape.empty()) add_tensor(tensors_, name, shape);
    write(std::string(kConfig));
    tensors_ = kept;
  };
  with("model.layers.1.mlp.up_proj.weight", {});
  expect_refused(ErrorId::bad_data, "model.layers.1.mlp.up_proj.weight");
  with("model.layers.1.mlp.up_proj.weight", {48, 31});
  expect_refused(ErrorId::bad_data, "[48,31]");
  with("model.embed_tokens.weight", {40});
  expect_refused(ErrorId::bad_data, "model.embed_tokens.weight");
  with("lm_head.weight", {});
  expect_refused(ErrorId::bad_data, "tie_word_embeddings");
  with("model.layers.2.mlp.up_proj.weight", {48, 32});
  expect_refused(ErrorId::unsupported_feature, "model.layers.2.mlp.up_proj.weight");
  with("embed_tokens.weight", {40, 32});
  expect_refused(ErrorId::bad_data, "two tensors");
}

TEST_F(Folders, WithOtherSettings) {
  const std::string base(kConfig);
  const auto refused = [&](const std::string& settings, ErrorId id, const std::string& part) {
    SCOPED_TRACE(settings);
    write(settings);
    expect_refused(id, part);
  };
  refused("\"model_type\": \"mamba\"", ErrorId::unsupported_feature, "known are albert, bert");
  refused("\"a\": 1", ErrorId::unsupported_feature, "model_type");
  refused("\"model_type\": 3", ErrorId::malformed, "model_type");
  refused("\"model_type\": \"llama\"", ErrorId::bad_data, "num_hidden_layers");
  const auto more = [&](const std::string& settings, ErrorId id, const std::string& part) {
    refused(base + ", " + settings, id, part);
  };
  more("\"hidden_act\": \"relu\"", ErrorId::unsupported_feature, "relu");
  more("\"rms_norm_eps\": -1", ErrorId::bad_data, "epsilon");
  more("\"rope_theta\": 0", ErrorId::bad_data, "rope");
  more("\"rope_scaling\": 3", ErrorId::malformed, "rope_scaling");
  more("\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2}", ErrorId::unsupported_feature,
       "dynamic");
  more("\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}", ErrorId::bad_data, "scaling");
  more("\"rope_scaling\": {\"type\": \"longrope\"}", ErrorId::bad_data, "short_factor");
  more("\"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1], \"long_factor\": [1]}",
       ErrorId::bad_data, "1 factors");
  more("\"partial_rotary_factor\": 2", ErrorId::bad_data, "partial_rotary_factor");
  more("\"quantization_config\": {}", ErrorId::unsupported_feature, "quantized");
}

TEST_F(Folders, WithSizesThatCannotBe) {
  const auto refused = [&](const std::string& key, const std::string& value) {
    std::string settings(kConfig);
    const size_t at = settings.find(": ", settings.find(key)) + 2;
    settings.replace(at, settings.find_first_of(",}", at) - at, value);
    write(settings);
    const auto model = open_model(path_);
    ASSERT_FALSE(model.ok()) << settings;
    EXPECT_EQ(info(model.error().id).blame, Blame::input) << describe(model.error());
  };
  for (const char* key : {"num_hidden_layers", "hidden_size", "head_dim", "num_attention_heads",
                          "num_key_value_heads"})
    for (const char* value : {"0", "-1", "9223372036854775807", "1.5", "\"2\"", "1e99"})
      refused(key, value);
}

TEST_F(Folders, ThatAreNoObject) {
  for (const char* text : {"", "[]", "{", "nonsense", "{\"model_type\": \"llama\"", "\xff{}"}) {
    SCOPED_TRACE(text);
    folder_.write("m/config.json", text);
    const auto model = open_model(path_);
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(info(model.error().id).blame, Blame::input);
  }
}

}  // namespace
}  // namespace hone
