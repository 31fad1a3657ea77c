// The longest token that fits, again and again; a word with a rest is unknown as a whole.
#include "text/tokenizer/wordpiece.h"

#include <algorithm>

#include "text/tokenizer/fields.h"
#include "text/tokenizer/unicode.h"

namespace hone::tokenizer {

void WordPiece::encode(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const {
  if (options_.whole_words) {
    const int32_t id = vocabulary_->find(word);
    if (id >= 0)
      ids.push_back(id);
    else
      unknown(ids);
    return;
  }
  size_t characters = 0;
  for (size_t at = 0; at < word.size(); at += char_length(word, at)) ++characters;
  if (characters > options_.longest_word) return unknown(ids);
  const size_t first = ids.size();
  std::string& token = scratch.text;
  for (size_t begin = 0; begin < word.size();) {
    const std::string& prefix = begin == 0 ? options_.first_prefix : options_.prefix;
    const size_t longest = vocabulary_->longest();
    size_t end =
        std::min(word.size(), begin + (longest > prefix.size() ? longest - prefix.size() : 0));
    int32_t id = -1;
    token.assign(prefix).append(word.substr(begin, end - begin));
    for (; end > begin; --end) {
      // Not inside of a character.
      if (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xc0) == 0x80) continue;
      token.resize(prefix.size() + end - begin);
      if ((id = vocabulary_->find(token)) >= 0) break;
    }
    if (id < 0) {
      ids.resize(first);
      return unknown(ids);
    }
    ids.push_back(id);
    begin = end;
  }
}

// As the replacement character, which is cleaned away where texts are cleaned.
void WordPiece::encode_bytes(std::string_view, std::vector<int32_t>&, Scratch&) const {}

namespace {

template <class Fields>
Status put(Fields& f, WordPiece::Options& o) {
  auto longest = static_cast<uint32_t>(o.longest_word);
  TRY(f.id(o.unknown));
  TRY(f.text(o.first_prefix));
  TRY(f.text(o.prefix));
  TRY(f.number(longest));
  TRY(f.flag(o.whole_words));
  o.longest_word = std::min<uint32_t>(longest, 4096);
  return ok();
}

}  // namespace

Status WordPiece::store(FieldWriter& fields) const {
  Options options = options_;
  return put(fields, options);
}

Result<std::unique_ptr<const TokenModel>> WordPiece::read(
    FieldReader& fields, std::shared_ptr<const Vocabulary> vocabulary) {
  Options options;
  TRY(put(fields, options));
  return std::unique_ptr<const TokenModel>(
      std::make_unique<WordPiece>(std::move(vocabulary), std::move(options)));
}

}  // namespace hone::tokenizer
