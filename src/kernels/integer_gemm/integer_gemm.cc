#include "kernels/integer_gemm/integer_gemm.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "kernels/entered.h"
#include "kernels/instruction_set.h"

namespace hone::kernels {

const IntegerGemmKernel& integer_gemm_kernel() {
#if defined(__x86_64__)
  switch (instruction_set()) {
    case InstructionSet::amx: return kIntegerGemmAmx;
    case InstructionSet::avx512vnni: return kIntegerGemmAvx512Vnni;
    case InstructionSet::avx2vnni: return kIntegerGemmAvx2Vnni;
    case InstructionSet::avx512:
    case InstructionSet::avx2: return kIntegerGemmAvx2;
    case InstructionSet::portable: break;
  }
#endif
  return kIntegerGemmPortable;
}

namespace {

// Of k at a time, at most: a tile's panels stay in the first-level cache while all rows pass by.
constexpr int64_t kBlockDepth = 1024;
// Rows at a time, at most: what is gathered or prepared of them stays in the second-level cache.
constexpr int64_t kRowBlock = 256;

int64_t rounded_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// Some rows of A, as the tiles read them.
struct Block {
  const uint8_t* a;
  int64_t a_step, m;
  int64_t first;            // of the product's rows
  bool last_apart = false;  // the rows of the last tile are read elsewhere
};

// Tiles are loaded and stored line by line of the cache: each that crosses from one to the next
// takes twice as long.
constexpr std::align_val_t kLine{64};
struct Release {
  template <class T>
  void operator()(T* memory) const {
    ::operator delete(memory, kLine);
  }
};
template <class T>
using Aligned = std::unique_ptr<T[], Release>;
template <class T>
Aligned<T> aligned(int64_t n) {
  return Aligned<T>(static_cast<T*>(::operator new(size_t(n) * sizeof(T), kLine)));
}

class Multiplication {
 public:
  Multiplication(const IntegerGemmKernel& kernel, const IntegerProduct& p, int64_t panel,
                 int64_t panel_end)
      : kernel_(kernel),
        p_(p),
        thin_(kernel.thin && !p.source && p.m <= kThinByteRows),
        tile_(thin_ ? kernel.thin : kernel.tile),
        tile_panels_(thin_ ? kernel.thin_panels : kernel.panels),
        depth_(rounded_up(p.depth, thin_ ? kDepthGroup : kernel.depth_unit)),
        panel_(panel),
        panel_end_(panel_end) {}

  void run(int64_t row, int64_t row_end) {
    const int64_t down = (row_end - row + kRowBlock - 1) / kRowBlock;
    const int64_t even = rounded_up((row_end - row + down - 1) / down, kernel_.rows);
    // Of long rows fewer.
    constexpr int64_t kBytes = int64_t{4} << 20;
    const int64_t fitting = kBytes / std::max<int64_t>(1, depth_) / kernel_.rows * kernel_.rows;
    const int64_t most = std::min(even, std::max(kernel_.rows, fitting));
    rows_ = aligned<uint8_t>(p_.source || reads_beyond(row_end - 1) ? most * depth_ : 0);
    if (kernel_.prepare) prepared_ = aligned<uint8_t>(most * depth_ * kernel_.widened);
    const int64_t tile_columns = tile_panels_ * kIntegerPanel;
    sums_ = aligned<int32_t>((rounded_up(most, kernel_.rows) + kernel_.rows) * tile_columns);
    for (; row < row_end; row += most) multiply_rows(block(row, std::min(most, row_end - row)));
  }

 private:
  // Tiles of about even height: a last one of a row or two would keep little under way.
  int64_t height_of(int64_t rows) const {
    const int64_t tiles = (rows + kernel_.rows - 1) / kernel_.rows;
    return rounded_up((rows + tiles - 1) / tiles, kernel_.row_unit);
  }
  // The rows of a block's last tile: it takes some of those before it once more where it may only
  // have a multiple of some, and that takes less long than to be told of fewer.
  int64_t last_rows(int64_t rows) const {
    const int64_t height = height_of(rows), left = (rows - 1) % height + 1;
    constexpr int64_t kShallow = 256;
    return kernel_.row_unit > 1 && depth_ <= kShallow ? std::min(rows, height) : left;
  }
  // Would a tile read this row beyond the end of all rows, or what counts behind its own?
  bool reads_beyond(int64_t row) const {
    const int64_t follow = p_.zeros ? (p_.m - 1 - row) * p_.a_step : 0;
    return depth_ - p_.depth > follow;
  }
  void copy(const uint8_t* from, int64_t m) {
    for (int64_t i = 0; i < m; ++i) {
      uint8_t* to = rows_.get() + i * depth_;
      std::memcpy(to, from + i * p_.a_step, size_t(p_.depth));
      std::memset(to + p_.depth, 0, size_t(depth_ - p_.depth));
    }
  }

  Block block(int64_t row, int64_t m) {
    Block b{p_.a + row * p_.a_step, p_.a_step, m, row};
    if (p_.source) {
      p_.source->gather(p_.row + row, m, rows_.get(), depth_);
      for (int64_t i = 0; i < m && !p_.zeros; ++i)
        std::memset(rows_.get() + i * depth_ + p_.depth, 0, size_t(depth_ - p_.depth));
      b.a = rows_.get(), b.a_step = depth_;
    } else if (reads_beyond(row + m - 1)) {
      const int64_t before = m - last_rows(m);
      // The tile before the last one ends where whole tiles do, among the last one's rows.
      const int64_t in_place = (m - 1) / height_of(m) * height_of(m);
      if (!kernel_.prepare && before > 0 && !reads_beyond(row + in_place - 1)) {
        copy(b.a + before * p_.a_step, m - before);
        b.last_apart = true;
        return b;
      }
      copy(b.a, m);
      b.a = rows_.get(), b.a_step = depth_;
    }
    if (!kernel_.prepare) return b;
    kernel_.prepare(b.a, b.a_step, m, depth_, prepared_.get());
    return {prepared_.get(), depth_ * kernel_.widened, m, row};
  }

  bool strips(const Block& b) const {
    return kernel_.strip && b.m >= kernel_.rows && kernel_.takes_strips(depth_, p_.epilogue);
  }
  void multiply_strips(const Block& b) {
    IntegerStrip s{.a = b.a, .a_step = b.a_step, .rows = b.m};
    s.last = b.last_apart ? rows_.get() : b.a + (b.m - kernel_.rows) * b.a_step;
    s.last_step = b.last_apart ? depth_ : b.a_step;
    s.panel_step = padded_depth(p_.depth) * kIntegerPanel;
    s.epilogue = &p_.epilogue;
    s.row = b.first;
    s.sums = sums_.get();
    for (int64_t j = panel_; j < panel_end_; j += tile_panels_) {
      s.b = p_.b + j * s.panel_step;
      s.panels = std::min(tile_panels_, panel_end_ - j);
      s.column = j * kIntegerPanel;
      s.columns = std::min(s.panels * kIntegerPanel, p_.n - s.column);
      kernel_.strip(s);
    }
  }

  void multiply_rows(const Block& b) {
    if (strips(b)) return multiply_strips(b);
    const int64_t height = height_of(b.m);
    const int64_t parts =
        thin_ ? 1 : std::max<int64_t>(1, (depth_ + kBlockDepth - 1) / kBlockDepth);
    const int64_t part = std::max(kDepthUnit, rounded_up((depth_ + parts - 1) / parts, kDepthUnit));
    const int64_t panel_bytes = padded_depth(p_.depth) * kIntegerPanel;
    const int64_t tile_columns = tile_panels_ * kIntegerPanel;
    IntegerTile t{.panel_step = panel_bytes, .sums_step = tile_columns};
    const bool whole = part >= depth_;
    const bool later = !thin_ && kernel_.finishes && kernel_.finishes(p_.epilogue);
    // Weights come from memory, and the hardware looks ahead within a page only: the panels behind
    // those of a tile come in equal parts.
    constexpr int64_t kLineBytes = 64;
    const int64_t passes = (b.m + height - 1) / height;
    t.lines = (kIntegerPanel * tile_panels_ * kDepthUnit / kLineBytes + passes - 1) / passes;
    IntegerSums before;
    int64_t place = 0;
    for (int64_t j = panel_; j < panel_end_; j += tile_panels_) {
      t.panels = std::min(tile_panels_, panel_end_ - j);
      const int64_t column = j * kIntegerPanel;
      const int64_t columns = std::min(t.panels * kIntegerPanel, p_.n - column);
      const bool last = j + tile_panels_ >= panel_end_;
      t.ahead = last ? nullptr : p_.b + (j + tile_panels_) * panel_bytes;
      for (int64_t k = 0; k == 0 || k < depth_; k += part) {
        t.depth = std::min(part, depth_ - k);
        t.b = p_.b + j * panel_bytes + k * kIntegerPanel;
        t.add = k > 0;
        for (int64_t r = 0; r < b.m; r += height) {
          const int64_t rows = std::min(height, b.m - r);
          const bool ends = r + rows == b.m;
          t.rows = ends ? last_rows(b.m) : rows;
          const int64_t again = t.rows - rows;
          t.a = b.a + (r - again) * b.a_step, t.a_step = b.a_step;
          if (ends && b.last_apart) t.a = rows_.get(), t.a_step = depth_;
          t.a += k * kernel_.widened;
          place = !whole ? r : later ? height - place : 0;
          t.sums = sums_.get() + place * tile_columns;
          // What a tile has summed up is finished while the one behind it is under way, or at once.
          t.before = before.first ? &before : nullptr;
          tile_(t);
          before = {};
          if (t.ahead) t.ahead += t.lines * kLineBytes * ((t.depth + kDepthUnit - 1) / kDepthUnit);
          if (k + part < depth_) continue;
          before = {
              &p_.epilogue, t.sums + again * tile_columns, tile_columns, b.first + r, rows, column,
              columns};
          if (!later) finish(before), before = {};
        }
      }
      if (!whole) finish(before), before = {};
    }
    finish(before);
  }

  void finish(const IntegerSums& s) const {
    if (s.first) kernel_.finish(p_.epilogue, s.first, s.step, s.row, s.rows, s.column, s.columns);
  }

  const IntegerGemmKernel& kernel_;
  const IntegerProduct& p_;
  bool thin_;
  void (*tile_)(const IntegerTile&);
  int64_t tile_panels_, depth_, panel_, panel_end_;
  Aligned<uint8_t> rows_, prepared_;
  Aligned<int32_t> sums_;
};

}  // namespace

bool zeros_beyond_depth(const IntegerProduct& p) {
  const int64_t depth = padded_depth(p.depth);
  const int64_t whole = rounded_up(p.depth, kDepthGroup), last = whole - kDepthGroup;
  uint32_t found = 0;
  for (int64_t panel = 0; panel < integer_panels(p.n); ++panel) {
    const int8_t* b = p.b + panel * depth * kIntegerPanel;
    for (int64_t k = p.depth; k < whole; ++k)
      for (int64_t j = 0; j < kIntegerPanel; ++j)
        found |= uint8_t(b[last * kIntegerPanel + j * kDepthGroup + k - last]);
    for (int64_t i = whole * kIntegerPanel; i < depth * kIntegerPanel; i += 4) {
      uint32_t four;
      std::memcpy(&four, b + i, sizeof four);
      found |= four;
    }
  }
  return found == 0;
}

void multiply(const IntegerGemmKernel& kernel, const IntegerProduct& product, int64_t row,
              int64_t row_end, int64_t panel, int64_t panel_end) {
  if (row >= row_end || panel >= panel_end) return;
  const Entered entered(kernel);
  Multiplication(kernel, product, panel, panel_end).run(row, row_end);
}

}  // namespace hone::kernels
