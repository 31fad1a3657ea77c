// Block-quantized weights in panels, and where products take rows in quantized blocks.
#pragma once

#include <map>
#include <optional>

#include "passes/panels.h"

namespace hone {

// x in blocks of i8: what quantize_blocks makes, and dequantize_linear makes real numbers of.
struct QuantizedBlocks {
  ValueId real;           // what has been quantized
  ValueId bytes, scales;  // its outputs
  int64_t block = 0;
};
std::optional<QuantizedBlocks> quantized_blocks(const Graph& graph, ValueId v);

// Packed weights of block_linear.
struct BlockPanels {
  ValueId codes, scales;
  ValueId minimum;  // invalid: none
  int64_t bits = 4, zero = 0;
};

// Packs a constant [columns, depth] of unsigned codes with a scale for every `block` of a row; none
// where it is stored in another way. Products that share their weights share the panels.
class BlockPacking {
 public:
  BlockPacking(Model& model, Rewriter& rewriter, PackedWeights& room)
      : model_(model), rewriter_(rewriter), room_(room) {}
  bool takes(ConstantId id, int64_t block) const;
  Result<BlockPanels> pack(ConstantId id);

 private:
  Result<ValueId> pack_codes(ConstantId id, int64_t bits);
  // scale [columns, blocks] in panels of 16 columns.
  Result<ValueId> pack_scales(const Tensor& scale, const std::string& name);
  Result<BlockPanels> pack_new(ConstantId id);

  Model& model_;
  Rewriter& rewriter_;
  PackedWeights& room_;
  std::map<uint32_t, BlockPanels> packed_;
};

}  // namespace hone
