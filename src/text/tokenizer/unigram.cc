// The best path through the lattice of tokens (Viterbi), found from left to right.
#include "text/tokenizer/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "text/tokenizer/build.h"
#include "text/tokenizer/fields.h"
#include "text/tokenizer/unicode.h"

namespace hone::tokenizer {
namespace {

constexpr double kUnknownPenalty = 10;
constexpr int32_t kUnreached = -2;

}  // namespace

Result<std::unique_ptr<Unigram>> Unigram::make(std::shared_ptr<const Vocabulary> vocabulary,
                                               std::vector<double> scores, Options options,
                                               Ledger& ledger) {
  if (scores.size() > size_t(vocabulary->size())) {
    return fail(ErrorId::malformed,
                fmt::format("{} scores for {} tokens", scores.size(), vocabulary->size()));
  }
  auto made = std::make_unique<Unigram>();
  // SentencePiece looks for the largest score from the least positive float on: where all scores
  // are negative, as trained ones are, favoured tokens have next to nothing.
  double least = 0, most = std::numeric_limits<float>::min();
  bool any = false;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!std::isfinite(scores[i]))
      return fail(ErrorId::malformed, fmt::format("the score of token {} is not a number", i));
    if (!vocabulary->found(static_cast<int32_t>(i))) continue;
    if (!options.favoured.empty() && options.favoured[i] != 0) continue;
    least = any ? std::min(least, scores[i]) : scores[i];
    most = std::max(most, scores[i]);
    any = true;
  }
  made->unknown_score_ = least - kUnknownPenalty;
  made->favoured_score_ = most;
  made->vocabulary_ = std::move(vocabulary);
  made->scores_ = std::move(scores);
  made->options_ = std::move(options);
  TRY(made->build(ledger));
  return made;
}

Status Unigram::build(Ledger& ledger) {
  uint64_t bytes = 0;
  const auto known = static_cast<int32_t>(scores_.size());
  for (int32_t id = 0; id < known; ++id)
    if (vocabulary_->found(id)) bytes += (*vocabulary_)[id].size();
  const uint64_t slots = std::bit_ceil(bytes * 3 / 2 + 2);
  TRY(ledger.charge(slots * sizeof(Edge), "the trie of the vocabulary"));
  edges_.assign(slots, {});
  mask_ = slots - 1;
  uint32_t nodes = 1;
  for (int32_t id = 0; id < known; ++id) {
    if (!vocabulary_->found(id)) continue;
    uint32_t node = 0;
    Edge* last = nullptr;
    for (const char c : (*vocabulary_)[id]) {
      const auto byte = static_cast<unsigned char>(c);
      Edge& edge = edges_[place(node, byte)];
      if (edge.key_node == UINT32_MAX) edge = {node, byte, nodes++, -1};
      node = edge.node;
      last = &edge;
    }
    if (last != nullptr && last->token < 0) last->token = id;
  }
  return ok();
}

void Unigram::encode(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const {
  auto& nodes = scratch.nodes;  // the best way to each place of the text
  nodes.assign(word.size() + 1, {.score = 0, .id = kUnreached, .begin = 0});
  const bool single = options_.single_precision;
  // SentencePiece compares sums before it rounds them, and ties depend on that.
  const auto offer = [&](size_t begin, size_t end, double score, int32_t id) {
    const double sum = nodes[begin].score + score;
    Scratch::Node& node = nodes[end];
    if (node.id != kUnreached && sum <= node.score) return;
    node = {single ? static_cast<double>(static_cast<float>(sum)) : sum, id,
            static_cast<uint32_t>(begin)};
  };
  const double unknown_score =
      single ? static_cast<double>(static_cast<float>(unknown_score_)) : unknown_score_;
  for (size_t begin = 0; begin < word.size();) {
    const size_t next = begin + char_length(word, begin);
    bool has_char = false;
    uint32_t node = 0;
    for (size_t at = begin; at < word.size(); ++at) {
      const Edge& edge = edges_[place(node, static_cast<unsigned char>(word[at]))];
      if (edge.key_node == UINT32_MAX) break;
      node = edge.node;
      if (edge.token < 0) continue;
      const auto id = size_t(edge.token);
      double score = scores_[id];
      if (!options_.favoured.empty() && options_.favoured[id] != 0)
        score = double(at + 1 - begin) * favoured_score_ - 0.1;
      offer(begin, at + 1, score, edge.token);
      has_char = has_char || at + 1 == next;
    }
    if (!has_char) offer(begin, next, unknown_score, -1);
    begin = next;
  }
  // Backwards from the end; the tokens come out in reverse.
  auto& parts = scratch.parts;
  parts.clear();
  for (size_t end = word.size(); end > 0; end = nodes[end].begin)
    parts.push_back({nodes[end].begin, static_cast<uint32_t>(nodes[end].id), uint32_t(end)});
  std::ranges::reverse(parts);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (static_cast<int32_t>(parts[i].middle) >= 0) {
      ids.push_back(static_cast<int32_t>(parts[i].middle));
      continue;
    }
    // Unknown characters in a row are one unknown token.
    size_t last = i;
    while (last + 1 < parts.size() && static_cast<int32_t>(parts[last + 1].middle) < 0) ++last;
    emit_unknown(word.substr(parts[i].begin, parts[last].end - parts[i].begin), ids);
    i = last;
  }
}

void Unigram::emit_unknown(std::string_view text, std::vector<int32_t>& ids) const {
  const auto byte_id = [&](char c) { return options_.bytes[static_cast<unsigned char>(c)]; };
  if (options_.byte_fallback &&
      std::ranges::all_of(text, [&](char c) { return byte_id(c) >= 0; })) {
    for (const char c : text) ids.push_back(byte_id(c));
  } else if (options_.unknown >= 0) {
    ids.push_back(options_.unknown);
  }
}

void Unigram::encode_bytes(std::string_view bytes, std::vector<int32_t>& ids, Scratch&) const {
  emit_unknown(bytes, ids);
}

Status Unigram::store(FieldWriter& fields) const {
  TRY(fields.numbers(scores_));
  TRY(fields.id(options_.unknown));
  TRY(fields.flag(options_.byte_fallback));
  TRY(fields.flag(options_.single_precision));
  return fields.numbers(options_.favoured);
}

Result<std::unique_ptr<const TokenModel>> Unigram::read(
    FieldReader& fields, std::shared_ptr<const Vocabulary> vocabulary) {
  std::vector<double> scores;
  Options options;
  TRY(fields.numbers(scores));
  TRY(fields.id(options.unknown));
  TRY(fields.flag(options.byte_fallback));
  TRY(fields.flag(options.single_precision));
  TRY(fields.numbers(options.favoured));
  if (!options.favoured.empty() && options.favoured.size() < scores.size())
    return fields.wrong("favoured tokens of another vocabulary");
  options.bytes = byte_ids(*vocabulary, false);
  return std::unique_ptr<const TokenModel>(
      TRY(make(std::move(vocabulary), std::move(scores), std::move(options), fields.ledger())));
}

}  // namespace hone::tokenizer
