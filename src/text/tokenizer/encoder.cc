// Added tokens, normalizers, splits, model: with a memory of the words of this text.
#include "text/tokenizer/encoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/text.h"

namespace hone::tokenizer {
namespace {

constexpr size_t kLongestKept = 64;            // bytes of a word that is remembered
constexpr size_t kMostKept = size_t{4} << 20;  // bytes and ids of all of them

}  // namespace

Encoder::Encoder(const Parts& parts, size_t text_size, SearchTime time)
    : parts_(parts), time_(time) {
  // Short texts hardly repeat words.
  if (text_size >= 64) seen_.resize(std::bit_ceil(std::clamp<size_t>(text_size / 8, 16, 1 << 14)));
}

Status Encoder::encode(std::string_view text, const Trust& trust, std::vector<int32_t>& ids) {
  parts_.added.split(text, false, trust, fragments_);
  const auto fragments = std::move(fragments_);
  for (const Fragment& f : fragments) {
    if (f.id >= 0) {
      ids.push_back(f.id);
      continue;
    }
    TRY(fragment(text.substr(f.begin, f.end - f.begin), f.begin, trust, ids));
  }
  return ok();
}

// Text between added tokens, which may hold bytes that are no characters.
Status Encoder::fragment(std::string_view text, size_t begin, const Trust& trust,
                         std::vector<int32_t>& ids) {
  const size_t first = ids.size();
  Place place{.at_start = begin == 0, .goes_on = false};
  while (!text.empty()) {
    const size_t valid = utf8_prefix(text);
    if (valid > 0) TRY(characters(text.substr(0, valid), begin, place, trust, ids));
    text.remove_prefix(valid);
    size_t invalid = 0;
    while (invalid < text.size() && decode_utf8(text.substr(invalid)).length == 0) ++invalid;
    if (invalid > 0) parts_.model->encode_bytes(text.substr(0, invalid), ids, scratch_);
    text.remove_prefix(invalid);
    begin += valid + invalid;
    place = {.at_start = false, .goes_on = true};
  }
  if (parts_.fuse_unknown && parts_.special.unknown) {
    const auto from = ids.begin() + static_cast<ptrdiff_t>(first);
    ids.erase(
        std::unique(from, ids.end(),
                    [&](int32_t a, int32_t b) { return a == b && a == *parts_.special.unknown; }),
        ids.end());
  }
  return ok();
}

Status Encoder::characters(std::string_view text, size_t begin, Place place, const Trust& trust,
                           std::vector<int32_t>& ids) {
  const size_t end = begin + text.size();
  text = TRY(normalize(parts_.normalizers, text, place, time_, normalized_, spare_));
  if (!parts_.added.has_normalized()) return split_and_encode(text, place, ids);
  Trust here;
  if (parts_.normalizers.empty()) {
    here = trust.within(begin, end);
  } else if (trust.holds(begin, end)) {
    // Normalizers move characters: of a text that is trusted in part nothing can be told.
    here.ranges.push_back({0, text.size()});
  }
  parts_.added.split(text, true, here, inner_);
  const auto inner = inner_;
  for (const Fragment& f : inner) {
    if (f.id >= 0) {
      ids.push_back(f.id);
      continue;
    }
    const Place at{.at_start = place.at_start && f.begin == 0, .goes_on = place.goes_on};
    TRY(split_and_encode(text.substr(f.begin, f.end - f.begin), at, ids));
  }
  return ok();
}

Status Encoder::split_and_encode(std::string_view text, Place place, std::vector<int32_t>& ids) {
  if (parts_.pre_tokenizers.empty()) {
    words(text, ids);
    return ok();
  }
  TRY(pre_tokenize(parts_.pre_tokenizers, text, place, time_, words_));
  for (size_t i = 0; i < words_.spans.size(); ++i) words(words_[i], ids);
  return ok();
}

void Encoder::words(std::string_view text, std::vector<int32_t>& ids) {
  const std::string_view mark = parts_.model->separator();
  if (mark.empty()) {
    if (!text.empty()) word(text, ids);
    return;
  }
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    // The next mark behind something else than a mark.
    size_t next = text.find(mark[0], at);
    while (next != std::string_view::npos && !text.substr(next).starts_with(mark))
      next = text.find(mark[0], next + 1);
    if (next == std::string_view::npos) break;
    if (next > at) {
      word(text.substr(begin, next - begin), ids);
      begin = next;
    }
    at = next + mark.size();
  }
  if (begin < text.size()) word(text.substr(begin), ids);
}

void Encoder::word(std::string_view text, std::vector<int32_t>& ids) {
  if (seen_.empty() || text.size() > kLongestKept) {
    parts_.model->encode(text, ids, scratch_);
    return;
  }
  const uint64_t hash = hash_(text);
  Entry& entry = seen_[hash & (seen_.size() - 1)];
  if (entry.hash == hash && entry.key_size == text.size() &&
      std::memcmp(keys_.data() + entry.key, text.data(), text.size()) == 0) {
    const int32_t* from = kept_.data() + entry.ids;
    ids.insert(ids.end(), from, from + entry.count);
    return;
  }
  const size_t first = ids.size();
  parts_.model->encode(text, ids, scratch_);
  if (keys_.size() > kMostKept || kept_.size() > kMostKept) {
    std::ranges::fill(seen_, Entry{});
    keys_.clear();
    kept_.clear();
  }
  entry = {hash, uint32_t(keys_.size()), uint32_t(text.size()), uint32_t(kept_.size()),
           uint32_t(ids.size() - first)};
  keys_ += text;
  kept_.insert(kept_.end(), ids.begin() + static_cast<ptrdiff_t>(first), ids.end());
}

}  // namespace hone::tokenizer
