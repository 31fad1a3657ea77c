// What the fuzz targets share: the entry point, and a small budget.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <span>
#include <string_view>

#include "base/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace hone::fuzz {

inline std::span<const std::byte> bytes(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}
inline std::string_view text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// So small that a reader which does not count what it allocates is found out.
inline Limits limits() {
  Limits limits;
  limits.memory = 16 << 20;
  limits.header = 1 << 20;
  limits.nodes = 10'000;
  limits.tensors = 10'000;
  limits.folded_constant = 1 << 20;
  limits.folded_total = 4 << 20;
  limits.folded_work = 100'000;
  limits.runtime_memory = 16 << 20;
  return limits;
}

// Stops the fuzzer when a property does not hold, and says which.
inline void require(bool holds, std::source_location at = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: the property does not hold\n", at.file_name(), at.line());
  std::abort();
}

// An error is fine unless it says that we are wrong.
template <class R>
void require_clean(const R& result, std::source_location at = std::source_location::current()) {
  if (!result) require(info(result.error().id).blame != Blame::bug, at);
}

}  // namespace hone::fuzz
