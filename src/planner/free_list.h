// Gaps of an arena, for placing buffers in the order of time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace hone {

// Best fit: the smallest gap that holds the buffer, else the end of the arena grows.
class FreeList {
 public:
  int64_t take(int64_t bytes);
  void give(int64_t offset, int64_t bytes);
  int64_t end() const { return end_; }

 private:
  void insert(int64_t offset, int64_t bytes);
  void erase(std::map<int64_t, int64_t>::iterator gap);

  std::map<int64_t, int64_t> by_offset_;           // offset -> bytes
  std::set<std::pair<int64_t, int64_t>> by_size_;  // (bytes, offset)
  int64_t end_ = 0;
};

}  // namespace hone
