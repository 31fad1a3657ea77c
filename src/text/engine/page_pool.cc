#include "text/engine/page_pool.h"

namespace hone {

std::optional<int64_t> PagePool::take() {
  int64_t oldest = -1;
  for (int64_t i = 0; i < size(); ++i) {
    const Page& page = pages_[size_t(i)];
    if (page.users > 0) continue;
    if (page.mark == 0) {
      oldest = i;
      break;
    }
    if (oldest < 0 || page.last_used < pages_[size_t(oldest)].last_used) oldest = i;
  }
  if (oldest < 0) return std::nullopt;
  forget(oldest);
  pages_[size_t(oldest)].users = 1;
  return oldest;
}

void PagePool::release(int64_t page) {
  Page& p = pages_[size_t(page)];
  p.last_used = ++clock_;
  --p.users;
}

void PagePool::forget(int64_t page) {
  Page& p = pages_[size_t(page)];
  if (p.mark == 0) return;
  contents_.erase(p.content);
  p.mark = 0;
}

PagePool::Known PagePool::share(int64_t page) {
  ++pages_[size_t(page)].users;
  return {page, pages_[size_t(page)].mark};
}

PagePool::Known PagePool::remember(int64_t page, uint64_t before, std::span<const int32_t> tokens) {
  const auto [at, is_new] =
      contents_.try_emplace(Content(before, {tokens.begin(), tokens.end()}), page);
  if (!is_new) {
    const Known held = share(at->second);
    release(page);
    return held;
  }
  Page& p = pages_[size_t(page)];
  p.mark = ++marks_;
  p.content = at;
  return {page, p.mark};
}

std::optional<PagePool::Known> PagePool::find(uint64_t before, std::span<const int32_t> tokens) {
  const auto at = contents_.find(Content(before, {tokens.begin(), tokens.end()}));
  if (at == contents_.end()) return std::nullopt;
  return share(at->second);
}

}  // namespace hone
