// The public API of hone for language models: open one, tokenize, generate, chat, measure.
//
//   auto model = hone::v1::LanguageModel::open("model.gguf");
//   if (!model) return fail(model.error().describe());
//   hone::v1::GenerateOptions options;
//   options.max_tokens = 64;
//   options.on_text = [](std::string_view text) { return bool(std::cout << text); };
//   auto story = model->generate("Once upon a time", options);
//
// The rules of hone/hone.h hold: Results and no exceptions, names and signatures that stay. A text
// depends on model, prompt and options alone: not on threads, on earlier calls, or on guesses.
#pragma once

#include <functional>
#include <optional>

#include "hone/hone.h"

namespace hone::v1 {

struct LanguageOptions {
  OpenOptions open;
  CompileOptions compile;  // backend, threads, which kernels
  // Tokens of prompt and text, at most; 0: what the model was trained for, 4096 at most.
  int64_t context = 0;
  // Tokens that the cache of keys and values holds for later calls; 0: as many as the context.
  int64_t cached_tokens = 0;
  DType cache = DType::f16;  // how keys and values are kept: f16, i8, bf16, f32
  // Multiply quantized weights with real numbers, not with rows in bytes: slower.
  bool exact_rows = false;
  // The tokenizer, where the model has none: a file or folder as `hone tokenize` takes it.
  std::string tokenizer;
  // A chat template (Jinja) in place of the model's.
  std::string chat_template;
};

struct TokenizeOptions {
  bool add_special = true;  // what the model expects around a text, such as bos
  // Special tokens that the text spells become tokens: not for text from outside.
  bool parse_special = false;
};

// In the order in which they act; each has a value that switches it off.
struct Sampling {
  float repeat_penalty = 1;                           // divides the logits of recent tokens; 1 off
  float presence_penalty = 0, frequency_penalty = 0;  // are taken from them; 0 off
  int penalty_last_n = 64;                            // how many are recent; -1: all
  int top_k = 40;                                     // among the k most likely tokens; 0: all
  float typical_p = 1;                                // locally typical tokens; 1: all
  float top_p = 0.95f;       // among the most likely tokens that make up p; 1: all
  float min_p = 0.05f;       // tokens at least p times as likely as the first; 0: all
  float temperature = 0.8f;  // 0: always the most likely token
  int mirostat = 0;          // version 1 or 2 in place of the cuts above
  float mirostat_tau = 5, mirostat_eta = 0.1f;
  std::vector<std::pair<int32_t, float>> logit_bias;  // added to the logits of tokens
  uint64_t seed = 0;                                  // equal seeds give equal texts
};

struct GenerateOptions {
  int64_t max_tokens = -1;  // -1: until the model ends it, or the context is full
  Sampling sampling;
  std::vector<std::string> stops;  // a text ends where one of these would come
  // Holds the text to a grammar (GBNF), or to a JSON schema; "" for none, and not both.
  std::string grammar, json_schema;
  bool ignore_end = false;    // go on where the model would end
  bool show_special = false;  // spell special tokens out
  int64_t guesses = 0;        // tokens guessed from earlier text and tried in one step, 64 at most
  int logprobs = -1;          // -1 none; 0 of each token; n: and of the n most likely in its place
  // Called with text as it comes, whole characters; false ends the generation.
  std::function<bool(std::string_view)> on_text;
  // Called with the number of tokens of the prompt that have been read, and of all.
  std::function<void(int64_t done, int64_t all)> on_prompt;
};

struct Generation {
  enum class End : uint8_t { model, stop, length, context, user };  // what ended it
  struct Likelihood {
    int32_t token = 0;
    float logprob = 0;
  };
  std::vector<int32_t> tokens;  // without the one that ended it
  std::string text;
  End end = End::length;
  // Where asked for: of each chosen token, the one that ended it too, and of the most likely ones.
  std::vector<Likelihood> logprobs;
  std::vector<std::vector<Likelihood>> most_likely;
  int64_t prompt_tokens = 0, reused_tokens = 0;  // reused: of the prompt, from earlier calls
  int64_t guessed_tokens = 0, accepted_tokens = 0;
  double prompt_s = 0, first_token_s = 0, decode_s = 0;
};

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

struct PerplexityOptions {
  // Tokens of a window; 0: 512, or the context where that is shorter. From window to window; 0: a
  // window.
  int64_t window = 0, stride = 0;
  std::function<void(int64_t done, int64_t all)> progress;
};
struct Perplexity {
  double perplexity = 0;
  double nats = 0, nats_error = 0;  // for each token: the mean, and its standard error
  double foretold = 0;              // the part of tokens that were the most likely ones
  int64_t tokens = 0;
};

// A model that is ready to run, with its tokenizer. Movable; one call at a time.
class LanguageModel {
 public:
  // A GGUF file, a Hugging Face folder, or an artefact of one. Fails with
  // `model.unsupported_feature` where it holds something else.
  static Result<LanguageModel> open(const std::string& path, const LanguageOptions& options = {});

  int64_t context() const;
  int64_t vocabulary() const;  // logits of a token
  std::optional<int32_t> bos() const, eos() const;
  // What was not understood of the tokenizer, and a context beyond what the model was trained for.
  std::vector<std::string> warnings() const;

  Result<std::vector<int32_t>> tokenize(std::string_view text,
                                        const TokenizeOptions& options = {}) const;
  // The bytes of a text, without special tokens unless they are asked for.
  std::string text_of(std::span<const int32_t> tokens, bool with_special = false) const;

  // Goes on from a prompt. What earlier calls left of its beginning in the cache is used again.
  Result<Generation> generate(std::string_view prompt, const GenerateOptions& options = {});
  Result<Generation> generate(std::span<const int32_t> prompt, const GenerateOptions& options = {});
  // The answer to the last message. The chat template puts the messages together; what they say
  // cannot become a special token.
  Result<Generation> chat(const std::vector<Message>& messages,
                          const GenerateOptions& options = {});
  // The tokens that chat() has the model read.
  Result<std::vector<int32_t>> chat_tokens(const std::vector<Message>& messages) const;

  // [tokens][vocabulary]: of each token, what the model thinks of those that may follow.
  Result<std::vector<float>> logits(std::span<const int32_t> tokens);
  // How well the model foretells a text.
  Result<Perplexity> perplexity(std::string_view text, const PerplexityOptions& options = {});
  Result<Perplexity> perplexity(std::span<const int32_t> tokens,
                                const PerplexityOptions& options = {});

  struct Impl;
  explicit LanguageModel(std::unique_ptr<Impl> impl);
  LanguageModel(LanguageModel&&) noexcept;
  LanguageModel& operator=(LanguageModel&&) noexcept;
  ~LanguageModel();

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone::v1
