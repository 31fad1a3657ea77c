// Operators that are one strided copy: slice, expand, tile, and blocks of pixels from channels and
// back.
#include "backends/cpu/movement.h"
#include "backends/cpu/strided_copy.h"

namespace hone::cpu {
namespace {

Status run_slice(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  const Strided source = TRY(slice_source(c));
  const StridedCopy copy{y.shape(), source.strides, strides_of(y.shape())};
  const size_t width = width_of(y);
  if (y.count() == 0) return ok();
  run(copy, width, c.in(0).data() + source.base * int64_t(width), y.mutable_data(), pool);
  return ok();
}

Status run_expand(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  const StridedCopy copy{y.shape(), broadcast_strides(c.in(0).shape(), y.shape()),
                         strides_of(y.shape())};
  run(copy, width_of(y), c.in(0).data(), y.mutable_data(), pool);
  return ok();
}

Status run_tile(Call& c, ThreadPool& pool) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const std::vector<int64_t> from = strides_of(x.shape()), to = strides_of(y.shape());
  // Every axis seen as two: the repetition and the original.
  StridedCopy copy;
  for (size_t i = 0; i < x.rank(); ++i) {
    const int64_t n = x.shape()[i];
    copy.add(y.shape()[i] / n, 0, n * to[i]);
    copy.add(n, from[i], to[i]);
  }
  run(copy, width_of(x), x.data(), y.mutable_data(), pool);
  return ok();
}

// Strides of [n, channels, rows, block, columns, block] in the deep and in the wide image.
struct Blocks {
  Extents shape;
  std::vector<int64_t> deep, wide;
};
Blocks blocks_of(const Extents& deep, const Extents& wide, int64_t block, bool blocks_first) {
  const int64_t channels = wide[1], rows = deep[2], columns = deep[3], plane = rows * columns;
  const int64_t of_block = blocks_first ? channels * plane : plane;
  const int64_t of_channel = blocks_first ? plane : block * block * plane;
  return {{deep[0], channels, rows, block, columns, block},
          {block * block * channels * plane, of_channel, columns, block * of_block, 1, of_block},
          {channels * block * block * plane, block * block * plane, block * block * columns,
           block * columns, block, 1}};
}

Status run_depth_to_space(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  const Blocks b =
      blocks_of(c.in(0).shape(), y.shape(), c.integer("blocksize"), c.text("mode") == "DCR");
  run({b.shape, b.deep, b.wide}, width_of(y), c.in(0).data(), y.mutable_data(), pool);
  return ok();
}

Status run_space_to_depth(Call& c, ThreadPool& pool) {
  Tensor& y = *TRY(c.out(0));
  const Blocks b = blocks_of(y.shape(), c.in(0).shape(), c.integer("blocksize"), true);
  // In the order of the result.
  StridedCopy copy;
  for (const size_t axis : {0, 3, 5, 1, 2, 4}) copy.add(b.shape[axis], b.wide[axis], b.deep[axis]);
  run(copy, width_of(y), c.in(0).data(), y.mutable_data(), pool);
  return ok();
}

}  // namespace

const CpuKernel depth_to_space_kernel{"depth_to_space", whole_bytes, run_depth_to_space};
const CpuKernel expand_kernel{"expand", whole_bytes, run_expand};
const CpuKernel slice_kernel{"slice", whole_bytes, run_slice};
const CpuKernel space_to_depth_kernel{"space_to_depth", whole_bytes, run_space_to_depth};
const CpuKernel tile_kernel{"tile", whole_bytes, run_tile};

}  // namespace hone::cpu
