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
  ValueId minimum, fine;  // invalid: none
  int64_t bits = 4, zero = 0;
  int64_t block = 0, super = 1;
  const int8_t* table = nullptr;  // of 16 values

  // The attributes of block_linear that say how the weights lie.
  void describe(Builder::Given& given) const;
};

// Packs a constant [columns, depth] of unsigned codes with a scale for every `block` of a row, or
// of blocks of a format that splits into integers; none where it is stored in another way. Products
// that share their weights share the panels.
class BlockPacking {
 public:
  BlockPacking(Model& model, Rewriter& rewriter, PackedWeights& room)
      : model_(model), rewriter_(rewriter), room_(room) {}
  // For rows that are quantized in blocks of this size.
  bool takes(ConstantId id, int64_t block) const;
  // Is it stored in blocks of a format that splits into integers?
  bool splits(ConstantId id) const;
  Result<BlockPanels> pack(ConstantId id);
  // Those of several constants of one format side by side, each of whole panels.
  Result<BlockPanels> pack_joined(const std::vector<ConstantId>& ids);
  // Of which rows are only taken: in blocks, exactly what they hold.
  Result<BlockPanels> pack_exact(ConstantId id);
  bool is_packed(ConstantId id) const { return packed_.contains(id.index); }

 private:
  Result<ValueId> pack_codes(ConstantId id, int64_t bits);
  // scale [columns, blocks] in panels of 16 columns.
  Result<ValueId> pack_scales(const Tensor& scale, const std::string& name);
  Result<BlockPanels> pack_new(ConstantId id);

  Model& model_;
  Rewriter& rewriter_;
  PackedWeights& room_;
  std::map<uint32_t, BlockPanels> packed_, exact_;
};

}  // namespace hone
