// Memory that two processes see: a descriptor, mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace hone::workers {

// Move-only. Fails with `io` or `over_memory`.
class SharedMemory {
 public:
  static Result<SharedMemory> make(uint64_t bytes);
  // What another process made; as long as its file. The descriptor stays open.
  static Result<SharedMemory> of(int descriptor);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory();

  int descriptor() const { return descriptor_; }
  std::span<std::byte> bytes() const { return {data_, size_}; }
  // The part with these bytes; fails with `malformed` where it is not inside.
  Result<std::span<std::byte>> part(uint64_t offset, uint64_t size) const;

 private:
  SharedMemory() = default;
  Status map();
  int descriptor_ = -1;
  bool owned_ = true;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace hone::workers
