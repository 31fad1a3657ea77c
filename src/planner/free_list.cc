#include "planner/free_list.h"

#include <iterator>

namespace hone {

int64_t FreeList::take(int64_t bytes) {
  auto fit = by_size_.lower_bound({bytes, 0});
  if (fit == by_size_.end()) {
    // A gap at the end grows with the arena.
    int64_t offset = end_;
    if (!by_offset_.empty()) {
      auto last = std::prev(by_offset_.end());
      if (last->first + last->second == end_) {
        offset = last->first;
        erase(last);
      }
    }
    end_ = offset + bytes;
    return offset;
  }
  const int64_t offset = fit->second, room = fit->first;
  erase(by_offset_.find(offset));
  if (room > bytes) insert(offset + bytes, room - bytes);
  return offset;
}

void FreeList::give(int64_t offset, int64_t bytes) {
  auto next = by_offset_.lower_bound(offset);
  if (next != by_offset_.end() && offset + bytes == next->first) {
    bytes += next->second;
    erase(next);
  }
  auto after = by_offset_.lower_bound(offset);
  if (after != by_offset_.begin()) {
    auto before = std::prev(after);
    if (before->first + before->second == offset) {
      offset = before->first;
      bytes += before->second;
      erase(before);
    }
  }
  insert(offset, bytes);
}

void FreeList::insert(int64_t offset, int64_t bytes) {
  by_offset_.emplace(offset, bytes);
  by_size_.emplace(bytes, offset);
}

void FreeList::erase(std::map<int64_t, int64_t>::iterator gap) {
  by_size_.erase({gap->second, gap->first});
  by_offset_.erase(gap);
}

}  // namespace hone
