// A language model that runs: sequences of tokens, their pages of the cache, and steps that take
// rows of any of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "runtime/session.h"
#include "text/engine/page_pool.h"

namespace hone {

// Does the model have the interface of a language model's step (import/arch/build_decoder.h)?
bool is_language_model(const Model& model);

struct EngineOptions {
  // Tokens of one sequence, at most; 0: what the model was trained for, `most_context` at most.
  int64_t context = 0, most_context = 4096;
  int64_t capacity = 0;  // tokens that the cache holds, of all sequences; 0: `context`
  Trace* trace = nullptr;
};

// Results do not depend on which rows are computed together, nor on what the cache held: each
// token's logits have the same bits however the tokens before it came there.
// Not safe for concurrent calls.
class Engine {
 public:
  static Result<Engine> make(std::shared_ptr<const Program> program, ThreadPool& pool,
                             const EngineOptions& options);

  int64_t vocabulary() const { return vocabulary_; }
  int64_t context() const { return context_; }
  // Tokens that the model has seen at once when it was trained; 0: not known.
  int64_t trained_context() const { return trained_context_; }
  // What to tell the user of the context; "" where it is not longer than that.
  std::string context_warning() const;

  using SequenceId = int64_t;
  SequenceId open();
  void close(SequenceId id);
  int64_t length(SequenceId id) const { return int64_t(sequences_.at(id).tokens.size()); }
  std::span<const int32_t> tokens(SequenceId id) const { return sequences_.at(id).tokens; }

  // Takes what the cache holds of the beginning of these tokens into a sequence that holds less of
  // it, but never all of them: logits come from tokens that are run. How many tokens the sequence
  // holds then; one that holds others stays as it is.
  int64_t reuse(SequenceId id, std::span<const int32_t> tokens);
  // Forgets the tokens behind the first `length`; a few more where they share a page with another
  // sequence, or with one to come. How many are left.
  int64_t rewind(SequenceId id, int64_t length);

  struct Piece {
    SequenceId sequence = 0;
    std::span<const int32_t> tokens = {};
    enum class Wanted : uint8_t { none, last, all } wanted = Wanted::last;
  };
  // Appends the tokens of each piece to its sequence (each sequence at most once). Logits of the
  // wanted rows in order [rows][vocabulary], valid until the next step. Nothing is appended where
  // it fails: the cache is full (`over_memory`), a sequence would exceed the context, …
  Result<std::span<const float>> step(std::span<const Piece> pieces);

 private:
  struct Sequence {
    std::vector<int32_t> tokens;
    std::vector<int64_t> pages;
    std::vector<uint64_t> marks;  // of full pages that are settled
  };
  struct Shape {
    int64_t context = 0, trained_context = 0, pages = 0, vocabulary = 0;
  };
  Engine(Session session, const Shape& shape)
      : session_(std::move(session)),
        pool_(shape.pages),
        context_(shape.context),
        trained_context_(shape.trained_context),
        vocabulary_(shape.vocabulary) {}
  void settle(Sequence& sequence);
  void cut(Sequence& sequence, size_t pages);
  Status make_room(Sequence& sequence, int64_t more);
  Status check(std::span<const Piece> pieces) const;
  Result<std::vector<Datum>> inputs_of(std::span<const Piece> pieces) const;

  Session session_;
  PagePool pool_;
  int64_t context_, trained_context_, vocabulary_;
  std::map<SequenceId, Sequence> sequences_;
  SequenceId next_ = 1;
  Datum logits_;
};

// A sequence that is closed however its scope is left.
class ScopedSequence {
 public:
  explicit ScopedSequence(Engine& engine) : engine_(engine), id_(engine.open()) {}
  ScopedSequence(const ScopedSequence&) = delete;
  ScopedSequence& operator=(const ScopedSequence&) = delete;
  ~ScopedSequence() { engine_.close(id_); }
  Engine::SequenceId id() const { return id_; }

 private:
  Engine& engine_;
  Engine::SequenceId id_;
};

}  // namespace hone
