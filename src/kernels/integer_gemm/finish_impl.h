// What becomes of the sums of integer_gemm.h, with the vectors of the including file's instruction
// set. Columns come first and rows within: what belongs to columns stays in registers.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/integer_gemm/packed_bytes.h"

namespace hone::kernels {
namespace {

// Some rows of the sums, from row `row` of the result on.
struct SumRows {
  const int32_t* first;
  int64_t step, row, rows;
};

// A vector of columns: the numbers that their sums stand for.
class SumColumns {
 public:
  template <class Lanes>
  SumColumns(const IntegerEpilogue& e, const Lanes& lanes, int64_t column)
      : offset_(e.offsets ? lanes.load(e.offsets + column) : Integers::all(0)),
        term_(e.row_terms ? lanes.load(e.column_terms + column) : Integers::all(0)),
        scale_(lanes.load(e.scales + column)),
        bias_(e.real.bias ? lanes.load(e.real.bias + column) : Vector::zero()),
        has_bias_(e.real.bias != nullptr),
        row_terms_(e.row_terms) {}

  // Without row terms and bias.
  template <class Lanes>
  Vector plain(const Lanes& lanes, const int32_t* sums) const {
    return real(lanes.load(sums) + offset_) * scale_;
  }
  template <class Lanes>
  Vector number(const Lanes& lanes, const int32_t* sums, int64_t row) const {
    Integers t = lanes.load(sums) + offset_;
    if (row_terms_) t = t + Integers::all(row_terms_[row]) * term_;
    const Vector x = real(t) * scale_;
    return has_bias_ ? x + bias_ : x;
  }

 private:
  Integers offset_, term_;
  Vector scale_, bias_;
  bool has_bias_;
  const int32_t* row_terms_;
};

// Where numbers become bytes: limits come first, for the bounds are integers. NaN becomes the
// least.
struct Limits {
  Vector low, high;
  Integers zero;
  Limits(const IntegerEpilogue& e, float least, float most)
      : low(Vector::all(least)), high(Vector::all(most)), zero(Integers::all(e.zero)) {}
  Integers operator()(Vector y) const { return nearest(min(max(y, low), high)) + zero; }
};

// Bytes of finite numbers that are limited at most, and not multiplied.
template <class Lanes>
void limited_bytes(const IntegerEpilogue& e, const Lanes& lanes, const SumRows& s, int64_t column) {
  const ByteBounds bounds(e);
  const Limits limits(e, bounds.least, bounds.most);
  const SumColumns columns(e, lanes, column);
  const int32_t* sums = s.first;
  uint8_t* to = e.bytes + s.row * e.row + column;
  for (int64_t i = 0; i < s.rows; ++i, sums += s.step, to += e.row)
    lanes.store_bytes(limits(columns.number(lanes, sums, s.row + i)), to);
}

// What has been stored: zeros where the lanes do not reach.
inline Vector stored(const AllIntegers&, Vector y, const float*) { return y; }
inline Vector stored(const FirstIntegers& lanes, Vector, const float* at) { return lanes.load(at); }

template <Activation kActivation, class Lanes>
void finish_vector(const IntegerEpilogue& e, const Lanes& lanes, const SumRows& s, int64_t column) {
  const SumColumns columns(e, lanes, column);
  const Limits limits(e, float(e.least - e.zero), float(e.most - e.zero));
  const Vector low = Vector::all(e.real.low), high = Vector::all(e.real.high),
               multiplier = Vector::all(e.multiplier);
  const int32_t* sums = s.first;
  float unused[2 * kRangeLanes] = {};
  float* range = e.range ? e.range : unused;
  Vector least = Vector::load(range), most = Vector::load(range + kRangeLanes);
  for (int64_t i = s.row; i < s.row + s.rows; ++i, sums += s.step) {
    Vector x = columns.number(lanes, sums, i);
    if (e.real.added) x = x + lanes.load(e.real.added + i * e.real.added_row + column);
    const Vector y = activated<kActivation>(x, low, high);
    if (e.reals) {
      float* to = e.reals + i * e.row + column;
      lanes.store(y, to);
      if (!e.range) continue;
      // The second operand where the first is no number.
      const Vector seen = stored(lanes, y, to);
      least = min(seen, least);
      most = max(seen, most);
    } else {
      lanes.store_bytes(limits(y * multiplier), e.bytes + i * e.row + column);
    }
  }
  least.store(range);
  most.store(range + kRangeLanes);
}

#if defined(__AVX2__)

// The same for kVectors vectors of columns, of numbers that fit into 32 bits: four vectors at a
// time, of several rows where a row has fewer. `kPlain`: neither bias nor row terms.
template <int kVectors, bool kPlain>
class PackedColumns {
 public:
  // Where vectors can be stored in part, there may be fewer columns.
  PackedColumns(const IntegerEpilogue& e, int64_t column, int64_t columns)
      : e_(e),
        packing_(e),
        column_(column),
        count_(columns),
        columns_{of(0), of(1), of(2), of(3)} {}

  // Sums may be read behind the columns.
  void rows(const SumRows& s) const {
    Place at{s.first, s.row, e_.bytes + s.row * e_.row + column_};
    int64_t left = s.rows;
    for (; left >= kRows; left -= kRows) {
      some(at, s.step, kRows);
      at.sums += kRows * s.step, at.row += kRows, at.to += kRows * e_.row;
    }
    if (left > 0) some(at, s.step, left);
  }

 private:
  static constexpr int kRows = 4 / kVectors;
  static constexpr int64_t kW = Vector::kWidth;
  struct Place {
    const int32_t* sums;
    int64_t row;
    uint8_t* to;
  };

  SumColumns of(int v) const {
    const int64_t at = v < kVectors ? v * kW : 0, left = count_ - at;
    if (left >= kW) return SumColumns(e_, AllIntegers(), column_ + at);
    return SumColumns(e_, FirstIntegers(left), column_ + at);
  }
  __attribute__((always_inline)) void some(const Place& at, int64_t step, int64_t count) const {
    const AllIntegers lanes;
    Integers y[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const int64_t r = k / kVectors < count ? k / kVectors : 0;
      const int32_t* from = at.sums + r * step + k % kVectors * kW;
      const SumColumns& c = columns_[k % kVectors];
      y[k] = nearest(kPlain ? c.plain(lanes, from) : c.number(lanes, from, at.row + r));
    }
    BytePacking::store<kVectors>(packing_.in_order(y[0], y[1], y[2], y[3]), at.to, e_.row, count,
                                 count_);
  }

  const IntegerEpilogue& e_;
  BytePacking packing_;
  int64_t column_, count_;
  SumColumns columns_[4];
};

template <int kVectors>
void packed_columns(const IntegerEpilogue& e, const SumRows& s, int64_t column, int64_t columns) {
  if (e.real.bias || e.row_terms) return PackedColumns<kVectors, false>(e, column, columns).rows(s);
  PackedColumns<kVectors, true>(e, column, columns).rows(s);
}

// How many of the columns these were.
int64_t packed_bytes(const IntegerEpilogue& e, const SumRows& s, int64_t column, int64_t columns) {
  constexpr int64_t kW = Vector::kWidth;
#if defined(__AVX512F__)
  constexpr bool kInPart = true;
#else
  constexpr bool kInPart = false;
#endif
  const auto part = [&](int64_t j) { return SumRows{s.first + j, s.step, s.row, s.rows}; };
  int64_t j = 0;
  for (; j + 4 * kW <= columns; j += 4 * kW) packed_columns<4>(e, part(j), column + j, 4 * kW);
  const auto fits = [&](int64_t vectors) {
    return columns - j >= vectors * kW || (kInPart && columns - j > (vectors - 1) * kW);
  };
  const auto next = [&](int64_t vectors) {
    return columns - j < vectors * kW ? columns - j : vectors * kW;
  };
  if (fits(2)) packed_columns<2>(e, part(j), column + j, next(2)), j += next(2);
  if (fits(1)) packed_columns<1>(e, part(j), column + j, next(1)), j += next(1);
  return j;
}

#else

int64_t packed_bytes(const IntegerEpilogue&, const SumRows&, int64_t, int64_t) { return 0; }

#endif

template <class F>
void each_sum_vector(int64_t column, int64_t columns, F f) {
  int64_t j = 0;
  for (; j + Vector::kWidth <= columns; j += Vector::kWidth) f(AllIntegers(), j, column + j);
  if (j < columns) f(FirstIntegers(columns - j), j, column + j);
}

void finish(const IntegerEpilogue& e, const int32_t* sums, int64_t sums_step, int64_t row,
            int64_t rows, int64_t column, int64_t columns) {
  if (e.integers) {
    for (int64_t i = 0; i < rows; ++i)
      std::memcpy(e.integers + (row + i) * e.row + column, sums + i * sums_step,
                  size_t(columns) * sizeof(int32_t));
    return;
  }
  const auto part = [&](int64_t j) { return SumRows{sums + j, sums_step, row, rows}; };
  if (only_limits(e)) {
    const int64_t packed = e.bounded ? packed_bytes(e, part(0), column, columns) : 0;
    if (packed == columns) return;
    sums += packed;
    return each_sum_vector(
        column + packed, columns - packed,
        [&](const auto& lanes, int64_t j, int64_t at) { limited_bytes(e, lanes, part(j), at); });
  }
  const auto run = [&]<Activation kActivation>() {
    each_sum_vector(column, columns, [&](const auto& lanes, int64_t j, int64_t at) {
      finish_vector<kActivation>(e, lanes, part(j), at);
    });
  };
  with_activation(e.real.activation, run);
}

void row_sums(const uint8_t* a, int64_t a_step, int64_t rows, int64_t depth, int32_t* sums) {
  for (int64_t i = 0; i < rows; ++i) {
    uint32_t sum = 0;
    for (int64_t k = 0; k < depth; ++k) sum += a[i * a_step + k];
    sums[i] = int32_t(sum);
  }
}

}  // namespace
}  // namespace hone::kernels
