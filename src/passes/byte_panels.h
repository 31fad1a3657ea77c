// Weights of 8-bit integers in panels, and what products on them need to know of the weights.
#pragma once

#include <optional>
#include <vector>

#include "passes/panels.h"

namespace hone {

// 8-bit weights, and where their zero lies.
struct ByteWeights {
  ConstantId id;
  DType dtype = DType::i8;    // i8 or u8
  std::vector<int32_t> zero;  // none, or one for each column
  // [depth, columns], or filters [columns][channels][positions], whose columns are those of all
  // groups.
  int64_t depth = 0, columns = 0;
  bool filters = false;
  int64_t channels = 0, positions = 1, groups = 1;  // of filters
};

// Inputs of a quantized product.
struct PackedBytes {
  ValueId panels, sums, zero;
};
// Panels [panels, depth / 4, 16, 4].
Result<PackedBytes> pack(const ByteWeights& weights, Rewriter& rewriter, PackedWeights& room);
// The same for each group: [groups, panels, depth / 4, 16, 4].
Result<PackedBytes> pack_groups(const ByteWeights& weights, Rewriter& rewriter,
                                PackedWeights& room);
// Filters of one channel: [positions, columns].
Result<PackedBytes> pack_depthwise(const ByteWeights& weights, Rewriter& rewriter,
                                   PackedWeights& room);

}  // namespace hone
