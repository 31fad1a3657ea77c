#include "text/grammar/token_trie.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace hone {

void TokenMask::add(const TokenMask& other) {
  for (size_t i = 0; i < words_.size() && i < other.words_.size(); ++i)
    words_[i] |= other.words_[i];
}

size_t TokenMask::count() const {
  size_t count = 0;
  for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
  return count;
}

uint8_t TokenTrie::kind_of(uint8_t byte) {
  if (byte >= 0x80) return 128;
  if (byte >= 'a' && byte <= 'z') return 1;
  if (byte >= 'A' && byte <= 'Z') return 2;
  if (byte >= '0' && byte <= '9') return 4;
  if (byte == ' ') return 8;
  if (byte == '"' || byte == '\\') return 16;
  return byte < ' ' || byte == 0x7f ? 64 : 32;
}

Result<TokenTrie> TokenTrie::make(std::span<const std::string_view> pieces,
                                  std::span<const int32_t> ends) {
  auto made = std::make_shared<Data>();
  made->tokens = pieces.size();
  made->ends.assign(ends.begin(), ends.end());
  uint64_t bytes = 0;
  for (size_t id = 0; id < pieces.size(); ++id) {
    bytes += pieces[id].size();
    if (!pieces[id].empty()) made->ids.push_back(static_cast<int32_t>(id));
  }
  if (pieces.size() > INT32_MAX || bytes >= UINT32_MAX) {
    return fail(ErrorId::over_size, fmt::format("a vocabulary of {} bytes is too large", bytes));
  }
  for (const int32_t end : ends) {
    if (end < 0 || static_cast<size_t>(end) >= pieces.size()) {
      return fail(ErrorId::bad_value,
                  fmt::format("the end token {} is not in the vocabulary", end));
    }
  }
  const auto piece = [&](int32_t id) { return pieces[static_cast<size_t>(id)]; };
  std::sort(made->ids.begin(), made->ids.end(), [&](int32_t a, int32_t b) {
    return piece(a) != piece(b) ? piece(a) < piece(b) : a < b;
  });
  // Sorted pieces come in the order of the walk: each adds what its predecessor does not share.
  auto& nodes = made->nodes;
  nodes.push_back({0, 0, 0, 0});
  std::vector<uint32_t> path{0};
  std::string_view last;
  const auto close = [&](size_t depth) {
    for (; path.size() > depth + 1; path.pop_back()) {
      nodes[path.back()].after = static_cast<uint32_t>(nodes.size());
    }
  };
  for (uint32_t i = 0; i < made->ids.size(); ++i) {
    const std::string_view now = piece(made->ids[i]);
    size_t shared = 0;
    while (shared < last.size() && shared < now.size() && last[shared] == now[shared]) ++shared;
    close(shared);
    for (size_t at = shared; at < now.size(); ++at) {
      path.push_back(static_cast<uint32_t>(nodes.size()));
      nodes.push_back({0, i, 0, static_cast<uint8_t>(now[at])});
    }
    ++nodes[path.back()].count;
    last = now;
  }
  close(0);
  nodes[0].after = static_cast<uint32_t>(nodes.size());
  // From behind, so that what is below a node is known before it.
  path.assign(nodes.size(), 0);
  for (uint32_t at = 0; at < nodes.size(); ++at)
    for (uint32_t child = at + 1; child < nodes[at].after; child = nodes[child].after)
      path[child] = at;
  for (auto at = static_cast<uint32_t>(nodes.size()); at-- > 1;)
    nodes[path[at]].below |= uint8_t(nodes[at].below | kind_of(nodes[at].byte));
  return TokenTrie(std::move(made));
}

}  // namespace hone
