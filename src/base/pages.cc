#include "base/pages.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace hone {
namespace {

constexpr size_t kVector = 64;

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

size_t round_up(size_t x, size_t unit) { return (x + unit - 1) / unit * unit; }

// Bytes from here to the next multiple.
size_t to_next(const std::byte* here, size_t unit) {
  const auto at = reinterpret_cast<uintptr_t>(here);
  return (unit - at % unit) % unit;
}

// A mapping that begins at a huge page: more is mapped than needed, and both ends given back.
std::shared_ptr<std::byte> huge_pages(size_t bytes) {
  const size_t room = round_up(bytes, page_size());
  void* mapped =
      mmap(nullptr, room + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(mapped);
  const size_t skipped = to_next(begin, kHugePage);
  std::byte* memory = begin + skipped;
  if (skipped > 0) munmap(begin, skipped);
  munmap(memory + room, kHugePage - skipped);
  madvise(memory, room, MADV_HUGEPAGE);  // without them it works as well
  return {memory, [room](std::byte* m) { munmap(m, room); }};
}

}  // namespace

std::shared_ptr<std::byte> zeroed_memory(size_t bytes) {
  if (bytes > std::numeric_limits<size_t>::max() / 2) return nullptr;
  if (bytes >= kHugePage) return huge_pages(bytes);
  // Whole blocks, at least one: a kernel may read a full vector.
  const size_t room = round_up(bytes == 0 ? 1 : bytes, kVector);
  void* memory = std::aligned_alloc(kVector, room);
  if (memory == nullptr) return nullptr;
  std::memset(memory, 0, room);
  return {static_cast<std::byte*>(memory), [](std::byte* m) { std::free(m); }};
}

void release_pages(std::span<const std::byte> mapped) {
  const size_t page = page_size(), skipped = to_next(mapped.data(), page);
  if (mapped.size() < skipped + page) return;
  const size_t whole = (mapped.size() - skipped) / page * page;
  madvise(const_cast<std::byte*>(mapped.data()) + skipped, whole, MADV_DONTNEED);
}

void bring_in(std::span<const std::byte> mapped) {
#ifdef MADV_POPULATE_READ
  const size_t page = page_size();
  const size_t before = reinterpret_cast<uintptr_t>(mapped.data()) % page;
  // Who cannot, as before Linux 5.14, meets them one by one.
  madvise(const_cast<std::byte*>(mapped.data()) - before, mapped.size() + before,
          MADV_POPULATE_READ);
#endif
}

void trim_heap() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace hone
