// Keeps back the bytes of a character that is not complete yet.
#include "base/text.h"
#include "text/tokenizer/parts.h"
#include "text/tokenizer/tokenizer.h"

namespace hone {
namespace {

// How many bytes at the end begin a character that more bytes could complete.
size_t incomplete(std::string_view text) {
  for (size_t n = 1; n <= 3 && n <= text.size(); ++n) {
    const auto c = static_cast<unsigned char>(text[text.size() - n]);
    if ((c & 0xc0) == 0x80) continue;
    const size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    return length > n ? n : 0;
  }
  return 0;
}

}  // namespace

StreamDecoder::StreamDecoder(Tokenizer tokenizer, bool skip_special, bool continues)
    : tokenizer_(std::move(tokenizer)),
      skip_special_(skip_special),
      state_(std::make_unique<tokenizer::DecoderState>(continues)) {}
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;
StreamDecoder& StreamDecoder::operator=(StreamDecoder&&) noexcept = default;
StreamDecoder::~StreamDecoder() = default;

std::string StreamDecoder::next(int32_t id) {
  const auto& parts = *tokenizer_.parts_;
  if (!parts.vocabulary->has(id) || (skip_special_ && tokenizer_.is_special(id))) return {};
  std::string text = std::move(state_->held);
  state_->held.clear();
  state_->add(parts, id, text);
  const size_t kept = incomplete(text);
  state_->held = text.substr(text.size() - kept);
  text.resize(text.size() - kept);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text = std::move(state_->held);
  state_->restart();
  return text;
}

}  // namespace hone
