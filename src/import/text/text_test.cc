// Tests of text files whose constants lie in other files or in memory.
#include "import/text/text.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "base/scratch_folder.h"
#include "ir/text.h"
#include "ops/catalogue.h"

namespace hone::text {
namespace {

// 32 floats in a file, 3 in the text.
constexpr std::string_view kText =
    "hone 1 source 0 \"w.bin\" 136 const @w: f32[32] = span(0, 4, 128) const @b: f32[3] = {1, 2, "
    "3} "
    "graph main() -> (w = neg(@w), b = neg(@b)) {}";

class TextFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "model");
    std::filesystem::create_directories(folder_ / "other");
    std::string weights(136, '\0');
    for (size_t i = 0; i < 32; ++i) {
      const auto x = static_cast<float>(i);
      std::memcpy(weights.data() + 4 + 4 * i, &x, 4);
    }
    folder_.write("model/w.bin", weights);
    folder_.write("model/m.ir", kText);
  }
  Model read(const std::string& name) {
    auto model = import_file(folder_ / name, standard_catalogue(), {});
    EXPECT_TRUE(model.ok()) << describe(model.error());
    return model.ok() ? model.take() : Model();
  }
  double element(const Model& model, std::string_view name, int64_t i) {
    const auto tensor = model.read(model.constant_named(name));
    EXPECT_TRUE(tensor.ok());
    return tensor.ok() ? load_real(*tensor, i) : -1;
  }
  // A constant of 20 halves in memory.
  void add_memory(Model& model) {
    std::vector<float> halves(20, 0.5F);
    model.add_constant("m", Tensor::of({20}, halves));
  }
  ScratchFolder folder_;
};

TEST_F(TextFiles, BesideTheModelWeightsStayWhereTheyAre) {
  const auto written = write(read("model/m.ir"), folder_ / "model/again.ir");
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(written->weights, "");
  EXPECT_EQ(read("model/again.ir").sources[0].name, "w.bin");
  EXPECT_EQ(element(read("model/again.ir"), "w", 31), 31);
}

TEST_F(TextFiles, ElsewhereTheyAreCopied) {
  Model model = read("model/m.ir");
  add_memory(model);
  const auto written = write(model, folder_ / "other/m.ir");
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(written->weights, folder_ / "other/m.ir.safetensors");
  EXPECT_EQ(written->bytes, std::filesystem::file_size(written->weights));
  std::filesystem::remove_all(folder_ / "model");
  const Model again = read("other/m.ir");
  EXPECT_EQ(again.sources.size(), 1u);
  EXPECT_EQ(element(again, "w", 31), 31);
  EXPECT_EQ(element(again, "b", 2), 3);
  EXPECT_EQ(element(again, "m", 19), 0.5);
  // Once more over itself, while its weights are mapped.
  ASSERT_TRUE(write(again, folder_ / "other/m.ir").ok());
  EXPECT_EQ(element(read("other/m.ir"), "w", 31), 31);
}

TEST_F(TextFiles, MemoryIsWrittenBesideFilesThatStay) {
  Model model = read("model/m.ir");
  add_memory(model);
  ASSERT_TRUE(write(model, folder_ / "model/x.ir").ok());
  const Model again = read("model/x.ir");
  ASSERT_EQ(again.sources.size(), 2u);
  EXPECT_EQ(again.sources[0].name, "w.bin");
  EXPECT_EQ(again.sources[1].name, "x.ir.safetensors");
  EXPECT_EQ(element(again, "w", 31) + element(again, "m", 0), 31.5);
}

TEST_F(TextFiles, SourcesOfNoConstantAreNotNamed) {
  Model model = read("model/m.ir");
  model.constants[0].data = std::vector<std::byte>(128);
  ASSERT_TRUE(write(model, folder_ / "other/m.ir").ok());
  EXPECT_TRUE(read("other/m.ir").sources.empty());
}

TEST_F(TextFiles, FilesOfNoConstantAreNotNeeded) {
  folder_.write("other/m.ir", "hone 1 source 0 \"gone\" 64 graph main() -> (y = neg(f32{1})) {}");
  EXPECT_TRUE(read("other/m.ir").constants.size() == 1);
}

TEST_F(TextFiles, TextsHoldWhatLiesInMemory) {
  Model model = read("model/m.ir");
  add_memory(model);
  const std::string text = print(model);
  const auto again = parse_model_text(text, standard_catalogue(), Limits());
  ASSERT_TRUE(again.ok()) << describe(again.error());
  EXPECT_EQ(print(*again), text);
  EXPECT_EQ(element(*again, "m", 19), 0.5);
  EXPECT_EQ(again->read(again->constant_named("w")).error().id, ErrorId::not_found);
  const std::string brief = print(model, {.memory = false});
  const auto without = parse_model_text(brief, standard_catalogue(), Limits());
  ASSERT_TRUE(without.ok()) << describe(without.error());
  EXPECT_EQ(without->read(without->constant_named("m")).error().id, ErrorId::not_found);
}

TEST_F(TextFiles, MissingWeights) {
  std::filesystem::remove(folder_ / "model/w.bin");
  EXPECT_EQ(import_file(folder_ / "model/m.ir", standard_catalogue(), {}).error().id,
            ErrorId::not_found);
  const auto model = import_file(folder_ / "model/m.ir", standard_catalogue(),
                                 {.missing = MissingWeights::leave_out});
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->read(model->constant_named("w")).error().id, ErrorId::not_found);
}

// A text can say what its reader does not look at.
TEST_F(TextFiles, InvariantsAreChecked) {
  folder_.write("model/s.ir",
                "hone 1 graph g(x: f32[]) state s: f32[] -> (y) "
                "{ y = neg(s) next s = sequence_construct(x) }");
  const auto model = import_file(folder_ / "model/s.ir", standard_catalogue(), {});
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().id, ErrorId::invalid_graph);
}

}  // namespace
}  // namespace hone::text
