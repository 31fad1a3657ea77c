#include "passes/byte_panels.h"

#include <algorithm>

#include "ops/quantized_products.h"

namespace hone {
namespace {

constexpr int64_t kRowBytes = kPanelColumns * kPanelGroup;

uint8_t turn_of(const ByteWeights& w) { return w.dtype == DType::u8 ? 0x80 : 0; }

// Panels of one group after the other.
Status pack_filters(const ByteWeights& w, int64_t groups, PackedWeights& room, int8_t* out) {
  const int64_t columns = w.columns / w.groups, panels = panel_count(columns, kPanelColumns);
  const auto unit = uint64_t(w.depth) * uint64_t(kPanelColumns);
  return room.pack(
      w.id, w.groups * panels, unit, [&](const std::byte* data, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t group = i / panels, panel = i % panels;
          packing::pack_byte_filters({data + group * columns * w.depth, columns, w.channels,
                                      w.positions, groups, turn_of(w)},
                                     panel, panel + 1, out + group * panels * groups * kRowBytes);
        }
      });
}

Status pack_rows(const ByteWeights& w, int64_t groups, PackedWeights& room, int8_t* out) {
  const int64_t units = (w.depth + kPanelGroup - 1) / kPanelGroup;
  return room.pack(w.id, units, uint64_t(w.columns) * uint64_t(kPanelGroup),
                   [&](const std::byte* data, int64_t begin, int64_t end) {
                     packing::pack_byte_rows({data, w.depth, w.columns, groups, turn_of(w)}, begin,
                                             end, out);
                   });
}

template <class T>
Tensor vector_of(DType dtype, const std::vector<T>& elements) {
  auto owner = std::make_shared<std::vector<T>>(elements);
  auto* data = reinterpret_cast<std::byte*>(owner->data());
  return Tensor::view(dtype, {int64_t(elements.size())}, data, std::move(owner));
}

std::vector<int8_t> turned_zero(const ByteWeights& w) {
  std::vector<int8_t> zero(size_t(w.columns), 0);
  const int32_t less = w.dtype == DType::u8 ? 128 : 0;
  for (size_t j = 0; j < zero.size(); ++j)
    zero[j] = int8_t((w.zero.empty() ? 0 : w.zero[j]) - less);
  return zero;
}

// The panels as a constant, with what else is known of the weights.
PackedBytes keep(const ByteWeights& w, ConstantId panels, const std::vector<int32_t>& sums,
                 Rewriter& rewriter) {
  const std::string name = rewriter.model().constants[w.id.index].name;
  PackedBytes packed;
  packed.panels = rewriter.constant(panels);
  packed.sums = rewriter.constant(vector_of(DType::i32, sums), name + ".sums");
  const std::vector<int8_t> zero = turned_zero(w);
  if (std::ranges::any_of(zero, [](int8_t z) { return z != 0; }))
    packed.zero = rewriter.constant(vector_of(DType::i8, zero), name + ".zero");
  return packed;
}

Result<PackedBytes> pack_into(const ByteWeights& w, const Extents& shape, Rewriter& rewriter,
                              PackedWeights& room) {
  const std::string name = rewriter.model().constants[w.id.index].name;
  const int64_t columns = w.columns / w.groups, panels = panel_count(columns, kPanelColumns);
  const int64_t groups = padded_groups(w.depth);
  const auto space = TRY(room.room(DType::i8, shape));
  auto* bytes = reinterpret_cast<int8_t*>(space.data);
  TRY(w.filters ? pack_filters(w, groups, room, bytes) : pack_rows(w, groups, room, bytes));
  std::vector<int32_t> sums;
  for (int64_t i = 0; i < w.groups * panels; ++i) {
    int32_t part[kPanelColumns];
    packing::sum_byte_columns(bytes + i * groups * kRowBytes, groups, part);
    const int64_t used = std::min(kPanelColumns, columns - i % panels * kPanelColumns);
    sums.insert(sums.end(), part, part + used);
  }
  return keep(w, room.keep(space, name + ".panels"), sums, rewriter);
}

}  // namespace

Result<PackedBytes> pack(const ByteWeights& w, Rewriter& rewriter, PackedWeights& room) {
  return pack_into(
      w,
      {panel_count(w.columns, kPanelColumns), padded_groups(w.depth), kPanelColumns, kPanelGroup},
      rewriter, room);
}

Result<PackedBytes> pack_groups(const ByteWeights& w, Rewriter& rewriter, PackedWeights& room) {
  return pack_into(w,
                   {w.groups, panel_count(w.columns / w.groups, kPanelColumns),
                    padded_groups(w.depth), kPanelColumns, kPanelGroup},
                   rewriter, room);
}

Result<PackedBytes> pack_depthwise(const ByteWeights& w, Rewriter& rewriter, PackedWeights& room) {
  const std::string name = rewriter.model().constants[w.id.index].name;
  const auto space = TRY(room.room(DType::i8, {w.positions, w.columns}));
  const auto data = TRY(rewriter.model().stored(w.id));
  std::vector<int32_t> sums(size_t(w.columns));
  for (int64_t j = 0; j < w.columns; ++j)
    for (int64_t p = 0; p < w.positions; ++p) {
      const auto weight = int8_t(uint8_t(data[size_t(j * w.positions + p)]) ^ turn_of(w));
      space.data[p * w.columns + j] = std::byte(weight);
      sums[size_t(j)] += weight;
    }
  return keep(w, room.keep(space, name + ".last"), sums, rewriter);
}

}  // namespace hone
