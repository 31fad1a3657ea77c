// Matrix products of floats whose right-hand matrix has been packed.
//
// C[m,n] = A[m,k] · B[k,n]. B is packed into panels [ceil(n / width)][k][width], as wide as the
// register tile of the instruction set, zeros in the columns beyond n. The rows of A are a step
// apart, or are gathered, a block of rows and of k at a time: so a convolution is a product, and no
// more than a block of what its windows cover exists at any time. k is summed in blocks, in order,
// so that a result depends neither on the number of threads nor on the other rows and columns.
// Packed elements may be stored in 16 bits; results are those of the floats that they stand for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/activation.h"

namespace hone::kernels {

// Where gathered rows go: row by row, or packed, column by column, as tiles of packed rows are
// read.
struct Gathered {
  float* to;
  int64_t step;  // floats from one row to the next, or from one column
  bool packed;

  float* at(int64_t row, int64_t column) const {
    return packed ? to + column * step + row : to + row * step + column;
  }
  Gathered from(int64_t row, int64_t column) const { return {at(row, column), step, packed}; }
};

// Rows that lie evenly once some of them are laid out: row r of line l at l * line_step + r * step,
// element k at places[k] from there. They are read as they lie, neither gathered nor packed.
struct RowLines {
  int64_t length = 0;  // rows of a line; 0: there are no lines
  int64_t lines = 0;   // of an image; lines of two images are not laid out together
  int64_t line_step = 0, step = 0;
  const int32_t* places = nullptr;
  int64_t room = 0;  // floats of as many lines as are laid out together
};

// Rows that do not lie in memory as they are needed.
class RowSource {
 public:
  // Elements [from, from + depth) of rows [row, row + rows).
  virtual void gather(int64_t row, int64_t rows, int64_t from, int64_t depth,
                      Gathered to) const = 0;
  // Whether packing them takes less than gathering them row by row.
  virtual bool by_columns() const { return false; }
  // Some sources have their rows in lines. `most_lines` of them are laid out at a time at most.
  virtual RowLines lines() const { return {}; }
  virtual void lay_out(int64_t /*line*/, int64_t /*count*/, float* /*to*/) const {}
  virtual ~RowSource() = default;
};

// Rows of A: of `depth` floats, row r at first + r * step; or from a source, from its row `row` on.
struct Rows {
  const float* first = nullptr;
  int64_t step = 0;
  int64_t depth = 0;
  const RowSource* source = nullptr;
  int64_t row = 0;

  Rows from(int64_t r) const {
    Rows rest = *this;
    if (source)
      rest.row += r;
    else
      rest.first += r * step;
    return rest;
  }
};

// How the elements of panels are stored.
enum class Stored : uint8_t { f32, f16, bf16 };
inline int64_t bytes_of(Stored stored) { return stored == Stored::f32 ? 4 : 2; }

// What comes into the cache while a tile is computed: `lines` cache lines for every kUnrolled
// multiply-adds of an element, from `next` on.
struct Ahead {
  const std::byte* next = nullptr;
  int64_t lines = 0;
};
inline constexpr int64_t kUnrolled = 8, kLineBytes = 64;

// One register tile: c[rows][columns] = activation(bias + added + A · B), or A · B added to what is
// there instead. a: [rows][depth], a_row apart, element k at places[k] where there are any; or
// packed: [depth][rows]; b: [depth][columns of a panel]; c: rows c_row apart. The epilogue begins
// at this tile, and clamps() at most.
struct Tile {
  const float* a = nullptr;
  int64_t a_row = 0;
  bool packed = false;
  const int32_t* places = nullptr;
  int64_t depth = 0;
  const float* b = nullptr;
  float* c = nullptr;
  int64_t c_row = 0, rows = 0, columns = 0;
  bool add = false;
  Ahead ahead = {};
  Epilogue epilogue = {};
};

// Floats from one row of a matrix to the next, and from one column.
struct Steps {
  int64_t row, column;
};

// No panel is wider.
inline constexpr int64_t kWidestPanel = 32;

// The right-hand side of a tile of few rows, instead of Tile::b: `count` panels of stored elements,
// `step` of them from one to the next.
struct ThinPanels {
  const std::byte* first;
  Stored stored;
  int64_t count, step;
};

// What one instruction set offers. Sizes in elements.
struct GemmKernel {
  int64_t rows, columns;  // of a tile at most; as many columns has a panel
  // At most as many rows as a tile has, as a packed one reads them: to[depth][rows], columns
  // to_step apart. Null if this gains nothing.
  void (*pack)(const float* a, int64_t a_row, int64_t rows, int64_t depth, float* to,
               int64_t to_step);
  void (*tile)(const Tile& tile);
  // The same for kThinRows at most and whole panels. Several of them are read side by side: memory
  // serves many streams better than one.
  void (*thin)(const Tile& tile, const ThinPanels& panels);
  // The epilogue of columns [column, column + columns) of some rows of C, from c on.
  void (*finish)(const Epilogue& epilogue, float* c, int64_t c_row, int64_t rows, int64_t columns,
                 int64_t column, const float* added);
  // Elements of a matrix, anywhere, to one of the same size.
  void (*spread)(const float* from, Steps from_steps, int64_t rows, int64_t columns, float* to,
                 Steps to_steps);
  // to[rows][floats], to_step apart, from rows from_step apart.
  void (*copy)(const float* from, int64_t from_step, float* to, int64_t to_step, int64_t rows,
               int64_t floats);
};

// By instruction set.
extern const GemmKernel kGemmPortable;
#if defined(__x86_64__)
extern const GemmKernel kGemmAvx2;
extern const GemmKernel kGemmAvx512;
#endif

// The best one for the CPU that runs this.
const GemmKernel& gemm_kernel();

// Of k at a time, at most: a panel's block stays in the L1 cache while all rows pass by. C is read
// and written again for each block, which costs less.
inline constexpr int64_t kBlockDepth = 384;
inline constexpr int64_t kPanelGroup =
    32;  // panels at a time at most: their part of C stays in the L2 cache
inline constexpr int64_t kRowBlock = 224;  // rows at a time at most: and their part of A

// Lines of so many rows that are laid out together.
inline constexpr int64_t most_lines(int64_t length) {
  return length < kRowBlock ? kRowBlock / length : 1;
}

// So many panels are worth packing the rows for.
inline constexpr int64_t kPackPanels = 6;

// A product with so few rows is as fast as its weights can be read.
inline constexpr int64_t kThinRows = 3;

// Panels of a packed matrix with n columns.
inline int64_t panels(const GemmKernel& kernel, int64_t n) {
  return (n + kernel.columns - 1) / kernel.columns;
}

// C may lie where the summand of the epilogue does.
struct Product {
  Rows a;                       // of all the rows
  const void* b = nullptr;      // packed
  Stored stored = Stored::f32;  // elements of b
  int64_t b_depth = 0;          // rows of b that a panel holds: at least k; 0 for k
  float* c = nullptr;           // element [i,j] at i * c_row + j
  int64_t c_row = 0;
  int64_t m = 0, n = 0;
  Epilogue epilogue = {};
  bool add = false;                 // to what is in c, which then has bias and summand already
  const std::byte* then = nullptr;  // the panel that this thread needs next, if it is known
  const float* packed = nullptr;    // all the rows, as PackedBlocks lays them, instead of a

  int64_t panel_depth() const { return b_depth > 0 ? b_depth : a.depth; }
  // Of one row of a panel.
  int64_t row_bytes(const GemmKernel& kernel) const { return kernel.columns * bytes_of(stored); }
  const std::byte* panel(const GemmKernel& kernel, int64_t number) const {
    return static_cast<const std::byte*>(b) + number * panel_depth() * row_bytes(kernel);
  }
  // Where the summand of element [row, column] lies; null without one.
  const float* added(int64_t row, int64_t column) const {
    return epilogue.added ? epilogue.added + row * epilogue.added_row + column : nullptr;
  }
  // The part with rows [first, first + count): whole blocks, where they are packed.
  Product rows(int64_t first, int64_t count) const {
    Product part = *this;
    part.m = count;
    if (packed)
      part.packed += first * a.depth;
    else
      part.a = a.from(first);
    part.c += first * c_row;
    if (part.epilogue.added) part.epilogue.added += first * epilogue.added_row;
    return part;
  }
};

// The rows of a product in blocks: of even numbers of rows, in whole tiles, and of k. Packed once,
// several threads can use them for their panels.
struct PackedBlocks {
  const GemmKernel& kernel;
  int64_t m, depth;
  int64_t rows, part;  // of a block, at most

  PackedBlocks(const GemmKernel& kernel, int64_t m, int64_t depth);  // m > 0
  int64_t floats() const { return m * depth; }
  // The parts that can be packed on their own: a few rows of a block.
  int64_t parts() const;
  void pack(const Rows& a, int64_t number, float* packed) const;
};

// Whether packing rows gains something, for so many panels.
bool packs(const GemmKernel& kernel, const Rows& a, int64_t panels);

// The panels [panel, panel_end) of the product, on this thread.
void multiply(const GemmKernel& kernel, const Product& product, int64_t panel, int64_t panel_end);

}  // namespace hone::kernels
