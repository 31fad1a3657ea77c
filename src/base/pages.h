// Memory straight from the system, for what is large.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace hone {

// Zeros, aligned for every vector type; null where the system gives none. From kHugePage bytes on
// in pages of that size where the system has them: each saves 512 entries of the page tables, and
// as many page faults.
std::shared_ptr<std::byte> zeroed_memory(size_t bytes);
inline constexpr size_t kHugePage = size_t{2} << 20;

// Whole pages inside a mapped file leave memory until they are read again. Only for mappings that
// nobody writes to, and for the end of zeroed_memory of kHugePage bytes or more that is not in use:
// it holds zeros again.
void release_pages(std::span<const std::byte> mapped);

// Pages of a mapped file come into memory at once, not one by one as they are met; elsewhere this
// does nothing that matters.
void bring_in(std::span<const std::byte> mapped);

// Pages of the heap that hold nothing any more go back to the system: after work that has made and
// freed much, before work that lasts.
void trim_heap();

}  // namespace hone
