// The register tile of a matrix product, for the instruction set of the including file.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/gemm/gemm.h"
#include "kernels/vector_halves.h"

// Under sanitizers, code as long as that takes minutes to compile.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HONE_UNROLL_STEPS _Pragma("GCC unroll 1")
#else
#define HONE_UNROLL_STEPS _Pragma("GCC unroll 8")
#endif

namespace hone::kernels {
namespace {

// Some rows that are a step apart. Every third row has a pointer, the others are reached from it:
// registers for all of them there are not.
template <int kRows>
struct EvenRows {
  static constexpr bool kPacked = false;
  static constexpr bool read_once(int) { return true; }
  const float* third[(kRows + 2) / 3];
  int64_t step;
  explicit EvenRows(const Tile& t) : step(t.a_row) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r += 3) third[r / 3] = t.a + r * t.a_row;
  }
  const float* at(int row, int64_t k) const { return third[row / 3] + row % 3 * step + k; }
};

// Rows that have been packed: one column of all of them after the other.
template <int kRows>
struct PackedRows {
  static constexpr bool kPacked = true;
  static constexpr bool read_once(int row) { return row % 4 == 3; }
  const float* first;
  explicit PackedRows(const Tile& t) : first(t.a) {}
  const float* at(int row, int64_t k) const { return first + k * kRows + row; }
};

// Rows whose elements lie apart, in the same way in each row.
template <int kRows>
struct PlacedRows : EvenRows<kRows> {
  const int32_t* places;
  explicit PlacedRows(const Tile& t) : EvenRows<kRows>(t), places(t.places) {}
  const float* at(int row, int64_t k) const { return EvenRows<kRows>::at(row, places[k]); }
};

// The same, where rows are two apart.
template <int kRows>
struct PlacedPairs : PackedRows<kRows> {
  const int32_t* places;
  explicit PlacedPairs(const Tile& t) : PackedRows<kRows>(t), places(t.places) {}
  const float* at(int row, int64_t k) const { return this->first + places[k] + 2 * row; }
};

// Some columns of a tile: all vectors but the last are whole.
template <int kVectors, bool kWhole>
struct Columns {
  int64_t last;  // elements of the last vector, where it is not whole
  Vector load(const float* p, int v) const {
    p += v * Vector::kWidth;
    return kWhole || v + 1 < kVectors ? Vector::load(p) : Vector::load(p, last);
  }
  void store(Vector x, float* p, int v) const {
    p += v * Vector::kWidth;
    if (kWhole || v + 1 < kVectors)
      x.store(p);
    else
      x.store(p, last);
  }
};

// sums += column k of the rows times row k of b. Most elements of a are read by the multiply-adds
// themselves: the front end, which another thread of the core may share, has less to do, and the
// few that are read once for all vectors keep the loads below what the cache serves.
template <int kRows, int kVectors, class A>
inline void add_product(Vector (&sums)[kRows][kVectors], const A& a, int64_t k, const float* b) {
  Vector row[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) row[v] = Vector::load(b + v * Vector::kWidth);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const float* element = a.at(r, k);
    const bool once = A::read_once(r);
    const Vector x = once ? Vector::all(*element) : Vector::zero();
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      sums[r][v] = !once        ? fma_read(element, row[v], sums[r][v])
                   : A::kPacked ? fma_in_place(x, row[v], sums[r][v])
                                : fma(x, row[v], sums[r][v]);
  }
}

template <int kRows, int kVectors, bool kWhole, class F>
inline void store(const Vector (&sums)[kRows][kVectors], const Columns<kVectors, kWhole>& columns,
                  float* c, int64_t c_row, F f) {
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) columns.store(f(sums[r][v]), c + r * c_row, v);
}

// The activation, and the way to memory.
template <int kRows, int kVectors, bool kWhole>
inline void finish_tile(const Vector (&sums)[kRows][kVectors],
                        const Columns<kVectors, kWhole>& columns, const Epilogue& e, float* c,
                        int64_t c_row) {
  const Vector zero = Vector::zero(), low = Vector::all(e.low), high = Vector::all(e.high);
  if (e.activation == Activation::relu)
    return store(sums, columns, c, c_row, [=](Vector x) { return max(zero, x); });
  if (e.activation == Activation::clip)
    return store(sums, columns, c, c_row, [=](Vector x) { return min(high, max(low, x)); });
  store(sums, columns, c, c_row, [](Vector x) { return x; });
}

// What is there already, or bias and summand: read before anything is written, as C may lie where
// the summand does.
template <int kRows, int kVectors, bool kWhole>
inline void begin_tile(Vector (&sums)[kRows][kVectors], const Columns<kVectors, kWhole>& columns,
                       const float* c, int64_t c_row, bool add, const Epilogue& e) {
  const float* there = add ? c : e.added;
  const int64_t there_row = add ? c_row : e.added_row;
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const Vector first = e.bias && !add ? columns.load(e.bias, v) : Vector::zero();
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sums[r][v] = first;
  }
  if (!there) return;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      sums[r][v] = sums[r][v] + columns.load(there + r * there_row, v);
}

// Of panels of kPanel columns, those that kVectors hold.
template <int kPanel, int kRows, int kVectors, bool kWhole, class A>
void multiply(const Tile& t) {
  const Columns<kVectors, kWhole> columns{t.columns - (kVectors - 1) * Vector::kWidth};
  Vector sums[kRows][kVectors];
  begin_tile(sums, columns, t.c, t.c_row, t.add, t.epilogue);
  const std::byte* next = t.ahead.next;
  const float* b = t.b;
  const A rows(t);
  const int64_t lines = t.ahead.lines, depth = t.depth;
  int64_t k = 0;
  // Counters and jumps are work for the front end, which another thread of the core may share.
  for (; k + kUnrolled <= depth; k += kUnrolled) {
    for (int64_t line = 0; line < lines; ++line, next += kLineBytes) __builtin_prefetch(next, 0, 2);
    HONE_UNROLL_STEPS
    for (int64_t u = 0; u < kUnrolled; ++u, b += kPanel)
      add_product<kRows, kVectors>(sums, rows, k + u, b);
  }
  for (; k < depth; ++k, b += kPanel) add_product<kRows, kVectors>(sums, rows, k, b);
  finish_tile(sums, columns, t.epilogue, t.c, t.c_row);
}

template <int kPanel, int kRows, int kVectors, bool kWhole>
void multiply_some(const Tile& t) {
  if (t.rows == kRows) {
    // Where numbers in memory are no operands, rows are not packed (GemmKernel::pack).
    if constexpr (kReadsWithFma)
      if (t.packed) return multiply<kPanel, kRows, kVectors, kWhole, PackedRows<kRows>>(t);
    if constexpr (kWhole) {
      if (t.places && t.a_row == 2)
        return multiply<kPanel, kRows, kVectors, kWhole, PlacedPairs<kRows>>(t);
      if (t.places) return multiply<kPanel, kRows, kVectors, kWhole, PlacedRows<kRows>>(t);
    }
    return multiply<kPanel, kRows, kVectors, kWhole, EvenRows<kRows>>(t);
  }
  if constexpr (kRows > 1) multiply_some<kPanel, kRows - 1, kVectors, kWhole>(t);
}

template <int kRows, int kVectors, int kPanel = kVectors * Vector::kWidth>
void tile(const Tile& t) {
  static_assert(kPanel <= kWidestPanel);
  constexpr int64_t kColumns = kVectors * Vector::kWidth;
  if (t.columns == kColumns) return multiply_some<kPanel, kRows, kVectors, true>(t);
  // The last columns of a matrix.
  if constexpr (kVectors > 1)
    if (t.columns <= kColumns - Vector::kWidth) return tile<kRows, kVectors - 1, kPanel>(t);
  multiply_some<kPanel, kRows, kVectors, false>(t);
}

// How many panels are read side by side: as many as there are registers for their sums.
template <int kRows>
constexpr int streams() {
  constexpr int kSums = Vector::kWidth == 16 ? 24 : 12;
  int n = 1;
  while (4 * n * kRows <= kSums) n *= 2;
  return n;
}

// The epilogue of the columns from `column` on.
inline Epilogue part(Epilogue e, int64_t column) {
  if (e.bias) e.bias += column;
  if (e.added) e.added += column;
  return e;
}

// Elements of panels as they are stored, read as floats.
struct Floats {
  using Element = float;
  static Vector load(const float* p) { return Vector::load(p); }
};
struct Halves {
  using Element = uint16_t;
  static Vector load(const uint16_t* p) { return load_f16(p); }
};
struct BrainHalves {
  using Element = uint16_t;
  static Vector load(const uint16_t* p) { return load_bf16(p); }
};

// Rows times kPanels whole panels of two vectors each, of elements `b`, `step` of them apart.
template <int kRows, int kPanels, class E>
void multiply_panels(const Tile& t, const typename E::Element* b, int64_t step) {
  constexpr int64_t kW = Vector::kWidth, kWide = 2 * kW, kBytes = sizeof(*b);
  // Bytes that are asked for ahead of their use: a little more than memory takes to answer.
  constexpr int64_t kAhead = 2048 / kBytes;
  Vector sums[kPanels][kRows][2];
  const Columns<2, true> columns{kW};
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p)
    begin_tile(sums[p], columns, t.c + p * kWide, t.c_row, t.add, part(t.epilogue, p * kWide));
  for (int64_t k = 0; k < t.depth; ++k, b += kWide) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      const auto* row = b + p * step;
      __builtin_prefetch(row + kAhead);
      if constexpr (kWide * kBytes > kLineBytes)
        __builtin_prefetch(row + kAhead + kLineBytes / kBytes);
      const Vector left = E::load(row), right = E::load(row + kW);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const Vector x = Vector::all(t.a[r * t.a_row + k]);
        sums[p][r][0] = fma(x, left, sums[p][r][0]);
        sums[p][r][1] = fma(x, right, sums[p][r][1]);
      }
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < kPanels; ++p)
    finish_tile(sums[p], columns, t.epilogue, t.c + p * kWide, t.c_row);
}

template <int kRows, int kPanels, class E>
void multiply_thin(Tile t, const typename E::Element* b, int64_t panels, int64_t step) {
  for (; panels >= kPanels; panels -= kPanels) {
    multiply_panels<kRows, kPanels, E>(t, b, step);
    constexpr int64_t kColumns = int64_t{kPanels} * 2 * Vector::kWidth;
    b += kPanels * step;
    t.c += kColumns;
    t.epilogue = part(t.epilogue, kColumns);
  }
  if constexpr (kPanels > 1) multiply_thin<kRows, kPanels / 2, E>(t, b, panels, step);
}

template <class E>
void thin_of(const Tile& t, const ThinPanels& p) {
  const auto* b = reinterpret_cast<const typename E::Element*>(p.first);
  if (t.rows == 1) return multiply_thin<1, streams<1>(), E>(t, b, p.count, p.step);
  if (t.rows == 2) return multiply_thin<2, streams<2>(), E>(t, b, p.count, p.step);
  multiply_thin<3, streams<3>(), E>(t, b, p.count, p.step);
}

inline void thin(const Tile& t, const ThinPanels& panels) {
  if (panels.stored == Stored::f16) return thin_of<Halves>(t, panels);
  if (panels.stored == Stored::bf16) return thin_of<BrainHalves>(t, panels);
  thin_of<Floats>(t, panels);
}

inline void spread_each(const float* from, Steps from_steps, int64_t rows, int64_t columns,
                        float* to, Steps to_steps) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      to[i * to_steps.row + j * to_steps.column] = from[i * from_steps.row + j * from_steps.column];
}

inline void copy(const float* from, int64_t from_step, float* to, int64_t to_step, int64_t rows,
                 int64_t floats) {
  constexpr int64_t kW = Vector::kWidth;
  const int64_t whole = floats / kW * kW;
  for (int64_t r = 0; r < rows; ++r, from += from_step, to += to_step) {
    for (int64_t i = 0; i < whole; i += kW) Vector::load(from + i).store(to + i);
    if (whole < floats)
      Vector::load(from + whole, floats - whole).store(to + whole, floats - whole);
  }
}

}  // namespace
}  // namespace hone::kernels
