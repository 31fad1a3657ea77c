// Runs the parts of a tokenizer over one text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/parts.h"

namespace hone::tokenizer {

class Encoder {
 public:
  // The size of the whole text decides how much is remembered.
  Encoder(const Parts& parts, size_t text_size, SearchTime time = SearchTime());
  // Appends the ids of a text without what is put around it.
  Status encode(std::string_view text, const Trust& trust, std::vector<int32_t>& ids);

 private:
  struct Entry {
    uint64_t hash = 0;
    uint32_t key = 0, key_size = 0;  // in keys_
    uint32_t ids = 0, count = 0;     // in kept_
  };
  // `begin` is where the text lies in the whole.
  Status fragment(std::string_view text, size_t begin, const Trust& trust,
                  std::vector<int32_t>& ids);
  Status characters(std::string_view text, size_t begin, Place place, const Trust& trust,
                    std::vector<int32_t>& ids);
  Status split_and_encode(std::string_view text, Place place, std::vector<int32_t>& ids);
  void words(std::string_view text, std::vector<int32_t>& ids);
  void word(std::string_view text, std::vector<int32_t>& ids);

  const Parts& parts_;
  SearchTime time_;
  KeyedHash hash_;
  Scratch scratch_;
  Words words_;
  std::string normalized_, spare_;
  std::vector<Fragment> fragments_, inner_;
  // Words seen before: a table in which a place holds the word that came last.
  std::vector<Entry> seen_;
  std::string keys_;
  std::vector<int32_t> kept_;
};

}  // namespace hone::tokenizer
