#include "passes/packing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/filters/filters.h"
#include "ops/block_linear.h"

namespace hone::packing {
namespace {

float element(const std::byte* data, int64_t index) {
  float x;
  std::memcpy(&x, data + index * int64_t(sizeof x), sizeof x);
  return x;
}
}  // namespace

void pack_rows(const Rows& r, int64_t first, int64_t last, float* out) {
  // So many that what is written lies together, and few enough that they are read one by one.
  constexpr int64_t kRows = 16;
  for (int64_t begin = first; begin < last; begin += kRows) {
    const int64_t end = std::min(last, begin + kRows);
    for (int64_t column = 0; column < r.columns; column += r.width) {
      const int64_t used = std::min(r.width, r.columns - column);
      float* to = out + column * r.depth + begin * r.width;
      for (int64_t k = begin; k < end; ++k, to += r.width) {
        const int64_t at = k * r.columns + column;
        std::memcpy(to, r.data + at * int64_t(sizeof(float)), size_t(used) * sizeof(float));
        if (r.factor != 1)
          for (int64_t j = 0; j < used; ++j) to[j] *= r.factor;
      }
    }
  }
}

bool pack_filters(const Filters& f, float* out) {
  return kernels::filter_kernels().pack(
      {f.data, f.used, f.channels, f.positions, f.width, f.factors.data()}, out);
}

void pack_depthwise(const Filters& f, float* out) {
  for (int64_t j = 0; j < f.used; ++j)
    for (int64_t k = 0; k < f.positions; ++k)
      out[k * f.used + j] = element(f.data, j * f.positions + k) * f.factors[size_t(j)];
}

namespace {

constexpr int64_t kColumns = 16, kGroup = 4;  // of panels of bytes
using Bytes = uint8_t __attribute__((vector_size(16)));
using Words = uint16_t __attribute__((vector_size(16)));

Bytes load_bytes(const std::byte* data) {
  Bytes x;
  std::memcpy(&x, data, sizeof x);
  return x;
}

// 16 columns of four rows, `step` apart.
void interleave(const std::byte* data, int64_t step, uint8_t turn, int8_t* out) {
  const Bytes a = load_bytes(data) ^ turn, b = load_bytes(data + step) ^ turn,
              c = load_bytes(data + 2 * step) ^ turn, d = load_bytes(data + 3 * step) ^ turn;
  const auto low = [](Bytes x, Bytes y) {
    return Words(
        __builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  };
  const auto high = [](Bytes x, Bytes y) {
    return Words(__builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30,
                                         15, 31));
  };
  const auto store = [&](int at, Words x, Words y) {
    const Words left = __builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
    const Words right = __builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15);
    std::memcpy(out + at, &left, sizeof left);
    std::memcpy(out + at + 16, &right, sizeof right);
  };
  store(0, low(a, b), low(c, d));
  store(32, high(a, b), high(c, d));
}

int8_t turned(const std::byte* data, int64_t at, uint8_t turn) {
  return int8_t(uint8_t(data[at]) ^ turn);
}

}  // namespace

void pack_byte_rows(const ByteRows& r, int64_t first, int64_t last, int8_t* out) {
  for (int64_t g = first; g < last; ++g) {
    const std::byte* row = r.data + g * kGroup * r.columns;
    const int64_t rows = std::min(kGroup, r.depth - g * kGroup);
    for (int64_t column = 0; column < r.columns; column += kColumns) {
      int8_t* to = out + (column * r.groups + g * kColumns) * kGroup;
      if (rows == kGroup && r.columns - column >= kColumns) {
        interleave(row + column, r.columns, r.turn, to);
        continue;
      }
      const int64_t used = std::min(kColumns, r.columns - column);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < used; ++j)
          to[j * kGroup + i] = turned(row, i * r.columns + column + j, r.turn);
    }
  }
}

void pack_byte_filters(const ByteFilters& f, int64_t first, int64_t last, int8_t* out) {
  const int64_t depth = f.channels * f.positions;
  for (int64_t panel = first; panel < last; ++panel) {
    const int64_t used = std::min(kColumns, f.columns - panel * kColumns);
    for (int64_t j = 0; j < used; ++j) {
      const std::byte* filter = f.data + (panel * kColumns + j) * depth;
      int8_t* to = out + (panel * f.groups * kColumns + j) * kGroup;
      int64_t k = 0;
      for (int64_t p = 0; p < f.positions; ++p)
        for (int64_t c = 0; c < f.channels; ++c, ++k)
          to[k / kGroup * kColumns * kGroup + k % kGroup] =
              turned(filter, c * f.positions + p, f.turn);
    }
  }
}

void sum_byte_columns(const int8_t* panel, int64_t groups, int32_t* sums) {
  uint32_t all[kColumns] = {};  // unsigned: these wrap around
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t j = 0; j < kColumns; ++j, panel += kGroup)
      all[j] += uint32_t(panel[0] + panel[1] + panel[2] + panel[3]);
  for (int64_t j = 0; j < kColumns; ++j) sums[j] = int32_t(all[j]);
}

namespace {

// One column of a unit: of `width` bits a plane each, eight groups of four codes become lines of
// the column's four bytes.
void put_plane(const uint32_t (&groups)[8], int64_t width, uint8_t* column) {
  for (int64_t line = 0; line < width; ++line) {
    uint32_t bytes = 0;
    for (int64_t g = line; g < 8; g += width) bytes |= groups[g] << g / width * width;
    std::memcpy(column + line * kGroup * kColumns, &bytes, sizeof bytes);
  }
}

void put_codes(const uint8_t* codes, int64_t bits, uint8_t* column) {
  uint32_t groups[8], low[8], high[8];
  std::memcpy(groups, codes, sizeof groups);
  const int64_t first = block_linear::low_bits(bits);
  const uint32_t mask = 0x01010101u * uint32_t((1 << first) - 1);
  for (int g = 0; g < 8; ++g) {
    low[g] = groups[g] & mask;
    high[g] = (groups[g] & ~mask) >> first;
  }
  put_plane(low, first, column);
  if (first < bits) put_plane(high, bits - first, column + block_linear::unit_bytes(first));
}

}  // namespace

void pack_block_codes(const BlockCodes& c, int64_t first, int64_t last, uint8_t* out) {
  const int64_t units = c.depth / block_linear::kUnit;
  const int64_t unit = block_linear::unit_bytes(c.bits), column_bytes = unit / kColumns;
  uint8_t codes[block_linear::kUnit];
  for (int64_t panel = first; panel < last; ++panel)
    for (int64_t j = 0; j < std::min(kColumns, c.columns - panel * kColumns); ++j)
      for (int64_t u = 0; u < units; ++u) {
        const std::byte* from = c.data + ((panel * kColumns + j) * units + u) * column_bytes;
        for (int64_t k = 0; k < block_linear::kUnit; ++k)
          codes[k] = c.bits == 4 ? std::to_integer<uint8_t>(from[k / 2]) >> k % 2 * 4 & 15
                                 : std::to_integer<uint8_t>(from[k]);
        put_codes(codes, c.bits, out + (panel * units + u) * unit + j * kGroup);
      }
}

namespace {

// The scale of a run whose largest element, or what bounds it, becomes this level. Of elements that
// are next to nothing nothing is left.
float scale_of(float largest, float level) {
  if (!std::isfinite(largest)) return std::numeric_limits<float>::quiet_NaN();
  const float scale = largest / level;
  return std::isnormal(scale) ? scale : 0;
}

// To the nearest integer, of numbers far below 2^22.
template <class T>
T nearest(T x) {
  const float kMagic = 12582912;  // 1.5 * 2^23: from there on numbers are integers
  return (x + kMagic) - kMagic;
}
int8_t byte_of(float x) { return int8_t(std::clamp(nearest(x), -127.0f, 127.0f)); }

using Four = float __attribute__((vector_size(16)));

// Blocks of a column of a panel, some at a time.
class SplitReader {
 public:
  SplitReader(const SplitRows& rows, int64_t panel, int64_t j)
      : rows_(rows), f_(*rows.split), column_(panel * kColumns + j) {}

  // Codes, scales and minima of `count` blocks of the format from block b on.
  void read(int64_t b, int64_t count) {
    blocks = 0;
    scales.fill(0);
    for (int64_t i = b; i < b + count; ++i) append(i);
  }

  int64_t blocks = 0;  // of a scale each
  std::array<uint8_t, block_linear::kRun> codes = {};
  std::array<float, SplitBlock::kRuns> scales = {}, minima = {};

 private:
  void append(int64_t b) {
    const int64_t elements = rows_.format->elements;
    f_.split(rows_.data + (column_ * rows_.format_blocks() + b) * rows_.format->bytes, split_);
    std::memcpy(codes.data() + blocks * f_.run, split_.codes.data(), size_t(elements));
    for (size_t i = 0; i < size_t(elements / f_.run); ++i, ++blocks) {
      scales[size_t(blocks)] = split_.coarse * fine(split_.fine[i], f_.fine_is_signed);
      minima[size_t(blocks)] = split_.coarse_least * fine(split_.fine_least[i], false);
    }
  }
  float fine(uint8_t byte, bool is_signed) const {
    if (!f_.has_fine) return 1;
    return is_signed ? float(int8_t(byte)) : float(byte);
  }

  const SplitRows& rows_;
  const SplitFormat& f_;
  int64_t column_;
  SplitBlock split_ = {};
};

// Codes of whole units from row k on.
void put_units(const SplitRows& rows, int64_t panel, int64_t j, int64_t k, int64_t count,
               const uint8_t* codes, uint8_t* to) {
  using block_linear::kUnit;
  const int64_t unit = block_linear::unit_bytes(rows.split->bits), units = rows.depth / kUnit;
  uint8_t* column = to + (panel * units + k / kUnit) * unit + j * kGroup;
  for (int64_t u = 0; u < count / kUnit; ++u)
    put_codes(codes + u * kUnit, rows.split->bits, column + u * unit);
}

// One column of a panel, and where its parts go: of everything the first.
class SplitColumn {
 public:
  SplitColumn(const SplitRows& rows, int64_t panel, int64_t j, const SplitPanels& to)
      : rows_(rows), f_(*rows.split), to_(to), panel_(panel), j_(j), run_(rows, panel, j) {}

  void pack() {
    const int64_t elements = rows_.format->elements, of_run = block_linear::kRun / elements;
    for (int64_t b = 0, run = 0; b < rows_.format_blocks(); b += of_run, ++run) {
      run_.read(b, std::min(of_run, rows_.format_blocks() - b));
      for (int64_t i = 0; i < run_.blocks; ++i) center(i);
      const float scale = chosen_scale();
      to_.scales[(panel_ * rows_.runs() + run) * kColumns + j_] = scale;
      // Where nothing is left, or what is left is not a number, levels do not matter.
      const bool some = scale != 0 && std::isfinite(scale);
      const float levels = some ? 1 / scale : 0;
      if (!some) run_.scales.fill(0), offsets_.fill(0);
      rows_.has_fine() ? put_levels(b * elements, levels) : put_bytes(b * elements, levels);
    }
  }

 private:
  // element = (code - zero) scale + offset, and scales are not negative where there are offsets.
  void center(int64_t b) {
    float& scale = run_.scales[size_t(b)];
    float& offset = offsets_[size_t(b)];
    offset = 0;
    if (!f_.has_least) return;
    float least = -run_.minima[size_t(b)];
    const int most = (1 << f_.bits) - 1;
    if (scale < 0) {
      uint8_t* codes = run_.codes.data() + b * f_.run;
      for (int64_t k = 0; k < f_.run; ++k) codes[k] = uint8_t(most - codes[k]);
      least += float(most) * scale;
      scale = -scale;
    }
    offset = float(rows_.zero()) * scale + least;
  }

  // Of the elements, and of what bounds fine scales and shifts.
  float largest() {
    float out = 0;
    bool finite = true;
    squares_.fill(0);
    for (int64_t b = 0; b < run_.blocks; ++b) {
      const float scale = run_.scales[size_t(b)], offset = offsets_[size_t(b)];
      finite = finite && std::isfinite(scale) && std::isfinite(offset);
      const Extent q = extent_of(run_.codes.data() + b * f_.run);
      squares_[size_t(b)] = float(q.squares);
      out = std::max({out, std::abs(float(q.least) * scale + offset),
                      std::abs(float(q.most) * scale + offset)});
      if (rows_.has_fine()) out = std::max({out, std::abs(scale) * over(), std::abs(offset)});
    }
    return finite ? out : std::numeric_limits<float>::quiet_NaN();
  }
  // What codes of a block stand for; squares where they have fine scales.
  struct Extent {
    int least, most, squares;
  };
  Extent extent_of(const uint8_t* codes) const {
    constexpr int64_t kStep = 16;
    using Codes = uint8_t __attribute__((vector_size(kStep)));
    using Integers = int8_t __attribute__((vector_size(kStep)));
    using Wide = uint16_t __attribute__((vector_size(2 * kStep)));
    using SignedWide = int16_t __attribute__((vector_size(2 * kStep)));
    const int8_t* table = f_.table;
    const auto zero = uint8_t(rows_.zero());
    Integers least{}, most{};
    Wide squares{};
    for (int64_t k = 0; k < f_.run; k += kStep) {
      Codes c;
      std::memcpy(&c, codes + k, sizeof c);
      Integers q = Integers(c - zero);
      if (table)
        for (int64_t i = 0; i < kStep; ++i) q[i] = table[codes[k + i]];
      if (k == 0) least = most = q;
      least = q < least ? q : least;
      most = q > most ? q : most;
      // Of 2^7 twice 2^14 fit.
      const Wide wide = Wide(__builtin_convertvector(q, SignedWide));
      squares += wide * wide;
    }
    Extent out{least[0], most[0], 0};
    for (int64_t i = 0; i < kStep; ++i) {
      out.least = std::min<int>(out.least, least[i]);
      out.most = std::max<int>(out.most, most[i]);
      out.squares += squares[i];
    }
    return out;
  }
  float integer(uint8_t code) const {
    return f_.table ? float(f_.table[code]) : float(code - rows_.zero());
  }
  // What products of codes and fine scales are divided by.
  float over() const { return f_.table ? 128 : float(1 << (f_.bits - 1)); }

  // The least scale with which levels are signed bytes, or one a little above it where fine scales
  // fall nearer to integers.
  float chosen_scale() {
    // Where shifts are rounded too, a level may be 0.75 more.
    const float least = scale_of(largest(), rows_.shifted() ? 126 : 127);
    if (!rows_.has_fine() || !(least > 0)) return least;
    // The largest fine scale is 2^6, those below are powers of two, and few levels are rounded.
    if (f_.binary) return largest_scale() * over() / 64;
    constexpr int kTries = 6;
    constexpr float kStep = 1.0f / 128;
    const float over_squared = over() * over(), rounded = float(run_.blocks * f_.run) / 12;
    float best = least, fewest = std::numeric_limits<float>::infinity();
    for (int i = 0; i < kTries; ++i) {
      const float scale = least * (1 + float(i) * kStep);
      // Of rounding fine scales, and of rounding levels.
      const float error = (fine_error(over() / scale) / over_squared + rounded) * scale * scale;
      if (error < fewest) best = scale, fewest = error;
    }
    return best;
  }
  // The squares of what rounding takes from fine scales, each as often as it counts.
  float fine_error(float factor) const {
    Four sum{};
    for (size_t i = 0; i < squares_.size(); i += 4) {
      Four scales, squares;
      std::memcpy(&scales, run_.scales.data() + i, sizeof scales);
      std::memcpy(&squares, squares_.data() + i, sizeof squares);
      const Four fine = scales * factor, off = fine - nearest(fine);
      sum += off * off * squares;
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
  }
  float largest_scale() const {
    float out = 0;
    for (int64_t b = 0; b < run_.blocks; ++b) out = std::max(out, run_.scales[size_t(b)]);
    return out;
  }
  // From row k on; so many levels are 1.
  void put_levels(int64_t k, float levels) {
    for (int64_t b = 0; b < run_.blocks; ++b) {
      const int64_t at = (panel_ * rows_.blocks() + k / f_.run + b) * kColumns + j_;
      const int8_t fine = byte_of(run_.scales[size_t(b)] * over() * levels);
      if (to_.shifted)
        to_.shifted[at] = shifted(b, fine, levels);
      else
        to_.fine[at] = fine;
    }
    put_units(rows_, panel_, j_, k, run_.blocks * f_.run, run_.codes.data(), to_.codes);
  }

  // A fine scale with its shift. Where a block lies so far from 0 that the shift is too large, it
  // gets a larger scale and other codes.
  int16_t shifted(int64_t b, int fine, float levels) {
    constexpr int kMost = 255;
    const float offset = offsets_[size_t(b)] * levels * 256;
    const bool far = std::abs(offset) > float(kMost * fine) && std::abs(offset) >= 128;
    if (far) fine = std::min(127, int(std::ceil(std::abs(offset) / kMost)));
    const float ideal = fine > 0 ? nearest(std::clamp(offset / float(fine), -1e4f, 1e4f)) : 0;
    const int shift = std::clamp(int(ideal), -kMost, kMost);
    if (far) recode(b, float(fine) / over(), float(shift * fine) / 256, levels);
    return int16_t(fine | shift * 128);
  }
  void recode(int64_t b, float step, float offset, float levels) {
    constexpr float kLargestLevel = 127;
    uint8_t* codes = run_.codes.data() + b * f_.run;
    for (int64_t k = 0; k < f_.run; ++k) {
      const float element = integer(codes[k]) * run_.scales[size_t(b)] + offsets_[size_t(b)];
      float q = nearest((element * levels - offset) / step);
      if (std::abs(q * step + offset) > kLargestLevel) q += q * step + offset > 0 ? -1 : 1;
      codes[k] =
          uint8_t(std::clamp<int64_t>(int64_t(q) + rows_.zero(), 0, (int64_t{1} << f_.bits) - 1));
    }
  }

  void put_bytes(int64_t k, float levels) {
    const float zero = float(rows_.zero());
    for (int64_t b = 0; b < run_.blocks; ++b) {
      const float factor = run_.scales[size_t(b)] * levels;
      uint8_t* codes = run_.codes.data() + b * f_.run;
      for (int64_t i = 0; i < f_.run; ++i)
        codes[i] = uint8_t(byte_of((float(codes[i]) - zero) * factor) + int(zero));
    }
    put_units(rows_, panel_, j_, k, run_.blocks * f_.run, run_.codes.data(), to_.codes);
  }

  const SplitRows& rows_;
  const SplitFormat& f_;
  const SplitPanels& to_;
  int64_t panel_, j_;
  SplitReader run_;
  std::array<float, SplitBlock::kRuns> offsets_ = {}, squares_ = {};
};

void pack_exact_column(const SplitRows& rows, int64_t panel, int64_t j, const ExactPanels& to) {
  const int64_t elements = rows.format->elements, of_block = elements / rows.split->run;
  SplitReader block(rows, panel, j);
  for (int64_t b = 0; b < rows.format_blocks(); ++b) {
    block.read(b, 1);
    put_units(rows, panel, j, b * elements, elements, block.codes.data(), to.codes);
    for (int64_t i = 0; i < of_block; ++i) {
      const int64_t at = (panel * rows.blocks() + b * of_block + i) * kColumns + j;
      to.scales[at] = block.scales[size_t(i)];
      if (to.minima) to.minima[at] = block.minima[size_t(i)];
    }
  }
}

}  // namespace

void pack_exact_rows(const SplitRows& rows, int64_t first, int64_t last, const ExactPanels& to) {
  for (int64_t panel = first; panel < last; ++panel)
    for (int64_t j = 0; j < std::min(kColumns, rows.columns - panel * kColumns); ++j)
      pack_exact_column(rows, panel, j, to);
}

void pack_split_rows(const SplitRows& rows, int64_t first, int64_t last, const SplitPanels& to) {
  for (int64_t panel = first; panel < last; ++panel)
    for (int64_t j = 0; j < std::min(kColumns, rows.columns - panel * kColumns); ++j)
      SplitColumn(rows, panel, j, to).pack();
}

}  // namespace hone::packing
