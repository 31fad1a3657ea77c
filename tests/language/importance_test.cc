// Importance measured on texts: what it is the mean of, and what it is good for.
#include "compress/importance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "api/open.h"
#include "base/scratch_folder.h"
#include "compress/measure_importance.h"
#include "compress/quantize.h"
#include "compress/quantize_folder.h"
#include "run_model.h"
#include "text/generation/generator.h"
#include "text/tokenizer/read.h"
#include "tiny_model.h"

namespace hone {
namespace {

using compress::Importance;
using test::opened;

Model model_at(const std::string& path) {
  OpenOptions options;
  options.language.byte_rows = false;
  return open_model(path, options).take();
}

Importance measured(const std::string& path, std::span<const int32_t> tokens,
                    compress::ImportanceOptions options = {}) {
  ThreadPool pool(2);
  auto made = compress::measure_importance(model_at(path), tokens, options, Limits(), pool);
  EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
  return made.ok() ? made.take() : Importance();
}

// All tensors of a GGUF file as f32.
std::map<std::string, std::vector<float>> tensors_of(const std::string& path) {
  Ledger ledger{Limits()};
  const GgufFiles files = GgufFiles::open(path, ledger).take();
  const auto source = compress::gguf_source(files).take();
  std::map<std::string, std::vector<float>> out;
  for (size_t i = 0; i < source->tensors().size(); ++i) {
    const compress::NamedTensor& tensor = source->tensors()[i];
    std::vector<float>& to = out[tensor.name];
    to.resize(size_t(tensor.elements()));
    source->read(i, 0, tensor.rows(), to.data());
  }
  return out;
}

std::vector<int32_t> some_tokens(int n) {
  std::vector<int32_t> out;
  for (int i = 0; i < n; ++i) out.push_back(int32_t((i * 7919 + i * i * 31) % 300));
  return out;
}

TEST(MeasuredImportance, IsTheMeanSquareOfWhatIsMultiplied) {
  const ScratchFolder folder;
  const std::string path = folder.path() + "/model.gguf";
  ASSERT_TRUE(test::write_tiny_llama(path, "f32").ok());
  const auto tokens = some_tokens(150);
  compress::ImportanceOptions options;
  options.chunk = 64;
  const Importance importance = measured(path, tokens, options);
  EXPECT_EQ(importance.tokens, 150u);
  auto weights = tensors_of(path);
  // Every matrix but the embedding's own use has one; the tied embedding serves for the output.
  for (const auto& [name, elements] : weights) {
    const bool matrix = elements.size() > 1024;
    EXPECT_EQ(importance.find(name) != nullptr, matrix) << name;
  }
  // The first products take the norm of embeddings.
  const size_t width = 256;
  std::vector<double> squares(width);
  for (const int32_t token : tokens) {
    const float* row = weights["token_embd.weight"].data() + size_t(token) * width;
    double sum = 0;
    for (size_t i = 0; i < width; ++i) sum += double(row[i]) * double(row[i]);
    const double scale = 1 / std::sqrt(sum / double(width) + 1e-5);
    for (size_t i = 0; i < width; ++i) {
      const double x = double(row[i]) * scale * double(weights["blk.0.attn_norm.weight"][i]);
      squares[i] += x * x / double(tokens.size());
    }
  }
  for (const char* name : {"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"}) {
    const auto& found = *importance.find(name);
    ASSERT_EQ(found.size(), width);
    for (size_t i = 0; i < width; ++i) EXPECT_NEAR(found[i] / squares[i], 1, 1e-3) << name;
  }
  // What is put in front of each chunk counts.
  options.begin = {7};
  EXPECT_NE(measured(path, tokens, options).tensors, importance.tensors);
  options.begin = {};
  options.chunk = 512;
  EXPECT_NE(measured(path, tokens, options).tensors, importance.tensors);
  EXPECT_EQ(measured(path, tokens, options).find("blk.0.attn_q.weight")->size(), width);
}

// Errors of the elements times what they count.
TEST(MeasuredImportance, MakesWeightedErrorsSmaller) {
  const ScratchFolder folder;
  const std::string path = folder.path() + "/model.gguf";
  ASSERT_TRUE(test::write_tiny_llama(path, "f32").ok());
  const Importance importance = measured(path, some_tokens(500));
  const auto exact = tensors_of(path);
  ThreadPool pool(2);
  for (const char* to : {"q2_k", "q3_k_m", "q4_k_s", "q4_0", "iq4_nl", "iq4_xs"}) {
    const auto quantized = [&](const Importance* with) {
      compress::QuantizeOptions options;
      options.plan.mix = to;
      options.plan.pure = true;
      options.importance = with;
      const std::string out = folder.path() + "/out.gguf";
      EXPECT_TRUE(compress::quantize_gguf(path, out, options, Limits(), pool).ok());
      return tensors_of(out);
    };
    const auto error = [&](std::map<std::string, std::vector<float>> made,
                           const std::string& name) {
      const auto& weights = *importance.find(name);
      double sum = 0;
      for (size_t i = 0; i < made[name].size(); ++i) {
        const double miss = double(made[name][i]) - double(exact.at(name)[i]);
        sum += double(weights[i % weights.size()]) * miss * miss;
      }
      return sum;
    };
    const auto plain = quantized(nullptr), weighted = quantized(&importance);
    for (const auto& [name, weights] : importance.tensors)
      EXPECT_LT(error(weighted, name), error(plain, name)) << to << ' ' << name;
  }
}

TEST(MeasuredImportance, RefusesWhatHasNoTokens) {
  const ScratchFolder folder;
  const std::string path = folder.path() + "/model.gguf";
  ASSERT_TRUE(test::write_tiny_llama(path, "f32").ok());
  ThreadPool pool(1);
  const auto none = compress::measure_importance(model_at(path), {}, {}, Limits(), pool);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().id, ErrorId::bad_data);
}

// Texts that the model itself tells.
std::vector<std::vector<int32_t>> own_texts(LanguageModel& model, const Tokenizer& tokenizer,
                                            uint64_t first, int count) {
  std::vector<std::vector<int32_t>> texts;
  Generator generator(model.engine, tokenizer);
  for (int i = 0; i < count; ++i) {
    GenerationOptions options;
    options.most_tokens = 250;
    options.sampling.temperature = 1;
    options.sampling.top_k = 0;
    options.sampling.top_p = 1;
    options.sampling.min_p = 0;
    options.sampling.seed = first + uint64_t(i);
    const auto id = model.engine.open();
    const std::vector<int32_t> prompt{1};
    texts.push_back(prompt);
    const auto made = generator.generate(id, prompt, options).take();
    texts.back().insert(texts.back().end(), made.tokens.begin(), made.tokens.end());
    model.engine.close(id);
  }
  return texts;
}

// Nats for each token.
double surprise(const std::string& path, const std::vector<std::vector<int32_t>>& texts) {
  LanguageModel model = opened(path, 2);
  double sum = 0, count = 0;
  for (const auto& text : texts) {
    const auto id = model.engine.open();
    const auto logits = test::logits_of(model.engine, id, text, text.size());
    for (size_t t = 0; t + 1 < text.size(); ++t) {
      double total = 0;
      for (const float x : logits[t]) total += std::exp(double(x));
      sum += std::log(total) - double(logits[t][size_t(text[t + 1])]);
      ++count;
    }
    model.engine.close(id);
  }
  return sum / count;
}

TEST(MeasuredImportance, HelpsATrainedModel) {
  const std::string path = std::string(HONE_CORPORA) + "/hf/stories260K-safetensors";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the folder of recorded models is not there";
  const Tokenizer tokenizer = read_tokenizer(path, Limits()).take();
  LanguageModel model = opened(path, 2);
  std::vector<int32_t> tokens;
  for (const auto& text : own_texts(model, tokenizer, 1, 70))
    tokens.insert(tokens.end(), text.begin(), text.end());
  const auto held = own_texts(model, tokenizer, 1000, 70);
  const Importance importance = measured(path, tokens);
  const ScratchFolder folder;
  ThreadPool pool(2);
  double all_with = 0, all_without = 0;
  for (const char* to : {"q2_k", "q3_k_m", "iq4_nl"}) {
    const auto surprised = [&](const Importance* with) {
      compress::QuantizeOptions options;
      options.plan.mix = to;
      options.importance = with;
      const std::string file = folder.path() + "/out.gguf";
      std::vector<std::string> warnings;
      EXPECT_TRUE(compress::quantize_folder(path, file, options, {}, pool, warnings).ok());
      return surprise(file, held);
    };
    // Where a format leaves little to gain, chance decides about a thousandth.
    const double with = surprised(&importance), without = surprised(nullptr);
    EXPECT_LT(with, without * 1.002) << to;
    all_with += with;
    all_without += without;
  }
  EXPECT_LT(all_with, all_without);
}

}  // namespace
}  // namespace hone
