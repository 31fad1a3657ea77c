// What becomes of the sums of integer_gemm.h, with the vectors of the including file's instruction
// set. Columns come first and rows within: what belongs to columns stays in registers.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/integer_gemm/integer_gemm.h"
#include "kernels/vector_integers.h"

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

// Bytes of finite numbers that are limited at most, and not multiplied: the limits are those of
// bytes and of the activation at once.
template <class Lanes>
void limited_bytes(const IntegerEpilogue& e, const Lanes& lanes, const SumRows& s, int64_t column) {
  auto least = float(e.least - e.zero), most = float(e.most - e.zero);
  if (e.real.activation == Activation::relu && least < 0) least = most < 0 ? most : 0;
  if (e.real.activation == Activation::clip) {
    const auto within = [&](float x) { return x < least ? least : x > most ? most : x; };
    const float low = within(e.real.low), high = within(e.real.high);
    least = low < high ? low : high;
    most = high;
  }
  const Limits limits(e, least, most);
  const SumColumns<Lanes> columns(e, lanes, column);
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
  const SumColumns<Lanes> columns(e, lanes, column);
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
  if (e.bytes && e.finite && e.real.clamps() && e.multiplier == 1 && !e.real.added)
    return each_sum_vector(column, columns, [&](const auto& lanes, int64_t j, int64_t at) {
      limited_bytes(e, lanes, part(j), at);
    });
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
