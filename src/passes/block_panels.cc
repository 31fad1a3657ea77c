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

void BlockPanels::describe(Builder::Given& given) const {
  given.emplace_back("bits", bits);
  given.emplace_back("block", block);
  given.emplace_back("zero", zero);
  given.emplace_back("super", super);
  if (table) given.emplace_back("table", Integers(table, table + 16));
}

bool BlockPacking::splits(ConstantId id) const {
  const TensorType& type = model_.constants[id.index].type;
  const auto extents = type.shape.fixed();
  return type.encoding.kind == Encoding::Kind::blocks && extents && extents->size() == 2 &&
         (*extents)[0] > 0 && (*extents)[1] > 0 && split_format(*type.encoding.format) != nullptr;
}

bool BlockPacking::takes(ConstantId id, int64_t block) const {
  if (splits(id)) return block == kRun;
  const TensorType& type = model_.constants[id.index].type;
  const Encoding& e = type.encoding;
  const auto extents = type.shape.fixed();
  const bool codes = e.storage == DType::u4 || e.storage == DType::u8;
  if (e.kind != Encoding::Kind::affine || !codes || type.dtype != DType::f32 || !extents ||
      extents->size() != 2)
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

namespace {

// Room for all that packed rows consist of.
struct SplitRooms {
  PackedWeights::Room codes, scales, fine;  // without data: none

  static Result<SplitRooms> make(PackedWeights& weights, const packing::SplitRows& rows,
                                 int64_t panels) {
    const auto room = [&](bool wanted, DType dtype, int64_t blocks, int64_t width) {
      return wanted ? weights.room(dtype, {panels, blocks, width})
                    : Result<PackedWeights::Room>(PackedWeights::Room{});
    };
    const bool fine = rows.has_fine();
    SplitRooms out;
    out.codes = TRY(room(true, DType::u8, rows.depth / kUnit, unit_bytes(rows.split->bits)));
    out.scales = TRY(room(true, DType::f32, rows.runs(), kColumns));
    out.fine = TRY(room(fine, rows.shifted() ? DType::i16 : DType::i8, rows.blocks(), kColumns));
    return out;
  }

  // From this panel on.
  packing::SplitPanels from(const packing::SplitRows& rows, int64_t panel) const {
    const int64_t of_fine = panel * rows.blocks() * kColumns;
    const int64_t of_codes = panel * (rows.depth / kUnit) * unit_bytes(rows.split->bits);
    packing::SplitPanels to;
    to.codes = reinterpret_cast<uint8_t*>(codes.data) + of_codes;
    to.scales = scales.floats() + panel * rows.runs() * kColumns;
    if (!fine.data) return to;
    if (rows.shifted())
      to.shifted = reinterpret_cast<int16_t*>(fine.data) + of_fine;
    else
      to.fine = reinterpret_cast<int8_t*>(fine.data) + of_fine;
    return to;
  }
};

}  // namespace

Result<BlockPanels> BlockPacking::pack_exact(ConstantId id) {
  if (const auto it = exact_.find(id.index); it != exact_.end()) return it->second;
  const Constant constant = model_.constants[id.index];
  const Extents shape = *constant.type.shape.fixed();
  const BlockFormat& format = *constant.type.encoding.format;
  const SplitFormat& split = *split_format(format);
  packing::SplitRows rows{nullptr, shape[0], shape[1], &format, &split};
  const int64_t panels = panel_count(shape[0], kColumns);
  const Extents scales{panels, rows.blocks(), kColumns};
  const auto codes =
      TRY(room_.room(DType::u8, {panels, rows.depth / kUnit, unit_bytes(split.bits)}));
  const auto scale = TRY(room_.room(DType::f32, scales));
  const auto minimum =
      split.has_least ? TRY(room_.room(DType::f32, scales)) : PackedWeights::Room{};
  const packing::ExactPanels to{reinterpret_cast<uint8_t*>(codes.data), scale.floats(),
                                minimum.data ? minimum.floats() : nullptr};
  TRY(room_.pack(id, panels, uint64_t(rows.format_blocks() * format.bytes * kColumns),
                 [&](const std::byte* data, int64_t begin, int64_t end) {
                   packing::SplitRows some = rows;
                   some.data = data;
                   packing::pack_exact_rows(some, begin, end, to);
                 }));
  BlockPanels made;
  made.codes = rewriter_.constant(room_.keep(codes, constant.name + ".codes"));
  made.scales = rewriter_.constant(room_.keep(scale, constant.name + ".scale"));
  if (minimum.data)
    made.minimum = rewriter_.constant(room_.keep(minimum, constant.name + ".minimum"));
  made.bits = split.bits;
  made.zero = split.zero;
  made.block = split.run;
  made.table = split.table;
  exact_.emplace(id.index, made);
  return made;
}

Result<BlockPanels> BlockPacking::pack_joined(const std::vector<ConstantId>& ids) {
  std::vector<packing::SplitRows> parts;
  int64_t panels = 0;
  for (const ConstantId id : ids) {
    const TensorType& type = model_.constants[id.index].type;
    const Extents shape = *type.shape.fixed();
    const BlockFormat& format = *type.encoding.format;
    parts.push_back({nullptr, shape[0], shape[1], &format, split_format(format)});
    panels += panel_count(shape[0], kColumns);
  }
  const SplitRooms rooms = TRY(SplitRooms::make(room_, parts[0], panels));
  int64_t first = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    const packing::SplitPanels to = rooms.from(parts[i], first);
    const int64_t count = panel_count(parts[i].columns, kColumns);
    const auto panel_bytes = uint64_t(parts[i].format_blocks() * parts[i].format->bytes * kColumns);
    TRY(room_.pack(ids[i], count, panel_bytes,
                   [&](const std::byte* data, int64_t begin, int64_t end) {
                     packing::SplitRows some = parts[i];
                     some.data = data;
                     packing::pack_split_rows(some, begin, end, to);
                   }));
    first += count;
  }
  const std::string name = model_.constants[ids[0].index].name;
  const auto keep = [&](const PackedWeights::Room& r, const char* suffix) {
    return r.data ? rewriter_.constant(room_.keep(r, name + suffix)) : ValueId{};
  };
  BlockPanels out;
  out.codes = keep(rooms.codes, ".codes");
  out.scales = keep(rooms.scales, ".scale");
  out.fine = keep(rooms.fine, ".fine");
  const SplitFormat& split = *parts[0].split;
  out.bits = split.bits;
  out.zero = parts[0].zero();
  out.block = split.run;
  out.super = kRun / split.run;
  out.table = split.table;
  return out;
}

Result<BlockPanels> BlockPacking::pack_new(ConstantId id) {
  if (splits(id)) return pack_joined({id});
  const Constant constant = model_.constants[id.index];
  BlockPanels panels;
  panels.block = constant.type.encoding.block;
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
