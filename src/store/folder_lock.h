// A lock between processes: a file that one of them holds at a time.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace hone {

// Held until the end of its life. Who ends, holds nothing any more.
class FolderLock {
 public:
  // Waits until nobody else holds it, and says so when that takes long; fails with `over_time`
  // after `patience`: who holds it may be stuck. Where the file cannot be made, nothing is held.
  static Result<FolderLock> take(const std::string& path, std::chrono::milliseconds patience);

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;  // -1: none
};

}  // namespace hone
