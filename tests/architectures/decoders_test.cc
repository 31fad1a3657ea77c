// Every decoder of decoders.def by name: under the names of GGUF files and as a folder.
#include <gtest/gtest.h>

#include "api/open.h"
#include "compress/quantize_folder.h"
#include "import/arch/build_decoder.h"
#include "import/hf/names.h"
#include "made_weights.h"
#include "ops/catalogue.h"
#include "support/data.h"

namespace hone {
namespace {

using arch::Decoder;
using namespace testing;

const std::vector<int64_t> kTokens{3, 17, 9, 25, 1, 39, 0, 12};

class Decoders : public ::testing::TestWithParam<const Decoder*> {
 protected:
  std::vector<Datum> run(const Model& model) {
    return expect_same_everywhere(model, step_inputs(kTokens), 1);
  }
  std::vector<Datum> run_folder(const std::string& path) {
    auto model = open_model(path);
    EXPECT_TRUE(model.ok()) << describe(model.error());
    return model ? run(*model) : std::vector<Datum>();
  }
  ScratchFolder folder_;
};

TEST_P(Decoders, FromNamesOfGgufFiles) {
  const arch::DecoderConfig config = made_config(*GetParam());
  Model model;
  arch::Weights weights = weights_of(decoder_tensors(config), model);
  const auto built = arch::build_decoder(model, standard_catalogue(), config, weights, {});
  ASSERT_TRUE(built.ok()) << describe(built.error());
  const auto out = run(model);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].tensor.shape(), (Extents{int64_t(kTokens.size()), config.vocabulary}));
}

// The weights of a checkpoint, with queries and keys as they are there, give the same.
TEST_P(Decoders, FromAFolder) {
  const Decoder& decoder = *GetParam();
  arch::DecoderConfig config = made_config(decoder);
  const MadeTensors tensors = decoder_tensors(config);
  config.rope = decoder.hf_rope;
  for (const std::string_view type : hf::words_of(decoder.hf_types)) {
    SCOPED_TRACE(type);
    arch::DecoderConfig same = config;
    // That class has no window.
    if (type == "llama") same.window = 0;
    Model model;
    arch::Weights weights = weights_of(tensors, model);
    const auto built = arch::build_decoder(model, standard_catalogue(), same, weights, {});
    ASSERT_TRUE(built.ok()) << describe(built.error());
    const auto expected = run_on("reference", model, step_inputs(kTokens), 1);
    ASSERT_TRUE(expected.ok());
    const std::string path = write_folder(folder_, std::string(type), config_json(same, type),
                                          checkpoint_of(tensors, decoder));
    EXPECT_EQ(difference(run_folder(path), *expected, 1e-5, 1e-5), "");
  }
}

TEST_P(Decoders, FromSixteenBits) {
  const Decoder& decoder = *GetParam();
  const arch::DecoderConfig config = made_config(decoder);
  const MadeTensors tensors = checkpoint_of(decoder_tensors(config), decoder);
  const std::string_view type = hf::words_of(decoder.hf_types)[0];
  const std::string json = config_json(config, type);
  const auto expected = run_folder(write_folder(folder_, "f32", json, tensors));
  // All elements are exact in these.
  for (const char* dtype : {"F16", "BF16"}) {
    SCOPED_TRACE(dtype);
    const auto out = run_folder(write_folder(folder_, dtype, json, tensors, dtype));
    EXPECT_EQ(difference(out, expected, 1e-5, 1e-5), "");
  }
}

// As a GGUF file: in f32, in the sixteen bits that they have, and split in several.
TEST_P(Decoders, FromAFolderToAFile) {
  const Decoder& decoder = *GetParam();
  const arch::DecoderConfig config = made_config(decoder);
  const MadeTensors tensors = checkpoint_of(decoder_tensors(config), decoder);
  ThreadPool pool(2);
  for (const std::string_view type : hf::words_of(decoder.hf_types)) {
    for (const char* dtype : {"F32", "F16", "BF16"}) {
      SCOPED_TRACE(std::string(type) + ' ' + dtype);
      const std::string path = write_folder(folder_, std::string(type) + dtype,
                                            config_json(config, type), tensors, dtype);
      const auto expected = run_folder(path);
      for (const char* to : {"f32", "f16", "bf16"}) {
        compress::QuantizeOptions options;
        options.plan.mix = to;
        std::vector<std::string> warnings;
        const std::string file = path + '-' + to + ".gguf";
        const auto report = compress::quantize_folder(path, file, options, {}, pool, warnings);
        ASSERT_TRUE(report.ok()) << describe(report.error());
        EXPECT_EQ(warnings.size(), 1u);  // there is no tokenizer
        // All elements are exact in sixteen bits.
        EXPECT_EQ(difference(run_folder(file), expected, 1e-5, 1e-5), "") << to;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Decoders,
                         ::testing::ValuesIn(arch::all_decoders().begin(),
                                             arch::all_decoders().end()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace hone
