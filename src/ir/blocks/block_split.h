// Block formats as integers: codes, and scales of runs of them, for kernels that compute with the
// integers and scale what comes out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ir/blocks/block_format.h"

namespace hone {

// One block, exactly: element = (code - zero) * coarse * fine - coarse_least * fine_least, where
// codes of formats with a table stand for its entries.
struct SplitBlock {
  static constexpr int64_t kElements = 256, kRuns = 16;
  std::array<uint8_t, kElements> codes;
  float coarse = 0, coarse_least = 0;
  std::array<uint8_t, kRuns> fine, fine_least;  // of runs, where the format has such
};

struct SplitFormat {
  std::string_view format;
  int bits;             // of a code
  int64_t run;          // elements that share a scale
  int64_t zero;         // 0 where there are minima or a table
  bool has_least;       // minima
  bool has_fine;        // scales of runs are products; else a block is one run
  bool fine_is_signed;  // fine scales are int8
  const int8_t* table;  // of 16 values; null for none
  bool binary;          // scales are powers of two
  void (*split)(const std::byte* block, SplitBlock& to);
};

// Null for formats whose elements are not such products.
const SplitFormat* split_format(const BlockFormat& format);

}  // namespace hone
