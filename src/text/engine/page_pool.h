// Pages of the cache of keys and values: counted, shared by sequences that begin alike, and kept
// for later ones until their room is needed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hone {

inline constexpr int64_t kPageTokens = 64;

// A sequence releases its pages from the last to the first: what is remembered then goes from the
// end too, and no page is there without those in front of it.
class PagePool {
 public:
  explicit PagePool(int64_t pages) : pages_(size_t(pages)) {}
  PagePool(PagePool&&) = default;  // pages know where they are remembered
  PagePool& operator=(PagePool&&) = default;

  // A page with one user; one that is only remembered goes when there is no other. None when all
  // are in use.
  std::optional<int64_t> take();
  void release(int64_t page);  // by one user
  bool is_shared(int64_t page) const { return pages_[size_t(page)].users > 1; }

  // A page whose tokens are known, with all tokens in front of it. No two have the same mark, ever.
  struct Known {
    int64_t page;
    uint64_t mark;
  };
  // Remembers what a full page holds: tokens, behind the page with the mark `before` (0: they begin
  // a text). Where another page holds the same, the user of this one gets that instead.
  Known remember(int64_t page, uint64_t before, std::span<const int32_t> tokens);
  // The page that was remembered so, if it is still there; it gets a user more.
  std::optional<Known> find(uint64_t before, std::span<const int32_t> tokens);
  bool is_remembered(int64_t page) const { return pages_[size_t(page)].mark != 0; }

  int64_t size() const { return int64_t(pages_.size()); }

 private:
  using Content = std::pair<uint64_t, std::vector<int32_t>>;  // mark before, tokens
  using Contents = std::map<Content, int64_t>;
  struct Page {
    int64_t users = 0;
    uint64_t mark = 0;  // 0: not remembered
    uint64_t last_used = 0;
    Contents::iterator content = {};  // where it is remembered
  };
  Known share(int64_t page);
  void forget(int64_t page);

  std::vector<Page> pages_;
  Contents contents_;
  uint64_t clock_ = 0, marks_ = 0;
};

}  // namespace hone
