#include "packed_blocks.h"

#include <algorithm>

#include "ops/block_linear.h"

namespace hone::testing {

using namespace block_linear;

namespace {

// Levels have to be signed bytes.
void add_levels(RandomCall& c, const Extents& of_blocks, bool table, PackedBlocks& p) {
  if (table || c.random.chance(0.5)) {
    p.fine = c.integers(of_blocks, -127, 127, DType::i8);
    return;
  }
  p.fine = c.integers(of_blocks, 0, 0, DType::i16);
  Tensor& shifted = c.data.back().tensor;
  for (int64_t i = 0; i < shifted.count(); ++i) {
    const int64_t fine = c.random.between(0, 127);
    const int64_t most = std::min<int64_t>(255, 127 * 256 / std::max<int64_t>(1, fine) - 256);
    store_integer(shifted, i, fine | c.random.between(-most, most) * 128);
  }
}

int64_t zero_of(RandomCall& c, int64_t bits, const PackedBlocks& p, bool table) {
  if (table || p.minimum.valid()) return 0;
  if (bits == 8) return 128;
  return p.in_runs ? int64_t{1} << (bits - 1) : c.random.between(0, (1 << bits) - 1);
}

}  // namespace

PackedBlocks packed_blocks(RandomCall& c, int64_t depth) {
  constexpr int64_t kBits[] = {2, 3, 4, 4, 5, 6, 8};
  const int64_t bits = kBits[c.random.between(0, 6)];
  PackedBlocks p;
  p.columns = c.random.chance(0.2) ? c.random.between(60, 200) : c.random.between(1, 40);
  p.in_runs = c.random.chance(0.5);
  const bool minimum = !p.in_runs && c.random.chance(0.4);
  const bool table = bits == 4 && !minimum && c.random.chance(0.3);
  const int64_t block = c.random.chance(0.3) ? kUnit / 2
                                             : kUnit * (c.random.chance(0.7) ? 1
                                                        : p.in_runs          ? 4
                                                                             : 3);
  const int64_t super = p.in_runs ? kRun / block : 1;
  p.scale_rows = block * super;
  const int64_t blocks = (depth + block - 1) / block;
  const int64_t panels = (p.columns + kColumns - 1) / kColumns;
  const int64_t units = (blocks * block + kUnit - 1) / kUnit;
  const Extents scales{panels, (blocks + super - 1) / super, kColumns};
  const DType dtype = c.random.chance(0.5) ? DType::f32 : DType::f16;
  p.codes = c.integers({panels, units, unit_bytes(bits)}, 0, 255, DType::u8);
  p.scale = c.input(scales, dtype, true);
  if (minimum) p.minimum = c.input(scales, dtype, true);
  if (p.in_runs && bits < 8) add_levels(c, {panels, blocks, kColumns}, table, p);
  p.attrs = {{"columns", p.columns},
             {"bits", bits},
             {"block", block},
             {"zero", zero_of(c, bits, p, table)},
             {"super", super}};
  if (!table) return p;
  Integers values;
  for (int i = 0; i < 16; ++i) values.push_back(c.random.between(-128, 127));
  p.attrs.emplace_back("table", values);
  return p;
}

}  // namespace hone::testing
