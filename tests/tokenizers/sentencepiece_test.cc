// Models that SentencePiece trains here, and those at hand: ids and texts as the library gives
// them.
#include <gtest/gtest.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/scratch_folder.h"
#include "random_text.h"
#include "text/tokenizer/read.h"

namespace hone {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> words() {
  std::istringstream text(contents(HONE_SOURCE "/README.md"));
  std::vector<std::string> all;
  for (std::string word; text >> word;) all.push_back(word);
  return all;
}

// Trains on the pages of this project and characters of other scripts.
std::string trained(const ScratchFolder& folder, const std::string& flags) {
  std::string text;
  for (const char* page : {"/README.md", "/ARCHITECTURE.md", "/CONTRIBUTING.md"})
    text += contents(HONE_SOURCE + std::string(page));
  text +=
      "\nna\xc3\xafve caf\xc3\xa9 \xce\x95\xce\xbb\xce\xbb\xce\xb7\xce\xbd\xce\xb9\xce\xba\xce\xac "
      "\xe6\xbc\xa2\xe5\xad\x97\xe3\x81\x8b\xe3\x81\xaa\n";
  const std::string input = folder.write("input.txt", text);
  const std::string prefix = folder.path() + "/model";
  const auto status = sentencepiece::SentencePieceTrainer::Train(
      "--input=" + input + " --model_prefix=" + prefix +
      " --minloglevel=2 --num_threads=1 --hard_vocab_limit=false " + flags);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return prefix + ".model";
}

void compare(const std::string& path, uint64_t seed, int rounds) {
  sentencepiece::SentencePieceProcessor oracle;
  ASSERT_TRUE(oracle.Load(path).ok()) << path;
  const auto tokenizer = read_tokenizer(path, {});
  ASSERT_TRUE(tokenizer.ok()) << describe(tokenizer.error());
  ASSERT_EQ(tokenizer->token_count(), oracle.GetPieceSize());
  testing::RandomText random(seed);
  const auto all = words();
  const EncodeOptions plain{.add_special = false, .parse_special = false};
  for (int i = 0; i < rounds; ++i) {
    // Long texts go through the heap.
    const std::string text = random.text(all, i % 20 == 0 ? 120 : 12);
    std::vector<int> want;
    ASSERT_TRUE(oracle.Encode(text, &want).ok());
    const auto got = tokenizer->encode(text, plain);
    ASSERT_TRUE(got.ok()) << describe(got.error());
    ASSERT_EQ(*got, std::vector<int32_t>(want.begin(), want.end())) << quote(text);
    std::string back;
    ASSERT_TRUE(oracle.Decode(want, &back).ok());
    ASSERT_EQ(tokenizer->decode(*got), back) << quote(text);
  }
}

TEST(Sentencepiece, BpeWithByteFallback) {
  const ScratchFolder folder;
  compare(trained(folder,
                  "--model_type=bpe --vocab_size=1200 --byte_fallback "
                  "--normalization_rule_name=identity --remove_extra_whitespaces=false"),
          1, 1500);
}

TEST(Sentencepiece, BpeWithUnknownTokens) {
  const ScratchFolder folder;
  compare(trained(folder, "--model_type=bpe --vocab_size=800"), 2, 1500);
}

TEST(Sentencepiece, BpeWithUserDefinedTokens) {
  const ScratchFolder folder;
  compare(trained(folder,
                  "--model_type=bpe --vocab_size=900 --byte_fallback "
                  "--user_defined_symbols=hone,model,ne,<sep>"),
          3, 1500);
}

TEST(Sentencepiece, BpeWithSpacesBehindWords) {
  const ScratchFolder folder;
  compare(trained(folder, "--model_type=bpe --vocab_size=800 --treat_whitespace_as_suffix"), 4,
          2000);
}

TEST(Sentencepiece, BpeWithoutSplits) {
  const ScratchFolder folder;
  compare(trained(folder,
                  "--model_type=bpe --vocab_size=900 --split_by_whitespace=false "
                  "--add_dummy_prefix=false"),
          5, 2000);
}

TEST(Sentencepiece, Unigram) {
  const ScratchFolder folder;
  compare(trained(folder, "--model_type=unigram --vocab_size=700"), 6, 1500);
}

TEST(Sentencepiece, UnigramWithByteFallback) {
  const ScratchFolder folder;
  compare(trained(folder,
                  "--model_type=unigram --vocab_size=1000 --byte_fallback "
                  "--normalization_rule_name=nmt_nfkc_cf"),
          7, 1500);
}

TEST(Sentencepiece, UnigramWithUserDefinedTokens) {
  const ScratchFolder folder;
  compare(trained(folder,
                  "--model_type=unigram --vocab_size=700 --split_by_whitespace=false "
                  "--user_defined_symbols=hone,mo,<sep>"),
          8, 1500);
}

TEST(Sentencepiece, RealModels) {
  const std::string corpora = HONE_CORPORA;
  if (!std::filesystem::exists(corpora)) GTEST_SKIP() << "no corpora at " << corpora;
  compare(corpora + "/tokenizers/sp_test_model.model", 9, 2500);
  // Texts without the control tokens of the folder's configuration.
  compare(corpora + "/hf/stories260K-bin/tokenizer.model", 10, 2500);
}

}  // namespace
}  // namespace hone
