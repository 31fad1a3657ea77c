// What paged attention takes, for the operator and its kernels.
#pragma once

#include "ops/common.h"

namespace hone::paged_attention {

inline constexpr DTypes kCached = DType::f32 | DType::f16 | DType::bf16 | DType::i8;

// A cache holds [pages, heads, page, size] values, or the transpose of each head of a page: keys.
struct CacheSizes {
  Dim pages = Dim::unknown(), heads = Dim::unknown(), page = Dim::unknown(), size = Dim::unknown();
};
Result<CacheSizes> cache_sizes(const Infer& c, size_t input, bool transposed);

enum Input : size_t {
  kQuery,
  kKeys,
  kValues,
  kStarts,
  kLengths,
  kPages,
  kKeyScales,
  kValueScales,
};

// Extents and attributes of a call; those that cannot be told are unknown.
struct Sizes {
  int64_t heads = 1;
  Dim rows = Dim::unknown(), sequences = Dim::unknown();
  Dim kv_heads = Dim::unknown(), head = Dim::unknown(), v_head = Dim::unknown();
  Dim pages = Dim::unknown(), page = Dim::unknown();  // of the cache
  Dim table = Dim::unknown();                         // pages of a sequence
};
Result<Sizes> sizes_of(const Infer& c);

// The rows of one sequence: rows [first, first + rows) are its last ones, of `length` in all.
struct Sequence {
  int64_t first = 0, rows = 0, length = 0;
  const int64_t* pages = nullptr;
};
// Checked: rows follow each other and are there, lengths count them, pages lie in the cache. Rows
// behind the last sequence belong to none.
Result<std::vector<Sequence>> sequences_of(const Call& c);

}  // namespace hone::paged_attention
