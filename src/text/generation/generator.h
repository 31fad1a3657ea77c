// Generates text: prompt in, tokens out, one by one or several at a time where they were guessed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/engine/engine.h"
#include "text/grammar/constraint.h"
#include "text/sampling/sampler.h"
#include "text/stop_matcher.h"
#include "text/tokenizer/tokenizer.h"

namespace hone {

struct GenerationOptions {
  int64_t most_tokens = -1;  // -1: until the model ends it, or the context is full
  SamplingOptions sampling = {};
  uint64_t request = 0;  // tells requests of one seed apart
  std::vector<std::string> stops = {};
  std::optional<Grammar> grammar = {};
  bool ignore_end = false;    // never choose a token that ends a generation
  bool show_special = false;  // spell special tokens out
  int64_t prefill = 512;      // tokens of the prompt in one step
  // Guesses that one step tries, taken from what followed the last few tokens earlier in the text
  // (prompt lookup; Saxena 2023); 0: none. The text does not depend on it.
  int64_t guesses = 0;
  // Called with the number of tokens of the prompt that have been read, and of all.
  std::function<void(int64_t done, int64_t all)> on_prompt = {};
  // Called with text as it comes; false ends the generation.
  std::function<bool(std::string_view)> on_text = {};
};

struct Generation {
  std::vector<int32_t> tokens;  // without the one that ended it
  std::string text;
  enum class End : uint8_t { model, stop, length, context, user } end = End::length;
  std::vector<Sampled> details;  // where log-probabilities were asked for
  int64_t prompt_tokens = 0, reused_tokens = 0;
  int64_t guessed = 0, accepted = 0;
  int64_t steps = 0;  // of generated tokens
  double prompt_s = 0, first_token_s = 0, decode_s = 0;
};
std::string_view name(Generation::End end);

class Generator {
 public:
  Generator(Engine& engine, Tokenizer tokenizer);

  // Goes on behind the tokens of the prompt. What the sequence holds of their beginning is kept,
  // the rest of it is forgotten: a conversation passes all of its tokens each time.
  Result<Generation> generate(Engine::SequenceId sequence, std::span<const int32_t> prompt,
                              const GenerationOptions& options);

 private:
  friend class GenerationRun;
  Result<const TokenTrie*> trie();

  Engine& engine_;
  Tokenizer tokenizer_;
  std::optional<TokenTrie> trie_;  // made when a grammar first needs it
};

}  // namespace hone
