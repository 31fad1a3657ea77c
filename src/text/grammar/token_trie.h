// The bytes of a vocabulary as a tree, and sets of its tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone {

// A set of token ids.
class TokenMask {
 public:
  TokenMask() = default;
  explicit TokenMask(size_t tokens) : tokens_(tokens), words_((tokens + 63) / 64) {}

  size_t tokens() const { return tokens_; }  // ids are below
  bool operator[](int32_t token) const { return (words_[token >> 6] >> (token & 63) & 1) != 0; }
  void set(int32_t token) { words_[token >> 6] |= uint64_t{1} << (token & 63); }
  void add(const TokenMask& other);  // of the same vocabulary
  size_t count() const;
  bool none() const { return count() == 0; }
  std::span<const uint64_t> words() const { return words_; }
  bool operator==(const TokenMask&) const = default;

 private:
  size_t tokens_ = 0;
  std::vector<uint64_t> words_;
};

// Immutable; built once for a vocabulary.
class TokenTrie {
 public:
  // `pieces[id]` are the bytes that the token adds to a text; empty for tokens that are not text,
  // which no constraint allows. `ends` are the tokens that end a generation: allowed where a text
  // may end.
  static Result<TokenTrie> make(std::span<const std::string_view> pieces,
                                std::span<const int32_t> ends);

  // Bytes in eight kinds, a bit for each, which grammars often treat alike: small letters, large
  // ones, digits, the space, quote and backslash, other printable ones, controls, and those of
  // characters beyond ASCII.
  static uint8_t kind_of(uint8_t byte);

  // Nodes in the order of a walk that goes down first; node 0 is the empty text.
  struct Node {
    uint32_t after;         // the node behind all below this one
    uint32_t first, count;  // of ids(): the tokens that end here
    uint8_t byte;           // the last one
    uint8_t below = 0;      // kinds of the bytes of all below this one, as kind_of has them
    uint8_t unused[2] = {};
  };
  std::span<const Node> nodes() const { return data_->nodes; }
  std::span<const int32_t> ids() const { return data_->ids; }
  std::span<const int32_t> ends() const { return data_->ends; }
  size_t tokens() const { return data_->tokens; }
  bool same(const TokenTrie& other) const { return data_ == other.data_; }

 private:
  struct Data {
    std::vector<Node> nodes;
    std::vector<int32_t> ids, ends;
    size_t tokens = 0;
  };
  explicit TokenTrie(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

}  // namespace hone
