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
template <class Lanes>
class SumColumns {
 public:
  SumColumns(const IntegerEpilogue& e, const Lanes& lanes, int64_t column)
      : offset_(e.offsets ? lanes.load(e.offsets + column) : Integers::all(0)),
        term_(e.row_terms ? lanes.load(e.column_terms + column) : Integers::all(0)),
        scale_(lanes.load(e.scales + column)),
        bias_(e.real.bias ? lanes.load(e.real.bias + column) : Vector::zero()),
        has_bias_(e.real.bias != nullptr),
        row_terms_(e.row_terms) {}

  // Without row terms and bias.
  Vector plain(const Lanes& lanes, const int32_t* sums) const {
    return real(lanes.load(sums) + offset_) * scale_;
  }
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
  const SumColumns<Lanes> columns(e, lanes, column);
  const int32_t* sums = s.first;
  uint8_t* to = e.bytes + s.row * e.row + column;
  for (int64_t i = 0; i < s.rows; ++i, sums += s.step, to += e.row)
    lanes.store_bytes(limits(columns.number(lanes, sums, s.row + i)), to);
}

template <Activation kActivation, class Lanes>
void finish_vector(const IntegerEpilogue& e, const Lanes& lanes, const SumRows& s, int64_t column) {
  const SumColumns<Lanes> columns(e, lanes, column);
  const Limits limits(e, float(e.least - e.zero), float(e.most - e.zero));
  const Vector low = Vector::all(e.real.low), high = Vector::all(e.real.high),
               multiplier = Vector::all(e.multiplier);
  const int32_t* sums = s.first;
  for (int64_t i = s.row; i < s.row + s.rows; ++i, sums += s.step) {
    Vector x = columns.number(lanes, sums, i);
    if (e.real.added) x = x + lanes.load(e.real.added + i * e.real.added_row + column);
    const Vector y = activated<kActivation>(x, low, high);
    if (e.reals)
      lanes.store(y, e.reals + i * e.row + column);
    else
      lanes.store_bytes(limits(y * multiplier), e.bytes + i * e.row + column);
  }
}

#if defined(__AVX2__)

// The same for some vectors of columns, of numbers that fit into 32 bits: four vectors at a time, of
// several rows where a row has fewer. `kPlain`: neither bias nor row terms.
template <int kVectors, bool kPlain>
void packed_rows(const IntegerEpilogue& e, const BytePacking& packing, const SumRows& s,
                 int64_t column) {
  constexpr int kRows = 4 / kVectors;
  constexpr int64_t kW = Vector::kWidth;
  const AllIntegers lanes;
  using Columns = SumColumns<AllIntegers>;
  const auto columns = [&](int v) { return Columns(e, lanes, column + (v < kVectors ? v : 0) * kW); };
  const Columns all[4] = {columns(0), columns(1), columns(2), columns(3)};
  uint8_t* to = e.bytes + s.row * e.row + column;
  const int32_t* sums = s.first;
  int64_t row = s.row;
  const auto some = [&](int64_t count) __attribute__((always_inline)) {
    Integers y[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const int64_t r = k / kVectors < count ? k / kVectors : 0;
      const int32_t* from = sums + r * s.step + k % kVectors * kW;
      const Columns& c = all[k % kVectors];
      y[k] = nearest(kPlain ? c.plain(lanes, from) : c.number(lanes, from, row + r));
    }
    BytePacking::store<kVectors>(packing.in_order(y[0], y[1], y[2], y[3]), to, e.row, count);
  };
  int64_t left = s.rows;
  for (; left >= kRows; left -= kRows) {
    some(kRows);
    sums += kRows * s.step, row += kRows, to += kRows * e.row;
  }
  if (left > 0) some(left);
}

template <int kVectors>
void packed_columns(const IntegerEpilogue& e, const BytePacking& packing, const SumRows& s,
                    int64_t column) {
  if (e.real.bias || e.row_terms) return packed_rows<kVectors, false>(e, packing, s, column);
  packed_rows<kVectors, true>(e, packing, s, column);
}

// How many of the columns these were.
int64_t packed_bytes(const IntegerEpilogue& e, const SumRows& s, int64_t column, int64_t columns) {
  constexpr int64_t kW = Vector::kWidth;
  const BytePacking packing(e);
  const auto part = [&](int64_t j) { return SumRows{s.first + j, s.step, s.row, s.rows}; };
  int64_t j = 0;
  for (; j + 4 * kW <= columns; j += 4 * kW) packed_columns<4>(e, packing, part(j), column + j);
  for (; j + 2 * kW <= columns; j += 2 * kW) packed_columns<2>(e, packing, part(j), column + j);
  for (; j + kW <= columns; j += kW) packed_columns<1>(e, packing, part(j), column + j);
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
  const auto part = [&](int64_t j) { return SumRows{sums + j, sums_step, row, rows}; };
  if (only_limits(e)) {
    const int64_t packed = e.bounded ? packed_bytes(e, part(0), column, columns) : 0;
    if (packed == columns) return;
    sums += packed;
    return each_sum_vector(column + packed, columns - packed, [&](const auto& lanes, int64_t j, int64_t at) {
      limited_bytes(e, lanes, part(j), at);
    });
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
