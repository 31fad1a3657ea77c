#include "text/engine/engine.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace hone {
namespace {

constexpr std::array<std::string_view, 7> kInputs{"tokens",  "positions", "slots", "starts",
                                                  "lengths", "table",     "wanted"};

Tensor integers(std::vector<int64_t> elements) {
  const auto n = int64_t(elements.size());
  return Tensor::of(Extents{n}, std::move(elements));
}

int64_t pages_for(int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

// A number of the model's metadata; 0 where it is not known.
int64_t number_in(const Model& model, const std::string& key) {
  int64_t number = 0;
  if (const auto at = model.metadata.find(key); at != model.metadata.end())
    std::from_chars(at->second.data(), at->second.data() + at->second.size(), number);
  return number;
}

bool has_type(const Value& value, DType dtype, size_t rank) {
  const TensorType& type = value.type.tensor;
  return value.type.is_tensor() && type.dtype == dtype && type.shape.ranked &&
         type.shape.rank() == rank;
}

// The types of an untrusted model bind its outputs only as far as they are known before it runs.
Status check_logits(const Tensor& logits, int64_t rows, int64_t vocabulary) {
  const Extents& shape = logits.shape();
  if (logits.dtype() == DType::f32 && shape.size() == 2 && shape[0] == rows &&
      shape[1] == vocabulary)
    return ok();
  return fail(ErrorId::bad_data, "the model does not give " + std::to_string(rows) + " rows of " +
                                     std::to_string(vocabulary) + " f32 logits, as it was asked");
}

}  // namespace

bool is_language_model(const Model& model) {
  const Graph& g = model.main();
  if (g.inputs.size() != kInputs.size() || g.outputs().size() != 1) return false;
  for (size_t i = 0; i < kInputs.size(); ++i) {
    const Value& input = g[g.inputs[i]];
    if (input.name != kInputs[i] || !has_type(input, DType::i64, kInputs[i] == "table" ? 2 : 1))
      return false;
  }
  const Value& logits = g[g.outputs()[0]];
  if (g.output_names()[0] != "logits" || !has_type(logits, DType::f32, 2)) return false;
  const auto vocabulary = logits.type.tensor.shape.dims[1].constant();
  return vocabulary && *vocabulary > 0;
}

Result<Engine> Engine::make(std::shared_ptr<const Program> program, ThreadPool& pool,
                            const EngineOptions& options) {
  const Model& model = program->model();
  if (!is_language_model(model))
    return fail(ErrorId::unsupported_feature,
                "the model is no language model that hone can run step by step");
  Shape shape{.context = options.context};
  const Graph& g = model.main();
  shape.vocabulary = *g[g.outputs()[0]].type.tensor.shape.dims[1].constant();
  shape.trained_context = number_in(model, "context");
  const int64_t learned = number_in(model, "positions");
  if (shape.context <= 0)
    shape.context = shape.trained_context > 0
                        ? std::min(options.most_context, shape.trained_context)
                        : options.most_context;
  if (learned > 0 && shape.context > learned)
    return fail(ErrorId::usage, "a context of " + std::to_string(shape.context) +
                                    " tokens is longer than the " + std::to_string(learned) +
                                    " positions that the model has learned");
  if (shape.context < 1) return fail(ErrorId::usage, "a context of no tokens");
  shape.pages = pages_for(std::max(options.capacity, shape.context));
  Session session(std::move(program), pool, {.trace = options.trace});
  TRY(session.bind({{"pages", shape.pages}}));
  return Engine(std::move(session), shape);
}

std::string Engine::context_warning() const {
  if (trained_context_ <= 0 || context_ <= trained_context_) return {};
  return "the context of " + std::to_string(context_) + " tokens is longer than the " +
         std::to_string(trained_context_) +
         " that the model was trained for: it may talk nonsense beyond them";
}

Engine::SequenceId Engine::open() {
  sequences_.try_emplace(next_);
  return next_++;
}

void Engine::close(SequenceId id) {
  Sequence& s = sequences_.at(id);
  settle(s);
  cut(s, 0);
  sequences_.erase(id);
}

// Gives back the pages behind the first `pages`.
void Engine::cut(Sequence& s, size_t pages) {
  for (; s.pages.size() > pages; s.pages.pop_back()) pool_.release(s.pages.back());
  s.marks.resize(std::min(s.marks.size(), pages));
}

// Pages that are full can serve others; called when their tokens are known to stay.
void Engine::settle(Sequence& s) {
  while (int64_t(s.marks.size() + 1) * kPageTokens <= int64_t(s.tokens.size())) {
    const size_t at = s.marks.size();
    const auto tokens = std::span(s.tokens).subspan(at * kPageTokens, kPageTokens);
    const auto known = pool_.remember(s.pages[at], at == 0 ? 0 : s.marks.back(), tokens);
    s.pages[at] = known.page;
    s.marks.push_back(known.mark);
  }
}

int64_t Engine::reuse(SequenceId id, std::span<const int32_t> tokens) {
  Sequence& s = sequences_.at(id);
  if (!std::ranges::equal(s.tokens, tokens.first(std::min(tokens.size(), s.tokens.size()))))
    return int64_t(s.tokens.size());
  settle(s);
  for (size_t begin; begin = s.marks.size() * kPageTokens, begin + kPageTokens < tokens.size();) {
    const auto page = tokens.subspan(begin, kPageTokens);
    const auto found = pool_.find(s.marks.empty() ? 0 : s.marks.back(), page);
    if (!found) break;
    cut(s, s.marks.size());  // its own page there is not full
    s.pages.push_back(found->page);
    s.marks.push_back(found->mark);
    s.tokens.assign(tokens.begin(), tokens.begin() + int64_t(begin) + kPageTokens);
  }
  return int64_t(s.tokens.size());
}

int64_t Engine::rewind(SequenceId id, int64_t length) {
  Sequence& s = sequences_.at(id);
  if (length >= int64_t(s.tokens.size())) return int64_t(s.tokens.size());
  // A page that others have, or may get, is not written to again.
  if (const auto at = size_t(length / kPageTokens);
      length % kPageTokens != 0 &&
      (pool_.is_shared(s.pages[at]) || pool_.is_remembered(s.pages[at])))
    length -= length % kPageTokens;
  s.tokens.resize(size_t(length));
  cut(s, size_t(pages_for(length)));
  s.marks.resize(std::min(s.marks.size(), size_t(length / kPageTokens)));
  return length;
}

Status Engine::make_room(Sequence& s, int64_t more) {
  const int64_t needed = pages_for(int64_t(s.tokens.size()) + more);
  const size_t had = s.pages.size();
  while (int64_t(s.pages.size()) < needed) {
    const auto page = pool_.take();
    if (!page) {
      cut(s, had);
      return fail(ErrorId::over_memory,
                  "the cache of " + std::to_string(pool_.size() * kPageTokens) + " tokens is full");
    }
    s.pages.push_back(*page);
  }
  return ok();
}

Status Engine::check(std::span<const Piece> pieces) const {
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    if (piece.tokens.empty()) return fail(ErrorId::bad_data, "a step without tokens");
    for (size_t j = 0; j < i; ++j)
      if (pieces[j].sequence == piece.sequence)
        return fail(ErrorId::bad_data, "a sequence is twice in one step");
    for (const int32_t token : piece.tokens)
      if (token < 0 || token >= vocabulary_)
        return fail(ErrorId::bad_data, "token " + std::to_string(token) +
                                           " is outside the vocabulary of " +
                                           std::to_string(vocabulary_));
    if (length(piece.sequence) + int64_t(piece.tokens.size()) > context_) {
      Error error = fail(ErrorId::over_memory, "the text is longer than the context of " +
                                                   std::to_string(context_) + " tokens");
      error.hint = "give a longer one with --context, or a shorter text";
      return error;
    }
  }
  return ok();
}

Result<std::vector<Datum>> Engine::inputs_of(std::span<const Piece> pieces) const {
  std::vector<int64_t> tokens, positions, slots, starts{0}, lengths, wanted;
  const int64_t width = pages_for(context_);
  Tensor pages = TRY(Tensor::make(DType::i64, {int64_t(pieces.size()), width}));
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    const Sequence& s = sequences_.at(piece.sequence);
    std::copy(s.pages.begin(), s.pages.end(), pages.as<int64_t>().begin() + int64_t(i) * width);
    auto place = int64_t(s.tokens.size());
    for (const int32_t token : piece.tokens) {
      const bool last = positions.size() + 1 == size_t(starts.back()) + piece.tokens.size();
      if (piece.wanted == Piece::Wanted::all || (piece.wanted == Piece::Wanted::last && last))
        wanted.push_back(int64_t(tokens.size()));
      tokens.push_back(token);
      slots.push_back(s.pages[size_t(place / kPageTokens)] * kPageTokens + place % kPageTokens);
      positions.push_back(place++);
    }
    starts.push_back(int64_t(tokens.size()));
    lengths.push_back(place);
  }
  std::vector<Datum> out;
  for (auto* list : {&tokens, &positions, &slots, &starts, &lengths})
    out.emplace_back(integers(std::move(*list)));
  out.emplace_back(std::move(pages));
  out.emplace_back(integers(std::move(wanted)));
  return out;
}

Result<std::span<const float>> Engine::step(std::span<const Piece> pieces) {
  TRY(check(pieces));
  for (const Piece& piece : pieces) {
    Sequence& s = sequences_.at(piece.sequence);
    settle(s);
    TRY(make_room(s, int64_t(piece.tokens.size())));
  }
  logits_ = Datum();
  std::vector<Datum> inputs = TRY(inputs_of(pieces));
  const int64_t rows = inputs.back().tensor.count();
  auto outputs = TRY(session_.run(std::move(inputs)));
  TRY(check_logits(outputs[0].tensor, rows, vocabulary_));
  for (const Piece& piece : pieces) {
    std::vector<int32_t>& tokens = sequences_.at(piece.sequence).tokens;
    tokens.insert(tokens.end(), piece.tokens.begin(), piece.tokens.end());
  }
  logits_ = std::move(outputs[0]);
  const Tensor& logits = logits_.tensor;
  return std::as_const(logits).as<float>();
}

}  // namespace hone
