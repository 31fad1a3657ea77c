#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <memory>

#include "kernels/conversions/conversions.h"
#include "kernels/gemm/features.h"
#include "kernels/instruction_set.h"

namespace hone::kernels {

const GemmKernel& gemm_kernel() {
#if defined(__x86_64__)
  static const GemmKernel& best = best_of(kGemmPortable, kGemmAvx2, kGemmAvx512);
  return best;
#else
  return kGemmPortable;
#endif
}

namespace {

int64_t divided(int64_t n, int64_t by) { return (n + by - 1) / by; }

// A block of k of some rows of A.
struct Block {
  const float* a;
  int64_t a_row;
  bool packed;          // by tiles
  int64_t from, depth;  // of k
  bool last;
  const std::byte* then = nullptr;  // the panel that is needed next
  const int32_t* places = nullptr;  // Tile::places
};

// So many tiles, of even height: a last one of a row or two would keep few multiply-adds under way.
struct Tiles {
  int64_t count, height, higher;  // the first `higher` have one row more

  Tiles(int64_t m, int64_t most)
      : count((m + most - 1) / most), height(m / count), higher(m % count) {}
  int64_t height_of(int64_t tile) const { return height + (tile < higher ? 1 : 0); }
  int64_t first(int64_t tile) const { return tile * height + std::min(tile, higher); }  // row
};

// What to ask for while the tiles of a block are computed: weights come from memory, and the
// hardware looks ahead within a page only. The next panel's block is as large as this one, or
// smaller, and comes in equal parts.
struct Prefetch {
  int64_t each = 0, bytes = 0;  // lines for kUnrolled multiply-adds, for a tile

  Prefetch(int64_t row_bytes, int64_t depth, int64_t tiles) {
    const int64_t steps = depth / kUnrolled, all = depth * row_bytes / kLineBytes;
    if (steps == 0) return;
    each = (all + steps * tiles - 1) / (steps * tiles);
    bytes = each * steps * kLineBytes;
  }
};

// A block of a panel as floats: where it lies, or made wide while all rows pass by.
class WideBlock {
 public:
  const float* floats(const std::byte* block, Stored stored, int64_t count) {
    if (stored == Stored::f32) return reinterpret_cast<const float*>(block);
    const ConversionKernels& convert = conversion_kernels();
    (stored == Stored::f16 ? convert.f16_to_f32 : convert.bf16_to_f32)(
        reinterpret_cast<const uint16_t*>(block), room_, count);
    return room_;
  }

 private:
  alignas(kLineBytes) float room_[kBlockDepth * kWidestPanel];
};

// A tile begins with its summand.
void ask_for_summand(const Product& p, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  constexpr int64_t kLine = 16;  // floats
  if (!p.epilogue.added) return;
  for (int64_t r = row; r < row + rows; ++r)
    for (int64_t j = 0; j < columns; j += kLine) __builtin_prefetch(p.added(r, column + j));
}

void multiply_block(const GemmKernel& kernel, const Product& p, const Block& block, int64_t panel,
                    int64_t panel_end) {
  const int64_t row_bytes = p.row_bytes(kernel), panel_bytes = p.panel_depth() * row_bytes;
  const Tiles tiles(p.m, kernel.rows);
  const Prefetch prefetch(row_bytes, block.depth, tiles.count);
  WideBlock wide;
  Tile tile{.a_row = block.a_row,
            .packed = block.packed,
            .places = block.places,
            .depth = block.depth,
            .c_row = p.c_row,
            .add = block.from > 0 || p.add,
            .epilogue = p.epilogue};
  tile.epilogue.added = nullptr;
  if (!block.last) tile.epilogue.activation = Activation::none;
  // What is not computed with the tile is computed right behind it, while the tile is near.
  const Epilogue rest{nullptr, nullptr, 0, p.epilogue.activation, 0, 0};
  const bool finish = block.last && !rest.clamps();
  if (finish) tile.epilogue.activation = Activation::none;
  for (int64_t j = panel; j < panel_end; ++j) {
    const int64_t column = j * kernel.columns;
    tile.columns = std::min(kernel.columns, p.n - column);
    const std::byte* b = p.panel(kernel, j) + block.from * row_bytes;
    tile.b = wide.floats(b, p.stored, block.depth * kernel.columns);
    tile.epilogue.bias = p.epilogue.bias ? p.epilogue.bias + column : nullptr;
    const std::byte* next = j + 1 < panel_end ? b + panel_bytes : block.then;
    const std::byte* end = next ? next + block.depth * row_bytes : next;
    for (int64_t t = 0, r = 0; t < tiles.count; ++t, r += tile.rows) {
      tile.rows = tiles.height_of(t);
      tile.a = block.a + r * (block.packed ? block.depth : block.a_row);
      tile.c = p.c + r * p.c_row + column;
      if (block.from == 0) {
        tile.epilogue.added = p.added(r, column);
        if (t + 1 < tiles.count) ask_for_summand(p, r + tile.rows, tile.rows, column, tile.columns);
      }
      // The last tiles may have nothing left to ask for.
      tile.ahead = next < end ? Ahead{next, prefetch.each} : Ahead{};
      next = end - next > prefetch.bytes ? next + prefetch.bytes : end;
      kernel.tile(tile);
      if (finish) kernel.finish(rest, tile.c, p.c_row, tile.rows, tile.columns, 0, nullptr);
    }
  }
}

void pack_tile(const GemmKernel& kernel, const Rows& a, int64_t row, int64_t height, int64_t from,
               int64_t depth, float* to) {
  if (a.source)
    a.source->gather(a.row + row, height, from, depth, {to, height, true});
  else
    kernel.pack(a.first + row * a.step + from, a.step, height, depth, to, height);
}

// Room for a block of rows that are gathered, packed, or both.
class Room {
 public:
  Room(const GemmKernel& kernel, const Product& p, int64_t rows, int64_t depth, int64_t panels)
      : kernel_(kernel), packs_(packs(kernel, p.a, panels)) {
    if (p.packed) return;
    // Rows that are not packed lie so far apart that neighbours do not share a set of the cache.
    step_ = packs_ ? depth : (depth + kLine - 1) / kLine * kLine + kLine;
    if (p.a.source || packs_)
      floats_ = std::make_unique_for_overwrite<float[]>(size_t(rows * step_ + kLine));
  }

  Block read(const Product& p, int64_t rows, int64_t from, int64_t depth) {
    const Rows& a = p.a;
    if (p.packed) return {p.packed + rows * from, 0, true, from, depth, false};
    if (packs_) return pack(a, Tiles(rows, kernel_.rows), from, depth);
    if (!a.source) return {a.first + from, a.step, false, from, depth, false};
    if (depth > 0) a.source->gather(a.row, rows, from, depth, {floats_.get(), step_, false});
    return {floats_.get(), step_, false, from, depth, false};
  }

 private:
  static constexpr int64_t kLine = 16;  // floats

  Block pack(const Rows& a, const Tiles& tiles, int64_t from, int64_t depth) {
    for (int64_t t = 0, r = 0; t < tiles.count && depth > 0; ++t) {
      const int64_t height = tiles.height_of(t);
      pack_tile(kernel_, a, r, height, from, depth, floats_.get() + r * depth);
      r += height;
    }
    return {floats_.get(), 0, true, from, depth, false};
  }

  const GemmKernel& kernel_;
  bool packs_;
  int64_t step_ = 0;
  std::unique_ptr<float[]> floats_;
};

// `then` is the panel that is needed after these.
void multiply_rows(const GemmKernel& kernel, const Product& p, Room& room, int64_t part,
                   int64_t panel, int64_t panel_end, const std::byte* then) {
  int64_t from = 0;
  do {
    const int64_t depth = std::min(part, p.a.depth - from);
    Block block = room.read(p, p.m, from, depth);
    from += depth;
    block.last = from == p.a.depth;
    block.then = block.last ? then : p.panel(kernel, panel) + from * p.row_bytes(kernel);
    multiply_block(kernel, p, block, panel, panel_end);
  } while (from < p.a.depth);
}

// Blocks of k: so many, of even size.
int64_t part_of(int64_t depth) {
  const int64_t blocks = std::max<int64_t>(1, divided(depth, kBlockDepth));
  return std::max(kUnrolled, divided(depth, blocks * kUnrolled) * kUnrolled);
}

// A block of k of the rows [row, end) of a source, which are of lines that lie in `laid`.
struct LaidLines {
  const RowLines& all;
  const float* laid;
  int64_t first;  // line
};
void multiply_laid(const GemmKernel& kernel, const Product& p, const LaidLines& lines, int64_t row,
                   int64_t end, Block block, int64_t panel, int64_t panel_end) {
  const int64_t length = lines.all.length;
  block.a_row = lines.all.step;
  block.places = lines.all.places + block.from;
  for (int64_t next; row < end; row = next) {
    const int64_t line = row / length;
    next = std::min(end, (line + 1) * length);
    block.a = lines.laid + (line - lines.first) * lines.all.line_step + row % length * block.a_row;
    multiply_block(kernel, p.rows(row - p.a.row, next - row), block, panel, panel_end);
  }
}

void multiply_lines(const GemmKernel& kernel, const Product& p, const RowLines& all, int64_t panel,
                    int64_t panel_end) {
  const auto room = std::make_unique_for_overwrite<float[]>(size_t(all.room));
  const int64_t part = part_of(p.a.depth), end = p.a.row + p.m;
  for (int64_t row = p.a.row, next; row < end; row = next) {
    const int64_t line = row / all.length, image_end = (line / all.lines + 1) * all.lines;
    const int64_t line_end =
        std::min({line + most_lines(all.length), image_end, (end + all.length - 1) / all.length});
    next = std::min(end, line_end * all.length);
    p.a.source->lay_out(line, line_end - line, room.get());
    int64_t from = 0;
    do {
      const int64_t depth = std::min(part, p.a.depth - from);
      const Block block{nullptr, 0, false, from, depth, from + depth == p.a.depth};
      multiply_laid(kernel, p, {all, room.get(), line}, row, next, block, panel, panel_end);
      from += depth;
    } while (from < p.a.depth);
  }
}

// Whole panels of a product with few rows; the number of the first panel that is left.
int64_t multiply_thin(const GemmKernel& kernel, const Product& p, int64_t panel,
                      int64_t panel_end) {
  const int64_t end = std::min(panel_end, p.n / kernel.columns);
  if (panel >= end) return panel;
  const int64_t column = panel * kernel.columns;
  Tile tile{.a = p.a.first,
            .a_row = p.a.step,
            .depth = p.a.depth,
            .c = p.c + column,
            .c_row = p.c_row,
            .rows = p.m,
            .columns = (end - panel) * kernel.columns,
            .add = p.add,
            .epilogue = p.epilogue};
  if (tile.epilogue.bias) tile.epilogue.bias += column;
  tile.epilogue.added = p.added(0, column);
  if (!p.epilogue.clamps()) tile.epilogue.activation = Activation::none;
  kernel.thin(tile,
              {p.panel(kernel, panel), p.stored, end - panel, p.panel_depth() * kernel.columns});
  const Epilogue rest{nullptr, nullptr, 0, p.epilogue.activation, 0, 0};
  if (!rest.clamps()) kernel.finish(rest, tile.c, p.c_row, p.m, tile.columns, 0, nullptr);
  return end;
}

}  // namespace

// Packed rows are read with less work for the front end of the core, which counts where another
// thread shares it: there products take 0.8 of the time. Short rows keep a tile busy for less time
// than it takes to find its rows, and what is gathered is packed on its way.
bool packs(const GemmKernel& kernel, const Rows& a, int64_t panels) {
  constexpr int64_t kFewPanels = 3, kShortRows = 256;
  if (!kernel.pack) return false;
  if (a.source) return panels > 1 || a.source->by_columns();
  return panels >= kPackPanels || (panels >= kFewPanels && a.depth <= kShortRows);
}

PackedBlocks::PackedBlocks(const GemmKernel& kernel, int64_t m, int64_t depth)
    : kernel(kernel), m(m), depth(depth) {
  part = part_of(depth);
  const int64_t down = divided(m, kRowBlock);
  rows = std::min(m, divided(m, down * kernel.rows) * kernel.rows);
}

// By blocks of rows, blocks of k, and tiles.
int64_t PackedBlocks::parts() const {
  return divided(m, rows) * divided(depth, part) * divided(rows, kernel.rows);
}

void PackedBlocks::pack(const Rows& a, int64_t number, float* packed) const {
  const int64_t high = divided(rows, kernel.rows), deep = divided(depth, part);
  const int64_t row = number / high / deep * rows, from = number / high % deep * part;
  const int64_t height = std::min(rows, m - row);
  const Tiles tiles(height, kernel.rows);
  const int64_t tile = number % high;
  if (tile >= tiles.count) return;  // the last block may be lower
  const int64_t k = std::min(part, depth - from), first = tiles.first(tile);
  pack_tile(kernel, a, row + first, tiles.height_of(tile), from, k,
            packed + row * depth + height * from + first * k);
}

void multiply(const GemmKernel& kernel, const Product& product, int64_t panel, int64_t panel_end) {
  if (product.m > 0 && product.m <= kThinRows && !product.a.source && !product.packed)
    panel = multiply_thin(kernel, product, panel, panel_end);
  if (product.m == 0 || panel >= panel_end) return;
  if (product.a.source && !product.packed) {
    const RowLines lines = product.a.source->lines();
    if (reads_lines(kernel.rows, kernel.columns, lines.length, product.n))
      return multiply_lines(kernel, product, lines, panel, panel_end);
  }
  const PackedBlocks blocks(kernel, product.m, product.a.depth);
  const int64_t rows = blocks.rows, groups = divided(panel_end - panel, kPanelGroup);
  const int64_t across = divided(panel_end - panel, groups);
  Room room(kernel, product, rows, std::min(blocks.part, blocks.depth), panel_end - panel);
  // The next rows find few weights where these have left them.
  constexpr int64_t kNear = int64_t{1} << 18;  // floats
  const bool far = (panel_end - panel) * kernel.columns * blocks.depth > kNear;
  for (int64_t row = 0; row < product.m; row += rows) {
    const Product p = product.rows(row, std::min(rows, product.m - row));
    const std::byte* after = row + rows >= product.m ? product.then
                             : far                   ? p.panel(kernel, panel)
                                                     : nullptr;
    for (int64_t j = panel; j < panel_end; j += across) {
      const std::byte* then = j + across < panel_end ? p.panel(kernel, j + across) : after;
      multiply_rows(kernel, p, room, blocks.part, j, std::min(j + across, panel_end), then);
    }
  }
}

}  // namespace hone::kernels
