// Tests on a trained model of TinyStories in all its forms: it gives the recorded logits and tells
// the recorded texts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/scratch_folder.h"
#include "compress/quantize_folder.h"
#include "formats/json.h"
#include "formats/npy.h"
#include "run_model.h"
#include "text/generation/generator.h"
#include "text/tokenizer/read.h"

namespace hone {
namespace {

using test::divergence;
using test::Logits;
using test::logits_of;
using test::opened;

const std::string kCorpora = HONE_CORPORA;

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<int32_t> recorded_tokens() {
  const std::string text = content(kCorpora + "/expected/gguf/stories260K/logits_ids.npy");
  Ledger ledger{Limits{}};
  const NpyArray array = read_npy(std::as_bytes(std::span(text)), ledger).take();
  std::vector<int32_t> out;
  for (size_t i = 0; i < size_t(array.shape[0]); ++i) {
    int32_t token;
    std::memcpy(&token, array.data.data() + i * array.item_size, sizeof token);
    out.push_back(token);
  }
  return out;
}

Logits recorded(const std::string& model) {
  const std::string text = content(kCorpora + "/expected/gguf/" + model + "/logits.npy");
  Ledger ledger{Limits{}};
  const NpyArray array = read_npy(std::as_bytes(std::span(text)), ledger).take();
  Logits out;
  const int64_t width = array.shape[1];
  for (int64_t t = 0; t < array.shape[0]; ++t) {
    std::vector<float> row(static_cast<size_t>(width));
    std::memcpy(row.data(), array.data.data() + size_t(t * width) * sizeof(float),
                row.size() * sizeof(float));
    out.push_back(std::move(row));
  }
  return out;
}

struct Story {
  std::string prompt, text;
  std::vector<int32_t> prompt_ids, ids;  // ids: with the prompt's
};

std::vector<int32_t> integers(const Json& array) {
  std::vector<int32_t> out;
  for (const Json element : array.elements()) out.push_back(int32_t(element.as_int64().take()));
  return out;
}

std::vector<Story> recorded_stories() {
  const std::string text = content(kCorpora + "/expected/gguf/stories260K/greedy.json");
  Ledger ledger{Limits{}};
  const JsonDocument document = JsonDocument::parse(text, ledger).take();
  std::vector<Story> out;
  for (const Json story : document.root().get("greedy").take().elements()) {
    const auto string = [&](const char* key) {
      return std::string(story.get(key).take().as_string().take());
    };
    out.push_back({string("prompt"), string("text"), integers(story.get("prompt_ids").take()),
                   integers(story.get("greedy_ids").take())});
  }
  return out;
}

std::vector<int32_t> joined(std::vector<int32_t> a, std::span<const int32_t> b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// What the model tells behind a prompt when it always takes the most likely token.
Generation told(LanguageModel& model, const Tokenizer& tokenizer, std::span<const int32_t> prompt,
                size_t tokens, int64_t guesses = 0) {
  Generator generator(model.engine, tokenizer);
  GenerationOptions options;
  options.most_tokens = int64_t(tokens);
  options.sampling.temperature = 0;
  options.ignore_end = true;
  options.guesses = guesses;
  auto made = generator.generate(model.engine.open(), prompt, options);
  EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
  return made.take();
}

struct Form {
  std::string path, logits;  // below gguf or hf; the folder of expected logits
  size_t tokens = 96;        // of each text that its weights tell as those of f32 do
};
void PrintTo(const Form& form, std::ostream* to) { *to << form.path; }

class Stories : public testing::TestWithParam<Form> {
 protected:
  void SetUp() override {
    path_ = kCorpora + '/' + GetParam().path;
    if (!std::filesystem::exists(path_))
      GTEST_SKIP() << "the folder of recorded models is not there";
  }
  std::string path_;
};

TEST_P(Stories, GiveTheRecordedLogits) {
  const Logits wanted = recorded(GetParam().logits);
  const auto tokens = recorded_tokens();
  for (const int threads : {1, 2}) {
    LanguageModel model = opened(path_, threads);
    const Logits made = logits_of(model.engine, model.engine.open(), tokens, 32);
    EXPECT_LT(divergence(wanted, made), 1e-5) << threads;
  }
  // Keys and values of bytes.
  LanguageModel bytes = opened(path_, 2, "auto", {DType::i8, true});
  EXPECT_LT(divergence(wanted, logits_of(bytes.engine, bytes.engine.open(), tokens, 32)), 5e-3);
  // f32 throughout, where not even a hundredth of that is left.
  LanguageModel exact = opened(path_, 2, "auto", {DType::f32, false});
  EXPECT_LT(divergence(wanted, logits_of(exact.engine, exact.engine.open(), tokens, 32)), 1e-9);
}

// The recorded logits say of each token which one follows; of those that are ahead by more than the
// arithmetic differs.
TEST_P(Stories, ForetellWhatIsRecorded) {
  const Logits wanted = recorded(GetParam().logits);
  LanguageModel model = opened(path_, 2);
  const Logits made = logits_of(model.engine, model.engine.open(), recorded_tokens(), 32);
  ASSERT_EQ(made.size(), wanted.size());
  size_t clear = 0;
  for (size_t t = 0; t < wanted.size(); ++t) {
    std::vector<float> sorted = wanted[t];
    std::ranges::nth_element(sorted, sorted.begin() + 1, std::greater());
    if (sorted[0] - sorted[1] < 0.02f) continue;
    ++clear;
    EXPECT_EQ(std::ranges::max_element(made[t]) - made[t].begin(),
              std::ranges::max_element(wanted[t]) - wanted[t].begin())
        << t;
  }
  EXPECT_GT(clear, wanted.size() * 8 / 10);
}

TEST_P(Stories, AreToldAsRecorded) {
  const Tokenizer tokenizer = read_tokenizer(path_, Limits()).take();
  const std::vector<Story> stories = recorded_stories();
  ASSERT_EQ(stories.size(), 4u);
  for (const int threads : {1, 2}) {
    for (const DType cache : {DType::f16, DType::f32}) {
      LanguageModel model = opened(path_, threads, "auto", {cache, true});
      for (const Story& story : stories) {
        const auto prompt = tokenizer.encode(story.prompt);
        ASSERT_TRUE(prompt.ok());
        EXPECT_EQ(*prompt, story.prompt_ids);
        if (GetParam().tokens == 0) continue;
        const size_t n = std::min(GetParam().tokens, story.ids.size());
        const Generation made = told(model, tokenizer, *prompt, n - prompt->size());
        EXPECT_EQ(joined(*prompt, made.tokens),
                  std::vector(story.ids.begin(), story.ids.begin() + int64_t(n)))
            << story.prompt;
        const std::string text = story.prompt + made.text;
        EXPECT_EQ(text, story.text.substr(0, text.size()));
        if (n == story.ids.size()) {
          EXPECT_EQ(text, story.text);
        }
        EXPECT_EQ(tokenizer.decode(story.ids), story.text);
      }
    }
  }
}

// Fewer bits tell other stories: those that f32 arithmetic on the same weights tells.
TEST_P(Stories, AreThoseOfTheWeights) {
  const Tokenizer tokenizer = read_tokenizer(path_, Limits()).take();
  const LanguageOptions exact{DType::f32, false};
  LanguageModel slow = opened(path_, 1, "reference", exact);
  for (const Story& story : recorded_stories()) {
    const Generation wanted = told(slow, tokenizer, story.prompt_ids, 40);
    for (const int threads : {1, 2}) {
      LanguageModel model = opened(path_, threads, "auto", exact);
      EXPECT_EQ(told(model, tokenizer, story.prompt_ids, 40).text, wanted.text) << threads;
      EXPECT_EQ(told(model, tokenizer, story.prompt_ids, 40, 8).text, wanted.text) << "guessed";
    }
  }
}

// The folder as GGUF files of other formats.
TEST(StoriesFolder, BecomesFiles) {
  const std::string path = kCorpora + "/hf/stories260K-safetensors";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the folder of recorded models is not there";
  const ScratchFolder folder;
  ThreadPool pool(2);
  const auto tokens = recorded_tokens();
  const Logits wanted = recorded("stories260K");
  const std::vector<Story> stories = recorded_stories();
  struct Case {
    const char* to;
    double off;
  };
  for (const auto& [to, off] : {Case{"f32", 1e-9}, Case{"f16", 1e-6}, Case{"bf16", 1e-3},
                                Case{"q8_0", 1e-3}, Case{"q5_k_m", 2e-2}}) {
    SCOPED_TRACE(to);
    const std::string file = folder.path() + '/' + to + ".gguf";
    compress::QuantizeOptions options;
    options.plan.mix = to;
    std::vector<std::string> warnings;
    const auto report = compress::quantize_folder(path, file, options, {}, pool, warnings);
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_TRUE(warnings.empty());
    LanguageModel model = opened(file, 2, "auto", {DType::f32, false});
    EXPECT_LT(divergence(wanted, logits_of(model.engine, model.engine.open(), tokens, 32)), off);
    const Tokenizer tokenizer = read_tokenizer(file, Limits()).take();
    for (const Story& story : stories) {
      EXPECT_EQ(*tokenizer.encode(story.prompt), story.prompt_ids);
      EXPECT_EQ(tokenizer.decode(story.ids), story.text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Recorded, Stories,
                         testing::Values(Form{"gguf/stories260K.gguf", "stories260K"},
                                         Form{"gguf/stories260K-F16.gguf", "stories260K-F16"},
                                         Form{"gguf/stories260K-Q8_0.gguf", "stories260K-Q8_0", 80},
                                         Form{"gguf/stories260K-Q4_0.gguf", "stories260K-Q4_0", 0},
                                         Form{"hf/stories260K-safetensors", "stories260K"}),
                         [](const auto& info) {
                           std::string name = info.param.path.substr(info.param.path.find('/') + 1);
                           std::ranges::replace_if(
                               name, [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace hone
