#include "backends/cpu/strided_copy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "backends/cpu/cpu.h"
#include "kernels/transposes/transposes.h"

namespace hone::cpu {
namespace {

using kernels::Word;

// Axes of one element left out, those that both sides walk as one merged.
StridedCopy merged(const StridedCopy& c) {
  StridedCopy m;
  for (size_t i = 0; i < c.shape.size(); ++i) {
    if (c.shape[i] == 1) continue;
    if (!m.shape.empty() && m.in.back() == c.in[i] * c.shape[i] &&
        m.out.back() == c.out[i] * c.shape[i]) {
      m.shape.back() *= c.shape[i];
      m.in.back() = c.in[i];
      m.out.back() = c.out[i];
      continue;
    }
    m.add(c.shape[i], c.in[i], c.out[i]);
  }
  if (m.shape.empty()) m.add(1, 1, 1);
  return m;
}

int64_t count_of(const Extents& shape, size_t first = 0) {
  int64_t n = 1;
  for (size_t i = first; i < shape.size(); ++i) n *= shape[i];
  return n;
}

// Calls f(offset in, offset out) for the positions [begin, end) of `shape`, in C order.
template <class F>
void each_position(const StridedCopy& c, int64_t begin, int64_t end, F f) {
  const size_t rank = c.shape.size();
  std::vector<int64_t> at(rank);
  int64_t in = 0, out = 0, rest = begin;
  for (size_t axis = rank; axis-- > 0; rest /= c.shape[axis]) {
    at[axis] = rest % c.shape[axis];
    in += at[axis] * c.in[axis];
    out += at[axis] * c.out[axis];
  }
  for (int64_t i = begin; i < end; ++i) {
    f(in, out);
    for (size_t axis = rank; axis-- > 0;) {
      in += c.in[axis];
      out += c.out[axis];
      if (++at[axis] < c.shape[axis]) break;
      in -= c.shape[axis] * c.in[axis];
      out -= c.shape[axis] * c.out[axis];
      at[axis] = 0;
    }
  }
}

// All axes but the given ones.
StridedCopy without(const StridedCopy& c, size_t a, size_t b) {
  StridedCopy rest;
  for (size_t i = 0; i < c.shape.size(); ++i)
    if (i != a && i != b) rest.add(c.shape[i], c.in[i], c.out[i]);
  return rest;
}

template <class T>
struct Copier {
  const T* in;
  T* out;
  ThreadPool& pool;

  static int64_t grain(int64_t elements) {
    return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, elements));
  }

  // The innermost axis, row by row.
  void rows(const StridedCopy& c) const {
    const size_t last = c.shape.size() - 1;
    const int64_t n = c.shape[last], step = c.in[last], out_step = c.out[last];
    const StridedCopy outer = without(c, last, last);
    pool.parallel_for(count_of(outer.shape), grain(n), [&](int64_t begin, int64_t end) {
      each_position(outer, begin, end, [&](int64_t from, int64_t to) {
        const T* source = in + from;
        T* target = out + to;
        if (step == 1 && out_step == 1)
          std::memcpy(target, source, size_t(n) * sizeof(T));
        else if (step == 0 && out_step == 1)
          std::fill_n(target, n, *source);
        else
          for (int64_t i = 0; i < n; ++i) target[i * out_step] = source[i * step];
      });
    });
  }

  // One long row, in pieces.
  void row(const StridedCopy& c) const {
    pool.parallel_for(c.shape[0], kGrain, [&](int64_t begin, int64_t end) {
      const StridedCopy piece{{1, end - begin}, {0, c.in[0]}, {0, c.out[0]}};
      Copier{in + begin * c.in[0], out + begin * c.out[0], pool}.rows(piece);
    });
  }

  // The three colours of images side by side: four bytes at once, the last of which the next ones
  // overwrite.
  static void triples(const T* source, int64_t in_row, T* target, int64_t columns) {
    const T *second = source + in_row, *third = second + in_row;
    int64_t j = 0;
    for (; j + 1 < columns; ++j) {
      const T four[4] = {source[j], second[j], third[j], T{}};
      std::memcpy(target + 3 * j, four, sizeof four);
    }
    for (; j < columns; ++j)
      for (int64_t k = 0; k < 3; ++k) target[3 * j + k] = source[k * in_row + j];
  }

  static void plane(const T* source, int64_t in_row, T* target, int64_t out_row, int64_t rows,
                    int64_t columns) {
    if constexpr (sizeof(T) == sizeof(Word)) {
      kernels::transpose_kernels().plane(source, in_row, target, out_row, rows, columns);
      return;
    }
    if constexpr (sizeof(T) == 1)
      if (rows == 3 && out_row == 3) return triples(source, in_row, target, columns);
    constexpr int64_t kTile = 16;  // its rows and columns stay in the L1 cache
    for (int64_t i = 0; i < rows; i += kTile)
      for (int64_t j = 0; j < columns; ++j)
        for (int64_t k = i; k < std::min(rows, i + kTile); ++k)
          target[j * out_row + k] = source[k * in_row + j];
  }

  // The innermost axis of the result, and `column`, along which the source lies side by side.
  void planes(const StridedCopy& c, size_t column) const {
    constexpr int64_t kColumns = 64;
    const size_t last = c.shape.size() - 1;
    const StridedCopy outer = without(c, column, last);
    const int64_t rows = c.shape[last], columns = c.shape[column];
    const int64_t blocks = (columns + kColumns - 1) / kColumns;
    pool.parallel_for(
        count_of(outer.shape) * blocks, grain(rows * std::min(columns, kColumns)),
        [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t first = i % blocks * kColumns;
            each_position(outer, i / blocks, i / blocks + 1, [&](int64_t from, int64_t to) {
              plane(in + from + first, c.in[last], out + to + first * c.out[column], c.out[column],
                    rows, std::min(kColumns, columns - first));
            });
          }
        });
  }

  // Blocks of neighbours, each a permutation of one of the source; `axis` is their first.
  void blocks(const StridedCopy& c, size_t axis) const {
    StridedCopy outer, block;
    for (size_t i = 0; i < c.shape.size(); ++i)
      (i < axis ? outer : block).add(c.shape[i], c.in[i], c.out[i]);
    const int64_t n = count_of(block.shape);
    std::vector<int32_t> order(static_cast<size_t>(n));
    each_position(block, 0, n,
                  [&](int64_t from, int64_t to) { order[size_t(to)] = int32_t(from); });
    pool.parallel_for(count_of(outer.shape), grain(n), [&](int64_t begin, int64_t end) {
      each_position(outer, begin, end, [&](int64_t from, int64_t to) {
        if constexpr (sizeof(T) == sizeof(Word))
          kernels::transpose_kernels().permute(in + from, order.data(), out + to, n);
        else
          for (int64_t i = 0; i < n; ++i) out[to + i] = in[from + order[size_t(i)]];
      });
    });
  }
};

constexpr int64_t kNarrow = 8;      // sides of a plane that fill no vector
constexpr int64_t kLongest = 4096;  // elements of a block whose order is listed

// Does the arrangement fill a run of neighbours from its first place on?
bool is_dense(const Extents& shape, const std::vector<int64_t>& strides, size_t first) {
  const int64_t n = count_of(shape, first);
  int64_t last = 0;
  for (size_t i = first; i < shape.size(); ++i) {
    if (strides[i] <= 0) return false;
    last += (shape[i] - 1) * strides[i];
  }
  return last == n - 1;
}

// The outermost axis from which on small blocks are permutations of blocks; none if there is none.
std::optional<size_t> block_of(const StridedCopy& c) {
  std::optional<size_t> found;
  for (size_t axis = c.shape.size() - 1; axis-- > 0;) {
    if (count_of(c.shape, axis) > kLongest) break;
    if (is_dense(c.shape, c.in, axis) && is_dense(c.shape, c.out, axis)) found = axis;
  }
  return found;
}

template <class T>
void run_width(const StridedCopy& given, const std::byte* in, std::byte* out, ThreadPool& pool) {
  const StridedCopy c = merged(given);
  const Copier<T> copier{reinterpret_cast<const T*>(in), reinterpret_cast<T*>(out), pool};
  const size_t last = c.shape.size() - 1;
  if (last == 0) return copier.row(c);
  if (c.in[last] <= 1 && c.in[last] >= 0 && c.shape[last] >= kNarrow) return copier.rows(c);
  const auto side = std::ranges::find(c.in, 1) - c.in.begin();
  const bool plane = side < int64_t(last) && c.out[last] == 1;
  if (plane && c.shape[last] >= kNarrow && c.shape[size_t(side)] >= kNarrow)
    return copier.planes(c, size_t(side));
  if (const auto axis = block_of(c)) return copier.blocks(c, *axis);
  if (plane) return copier.planes(c, size_t(side));
  copier.rows(c);
}

}  // namespace

void run(const StridedCopy& copy, size_t width, const std::byte* in, std::byte* out,
         ThreadPool& pool) {
  if (count_of(copy.shape) == 0) return;
  struct alignas(8) Pair {
    uint64_t low, high;
  };
  switch (width) {
    case 1: return run_width<uint8_t>(copy, in, out, pool);
    case 2: return run_width<uint16_t>(copy, in, out, pool);
    case 4: return run_width<Word>(copy, in, out, pool);
    case 8: return run_width<uint64_t>(copy, in, out, pool);
    default: return run_width<Pair>(copy, in, out, pool);
  }
}

}  // namespace hone::cpu
