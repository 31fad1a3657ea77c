#include "passes/block_panels.h"

#include <algorithm>

#include "ops/block_linear.h"
#include "ops/common.h"

namespace hone {

using namespace block_linear;

std::optional<QuantizedBlocks> quantized_blocks(const Graph& graph, ValueId v) {
  const NodeId decoding = graph[v].producer;
  if (!decoding.valid() || graph[decoding].op->name != "dequantize_linear") return std::nullopt;
  const Node& node = graph[decoding];
  const NodeId coding = graph[node.inputs[0]].producer;
  if (!coding.valid() || graph[coding].op->name != "quantize_blocks" ||
      (node.inputs.size() > 2 && node.inputs[2].valid()))
    return std::nullopt;
  const Node& made = graph[coding];
  if (made.outputs.size() != 2 || made.outputs[0] != node.inputs[0] ||
      made.outputs[1] != node.inputs[1])
    return std::nullopt;
  const Infer decoded(*node.op, node.attrs, {}, 1), coded(*made.op, made.attrs, {}, 2);
  const auto rank = int64_t(graph[v].type.tensor.shape.rank());
  const int64_t axis = decoded.integer("axis"), block = coded.integer("block");
  if ((axis != -1 && axis != rank - 1) || decoded.integer("block_size") != block)
    return std::nullopt;
  return QuantizedBlocks{made.inputs[0], made.outputs[0], made.outputs[1], block};
}

bool BlockPacking::takes(ConstantId id, int64_t block) const {
  const TensorType& type = model_.constants[id.index].type;
  const Encoding& e = type.encoding;
  const auto extents = type.shape.fixed();
  const bool codes = e.storage == DType::u4 || e.storage == DType::u8;
  if (e.is_dense() || !codes || type.dtype != DType::f32 || !extents || extents->size() != 2)
    return false;
  return e.axis == 1 && e.block == block && block % kUnit == 0 && block <= 4096 &&
         (*extents)[0] > 0 && (*extents)[1] > 0 && (*extents)[1] % block == 0;
}

Result<BlockPanels> BlockPacking::pack(ConstantId id) {
  if (const auto it = packed_.find(id.index); it != packed_.end()) return it->second;
  const BlockPanels made = TRY(pack_new(id));
  packed_.emplace(id.index, made);
  return made;
}

Result<BlockPanels> BlockPacking::pack_new(ConstantId id) {
  const Constant constant = model_.constants[id.index];
  BlockPanels panels;
  panels.bits = constant.type.encoding.storage == DType::u4 ? 4 : 8;
  const Tensor scale = TRY(model_.read(constant.scale));
  panels.codes = TRY(pack_codes(id, panels.bits));
  panels.scales = TRY(pack_scales(scale, constant.name + ".scale"));
  if (!constant.type.encoding.has_zero_point) return panels;
  const Tensor zero = TRY(model_.read(constant.zero_point));
  panels.zero = load_integer(zero, 0);
  bool same = panels.bits == 4 || panels.zero == 0 || panels.zero == 128;
  for (int64_t i = 1; same && i < zero.count(); ++i) same = load_integer(zero, i) == panels.zero;
  if (same) return panels;
  // (q - zero) scale = q scale - minimum.
  panels.zero = 0;
  Tensor minimum = TRY(Tensor::make(DType::f32, scale.shape()));
  for (int64_t i = 0; i < scale.count(); ++i)
    store_real(minimum, i, load_real(scale, i) * load_real(zero, i));
  panels.minimum = TRY(pack_scales(minimum, constant.name + ".minimum"));
  return panels;
}

Result<ValueId> BlockPacking::pack_codes(ConstantId id, int64_t bits) {
  const Constant& constant = model_.constants[id.index];
  const std::string name = constant.name + ".codes";
  const Extents shape = *constant.type.shape.fixed();
  const int64_t columns = shape[0], depth = shape[1], panels = panel_count(columns, kColumns);
  const auto room = TRY(room_.room(DType::u8, {panels, depth / kUnit, unit_bytes(bits)}));
  auto* out = reinterpret_cast<uint8_t*>(room.data);
  TRY(room_.pack(id, panels, uint64_t(depth * kColumns * bits / 8),
                 [&](const std::byte* data, int64_t begin, int64_t end) {
                   packing::pack_block_codes({data, columns, depth, bits}, begin, end, out);
                 }));
  return rewriter_.constant(room_.keep(room, name));
}

Result<ValueId> BlockPacking::pack_scales(const Tensor& scale, const std::string& name) {
  const int64_t columns = scale.shape()[0], blocks = scale.shape()[1];
  const auto room = TRY(room_.room(DType::f32, {panel_count(columns, kColumns), blocks, kColumns}));
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t b = 0; b < blocks; ++b)
      room.floats()[(j / kColumns * blocks + b) * kColumns + j % kColumns] =
          float(load_real(scale, j * blocks + b));
  return rewriter_.constant(room_.keep(room, name));
}

}  // namespace hone
