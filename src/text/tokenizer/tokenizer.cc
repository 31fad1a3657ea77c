// Texts to ids, ids to bytes, and what there is to know of a tokenizer.
#include "text/tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "text/tokenizer/byte_level.h"
#include "text/tokenizer/encoder.h"
#include "text/tokenizer/parts.h"

namespace hone {

using tokenizer::DecoderState;
using tokenizer::Encoder;
using tokenizer::Trust;

namespace {

constexpr size_t kLongest = size_t{512} << 20;

Error too_long() {
  Error error =
      fail(ErrorId::over_size, fmt::format("a text of more than {}", human_bytes(kLongest)));
  error.hint = "split the text";
  return error;
}

Result<std::vector<int32_t>> encode_text(const tokenizer::Parts& parts, std::string_view text,
                                         const Trust& trust, bool add_special) {
  if (text.size() > kLongest) return too_long();
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + parts.before.size() + parts.after.size() + 1);
  if (add_special) ids = parts.before;
  TRY(Encoder(parts, text.size()).encode(text, trust, ids));
  if (add_special) ids.insert(ids.end(), parts.after.begin(), parts.after.end());
  return ids;
}

}  // namespace

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text,
                                               const EncodeOptions& options) const {
  const MarkedText all{text, true};
  return encode(std::span(&all, 1), options);
}

Result<std::vector<int32_t>> Tokenizer::encode(std::span<const MarkedText> parts,
                                               const EncodeOptions& options) const {
  Trust trust;
  std::string joined;
  size_t size = 0;
  for (const MarkedText& part : parts) {
    if (part.text.size() > kLongest - size) return too_long();
    if (part.trusted && options.parse_special)
      trust.ranges.push_back({size, size + part.text.size()});
    size += part.text.size();
    if (parts.size() > 1) joined += part.text;
  }
  const std::string_view text = parts.size() == 1 ? parts[0].text : std::string_view(joined);
  return encode_text(*parts_, text, trust, options.add_special);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  DecoderState state(false);
  std::string text;
  for (const int32_t id : ids) {
    if (!parts_->vocabulary->has(id) || (skip_special && is_special(id))) continue;
    state.add(*parts_, id, text);
  }
  return text;
}

int32_t Tokenizer::token_count() const { return parts_->vocabulary->size(); }

std::string Tokenizer::token(int32_t id) const {
  if (!parts_->vocabulary->has(id)) return {};
  const std::string_view text = (*parts_->vocabulary)[id];
  // Added tokens are spelled as they are.
  if (!parts_->byte_level || !parts_->vocabulary->found(id)) return std::string(text);
  return tokenizer::spelling_of_bytes(text);
}

std::string Tokenizer::piece(int32_t id) const {
  std::string text;
  if (parts_->vocabulary->has(id)) DecoderState(true).add(*parts_, id, text);
  return text;
}

std::optional<int32_t> Tokenizer::find(std::string_view token) const {
  if (parts_->byte_level) {
    if (const auto bytes = tokenizer::bytes_of_spelling(token)) {
      if (const int32_t id = parts_->vocabulary->find(*bytes); id >= 0) return id;
    }
  }
  const int32_t id = parts_->vocabulary->find_any(token);
  return id >= 0 ? std::optional(id) : std::nullopt;
}

const SpecialTokens& Tokenizer::special() const { return parts_->special; }

bool Tokenizer::is_special(int32_t id) const {
  return id >= 0 && size_t(id) < parts_->is_special.size() && parts_->is_special[size_t(id)] != 0;
}

std::span<const int32_t> Tokenizer::end_ids() const { return parts_->end_ids; }

bool Tokenizer::ends_generation(int32_t id) const {
  return std::ranges::binary_search(parts_->end_ids, id);
}

bool Tokenizer::adds_bos() const {
  return special().bos && !parts_->before.empty() && parts_->before[0] == *special().bos;
}

std::string_view Tokenizer::model() const { return parts_->model->name(); }
std::string_view Tokenizer::pre_tokenizer() const { return parts_->pre_name; }
std::span<const std::string> Tokenizer::warnings() const { return parts_->warnings; }
std::span<const std::pair<std::string, std::string>> Tokenizer::chat_templates() const {
  return parts_->chat_templates;
}

}  // namespace hone
