#include "text/generation/generator.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "text/generation/prompt_lookup.h"

namespace hone {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string_view name(Generation::End end) {
  switch (end) {
    case Generation::End::model: return "model";
    case Generation::End::stop: return "stop";
    case Generation::End::length: return "length";
    case Generation::End::context: return "context";
    case Generation::End::user: return "user";
  }
  return "";
}

Generator::Generator(Engine& engine, Tokenizer tokenizer)
    : engine_(engine), tokenizer_(std::move(tokenizer)) {}

Result<const TokenTrie*> Generator::trie() {
  if (trie_) return &*trie_;
  std::vector<std::string> pieces;
  for (int32_t id = 0; id < tokenizer_.token_count(); ++id)
    pieces.push_back(tokenizer_.is_special(id) ? std::string() : tokenizer_.piece(id));
  pieces.resize(size_t(std::max<int64_t>(engine_.vocabulary(), int64_t(pieces.size()))));
  const std::vector<std::string_view> views(pieces.begin(), pieces.end());
  trie_ = TRY(TokenTrie::make(views, tokenizer_.end_ids()));
  return &*trie_;
}

// One call of generate().
class GenerationRun {
 public:
  GenerationRun(Generator& generator, Engine::SequenceId sequence, const GenerationOptions& options)
      : g_(generator),
        id_(sequence),
        options_(options),
        sampler_(options.sampling, options.request) {}

  Result<Generation> run(std::span<const int32_t> prompt) {
    if (prompt.empty())
      return fail(ErrorId::bad_data, "the prompt has no tokens, so there is nothing to go on from");
    TRY(check(options_.sampling));
    stops_ = TRY(StopMatcher::make(options_.stops));
    // Behind special tokens alone a text begins, and a space before its first word is none.
    const bool begins =
        std::ranges::all_of(prompt, [&](int32_t token) { return g_.tokenizer_.is_special(token); });
    stream_.emplace(g_.tokenizer_, !options_.show_special, !begins);
    if (options_.grammar) {
      constraint_.emplace(*options_.grammar);
      trie_ = TRY(g_.trie());
    }
    const double start = now();
    auto logits = TRY(read(prompt));
    out_.prompt_s = now() - start;
    for (const int32_t token : prompt) sampler_.accept(token);
    history_.assign(prompt.begin(), prompt.end());
    bool more = TRY(take(logits.last(size_t(g_.engine_.vocabulary()))));
    out_.first_token_s = now() - start;
    const double decoding = now();
    while (more) more = TRY(advance());
    out_.decode_s = now() - decoding;
    if (out_.end != Generation::End::user) show(stops_.feed(stream_->finish()) + stops_.finish());
    return std::move(out_);
  }

 private:
  // Runs what the sequence does not hold yet; logits of the last token.
  Result<std::span<const float>> read(std::span<const int32_t> prompt) {
    Engine& engine = g_.engine_;
    const auto held = engine.tokens(id_);
    const auto same = std::ranges::mismatch(held, prompt).in1 - held.begin();
    // The last token is run again: its logits are wanted.
    engine.rewind(id_, std::min<int64_t>(same, int64_t(prompt.size()) - 1));
    int64_t at = engine.reuse(id_, prompt);
    out_.prompt_tokens = int64_t(prompt.size());
    out_.reused_tokens = at;
    std::span<const float> logits;
    while (at < int64_t(prompt.size())) {
      const int64_t n =
          std::min(std::max<int64_t>(1, options_.prefill), int64_t(prompt.size()) - at);
      const bool last = at + n == int64_t(prompt.size());
      const Engine::Piece piece{id_, prompt.subspan(size_t(at), size_t(n)),
                                last ? Engine::Piece::Wanted::last : Engine::Piece::Wanted::none};
      logits = TRY(engine.step({&piece, 1}));
      at += n;
      if (options_.on_prompt) options_.on_prompt(at, int64_t(prompt.size()));
    }
    return logits;
  }

  bool full() const {
    return options_.most_tokens >= 0 && int64_t(out_.tokens.size()) >= options_.most_tokens;
  }

  // Tokens that end a generation are not chosen, so that the text knows nothing of them.
  std::span<const float> without_ends(std::span<const float> logits) {
    endless_.assign(logits.begin(), logits.end());
    for (const int32_t id : g_.tokenizer_.end_ids())
      if (id >= 0 && size_t(id) < endless_.size())
        endless_[size_t(id)] = -std::numeric_limits<float>::infinity();
    return endless_;
  }

  // Chooses the next token from its logits; false where that is the end.
  Result<bool> take(std::span<const float> logits) {
    if (full()) return ended(Generation::End::length);
    if (options_.ignore_end) logits = without_ends(logits);
    std::shared_ptr<const TokenMask> mask;
    if (constraint_) mask = TRY(constraint_->allowed(*trie_));
    Sampled sampled = TRY(sampler_.sample(logits, uint32_t(history_.size()), mask.get()));
    const int32_t token = sampled.token;
    if (options_.sampling.top_logprobs >= 0) out_.details.push_back(std::move(sampled));
    if (g_.tokenizer_.ends_generation(token)) return ended(Generation::End::model);
    if (constraint_) TRY(constraint_->accept(g_.tokenizer_.piece(token)));
    sampler_.accept(token);
    history_.push_back(token);
    out_.tokens.push_back(token);
    if (!show(stops_.feed(stream_->next(token)))) return ended(Generation::End::user);
    if (stops_.stopped()) return ended(Generation::End::stop);
    if (constraint_ && constraint_->must_end()) return ended(Generation::End::model);
    if (full()) return ended(Generation::End::length);
    return true;
  }

  bool ended(Generation::End end) {
    out_.end = end;
    return false;
  }

  bool show(const std::string& text) {
    if (text.empty()) return true;
    out_.text += text;
    return !options_.on_text || options_.on_text(text);
  }

  // One step: the newest token, and guesses of what follows. Each is taken as long as the one
  // before it was guessed right.
  Result<bool> advance() {
    Engine& engine = g_.engine_;
    const int64_t room = engine.context() - engine.length(id_);
    if (room < 1) return ended(Generation::End::context);
    std::vector<int32_t> tokens{history_.back()};
    int64_t most = std::min(options_.guesses, room - 1);
    if (options_.most_tokens >= 0)
      most = std::min(most, options_.most_tokens - int64_t(out_.tokens.size()) - 1);
    const auto guesses = guess_from(history_, std::max<int64_t>(0, most));
    tokens.insert(tokens.end(), guesses.begin(), guesses.end());
    const Engine::Piece piece{id_, tokens, Engine::Piece::Wanted::all};
    const auto logits = TRY(engine.step({&piece, 1}));
    ++out_.steps;
    out_.guessed += int64_t(guesses.size());
    const auto width = size_t(engine.vocabulary());
    bool more = true;
    size_t right = 0;
    for (size_t i = 0; more; ++i) {
      more = TRY(take(logits.subspan(i * width, width)));
      if (i >= guesses.size() || history_.back() != guesses[i]) break;
      if (more) ++right;
    }
    out_.accepted += int64_t(right);
    engine.rewind(id_, engine.length(id_) - int64_t(guesses.size() - right));
    return more;
  }

  Generator& g_;
  Engine::SequenceId id_;
  const GenerationOptions& options_;
  Sampler sampler_;
  std::optional<StreamDecoder> stream_;  // once the prompt is known
  StopMatcher stops_;
  std::optional<Constraint> constraint_;
  const TokenTrie* trie_ = nullptr;
  std::vector<float> endless_;    // logits of `ignore_end`
  std::vector<int32_t> history_;  // prompt and what was generated
  Generation out_;
};

Result<Generation> Generator::generate(Engine::SequenceId sequence, std::span<const int32_t> prompt,
                                       const GenerationOptions& options) {
  return GenerationRun(*this, sequence, options).run(prompt);
}

}  // namespace hone
