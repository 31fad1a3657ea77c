// The loops of quantization.h, for the instruction set of the including file.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/quantization/quantization.h"
#include "kernels/vector_integers.h"

namespace hone::kernels {
namespace {

void extend(const float* x, int64_t n, float* least, float* most) {
  constexpr int kChains = 4;
  Vector low[kChains], high[kChains];
  for (int i = 0; i < kChains; ++i) low[i] = Vector::all(*least), high[i] = Vector::all(*most);
  const auto add = [&](int chain, Vector v) {
    // The second operand where the first is no number.
    low[chain] = min(v, low[chain]);
    high[chain] = max(v, high[chain]);
  };
  int64_t i = 0;
  for (; i + kChains * Vector::kWidth <= n; i += kChains * Vector::kWidth)
#pragma GCC unroll 4
    for (int c = 0; c < kChains; ++c) add(c, Vector::load(x + i + c * Vector::kWidth));
  for (; i + Vector::kWidth <= n; i += Vector::kWidth) add(0, Vector::load(x + i));
  for (; i < n; ++i) add(0, Vector::all(x[i]));
  for (int c = 0; c < kChains; ++c) {
    float lanes[2][Vector::kWidth];
    low[c].store(lanes[0]);
    high[c].store(lanes[1]);
    for (int64_t k = 0; k < Vector::kWidth; ++k) {
      if (lanes[0][k] < *least) *least = lanes[0][k];
      if (lanes[1][k] > *most) *most = lanes[1][k];
    }
  }
}

void quantize(const float* x, int64_t n, float scale, int32_t zero, ByteRange range, uint8_t* y) {
  const Vector by = Vector::all(scale), low = Vector::all(float(range.least - zero)),
               high = Vector::all(float(range.most - zero));
  const Integers offset = Integers::all(zero);
  const auto part = [&](const auto& lanes, int64_t i) {
    lanes.store_bytes(nearest(min(max(lanes.load(x + i) / by, low), high)) + offset, y + i);
  };
  int64_t i = 0;
  for (; i + Vector::kWidth <= n; i += Vector::kWidth) part(AllIntegers(), i);
  if (i < n) part(FirstIntegers(n - i), i);
}

void dequantize(const uint8_t* x, int64_t n, bool is_signed, int32_t zero, float scale, float* y) {
  // Signed bytes with the sign bit turned are unsigned ones, 128 above.
  const uint8_t turn = is_signed ? 0x80 : 0;
  const Vector by = Vector::all(scale);
  const Integers offset = Integers::all(-(zero + turn));
  const auto part = [&](const auto& lanes, int64_t i) {
    lanes.store(real(lanes.load_bytes(x + i, turn) + offset) * by, y + i);
  };
  int64_t i = 0;
  for (; i + Vector::kWidth <= n; i += Vector::kWidth) part(AllIntegers(), i);
  if (i < n) part(FirstIntegers(n - i), i);
}

// The numbers that bytes stand for.
struct Source {
  const uint8_t* bytes;
  uint8_t turn;
  Integers offset;
  Vector scale;
  explicit Source(const ScaledBytes& s)
      : bytes(s.bytes),
        turn(s.is_signed ? 0x80 : 0),
        offset(Integers::all(-(s.zero + turn))),
        scale(Vector::all(s.scale)) {}
  template <class Lanes>
  Vector at(const Lanes& lanes, int64_t i) const {
    return real(lanes.load_bytes(bytes + i, turn) + offset) * scale;
  }
};

template <Activation kActivation>
void add_activated(const ScaledBytes& a, const ScaledBytes& b, const Epilogue& e, const ToBytes& to,
                   int64_t n, uint8_t* y) {
  const Source first(a), second(b);
  const Vector multiplier = Vector::all(to.multiplier),
               low = Vector::all(float(to.range.least - to.zero)),
               high = Vector::all(float(to.range.most - to.zero)), bottom = Vector::all(e.low),
               top = Vector::all(e.high);
  const Integers zero = Integers::all(to.zero);
  const auto part = [&](const auto& lanes, int64_t i) {
    const Vector sum =
        activated<kActivation>(first.at(lanes, i) + second.at(lanes, i), bottom, top);
    lanes.store_bytes(nearest(min(max(sum * multiplier, low), high)) + zero, y + i);
  };
  int64_t i = 0;
  for (; i + Vector::kWidth <= n; i += Vector::kWidth) part(AllIntegers(), i);
  if (i < n) part(FirstIntegers(n - i), i);
}

void add(const ScaledBytes& a, const ScaledBytes& b, const Epilogue& e, const ToBytes& to,
         int64_t n, uint8_t* y) {
  const auto run = [&]<Activation kActivation>() { add_activated<kActivation>(a, b, e, to, n, y); };
  with_activation(e.activation, run);
}

float quantize_block(const float* x, int64_t n, int8_t* y) {
  Integers magnitude = Integers::all(0);
  each_vector_of(0, n, [&](const auto& lanes, int64_t i) {
    magnitude = max(magnitude, bits(absolute(lanes.load(x + i))));
  });
  // Bits of numbers without a sign are in their order, those of what is not finite above.
  const int32_t most_bits = largest(magnitude);
  const auto most = std::bit_cast<float>(most_bits);
  const bool finite = most_bits < 0x7f800000;
  if (!finite || most < kLeastOfBlock) {
    std::memset(y, 0, size_t(n));
    return finite ? 0 : __builtin_nanf("");
  }
  const Vector inverse = Vector::all(127.0f / most);
  const auto part = [&](const auto& lanes, int64_t i) {
    lanes.store_bytes(nearest(lanes.load(x + i) * inverse), reinterpret_cast<uint8_t*>(y + i));
  };
  int64_t i = 0;
  for (; i + Vector::kWidth <= n; i += Vector::kWidth) part(AllIntegers(), i);
  if (i < n) part(FirstIntegers(n - i), i);
  return most / 127.0f;
}

void quantize_blocks(const float* x, int64_t n, int64_t block, int8_t* y, float* scales) {
  for (int64_t i = 0; i < n; i += block)
    *scales++ = quantize_block(x + i, n - i < block ? n - i : block, y + i);
}

void correct(int32_t* sums, int64_t n, const ZeroTerms& t) {
  const Integers each = Integers::all(t.each), row = Integers::all(t.row),
                 other = Integers::all(t.other_row);
  const auto part = [&](const auto& lanes, int64_t j) {
    Integers x = lanes.load(sums + j) + each;
    if (t.columns) x = x + row * lanes.load(t.columns + j);
    if (t.other_columns) x = x + other * lanes.load(t.other_columns + j);
    lanes.store(x, sums + j);
  };
  int64_t j = 0;
  for (; j + Vector::kWidth <= n; j += Vector::kWidth) part(AllIntegers(), j);
  if (j < n) part(FirstIntegers(n - j), j);
}

void requantize(const int32_t* sums, int64_t n, const float* scales, int64_t step, int32_t zero,
                ByteRange range, uint8_t* y) {
  const Vector low = Vector::all(float(range.least - zero)),
               high = Vector::all(float(range.most - zero)), one = Vector::all(scales[0]);
  const Integers offset = Integers::all(zero);
  const auto part = [&](const auto& lanes, int64_t j) {
    const Vector x = real(lanes.load(sums + j)) * (step == 0 ? one : lanes.load(scales + j));
    lanes.store_bytes(nearest(min(max(x, low), high)) + offset, y + j);
  };
  int64_t j = 0;
  for (; j + Vector::kWidth <= n; j += Vector::kWidth) part(AllIntegers(), j);
  if (j < n) part(FirstIntegers(n - j), j);
}

// As many bytes as a vector of floats has.
constexpr int64_t kVectorBytes = Vector::kWidth * int64_t(sizeof(float));
using UnsignedLanes = uint8_t __attribute__((vector_size(kVectorBytes)));
using SignedLanes = int8_t __attribute__((vector_size(kVectorBytes)));

template <class Lanes>
void maximum_of(const uint8_t* const* rows, int64_t count, int64_t n, uint8_t* y) {
  const auto part = [&](int64_t j, int64_t size) {
    Lanes top = {}, x = {};
    std::memcpy(&top, rows[0] + j, size_t(size));
    for (int64_t i = 1; i < count; ++i) {
      std::memcpy(&x, rows[i] + j, size_t(size));
      top = x > top ? x : top;
    }
    std::memcpy(y + j, &top, size_t(size));
  };
  int64_t j = 0;
  for (; j + kVectorBytes <= n; j += kVectorBytes) part(j, kVectorBytes);
  if (j < n) part(j, n - j);
}

void maximum(const uint8_t* const* rows, int64_t count, int64_t n, bool is_signed, uint8_t* y) {
  is_signed ? maximum_of<SignedLanes>(rows, count, n, y)
            : maximum_of<UnsignedLanes>(rows, count, n, y);
}

constexpr QuantizationKernels kKernels{extend,          quantize, dequantize, add,
                                       quantize_blocks, correct,  requantize, maximum};

}  // namespace
}  // namespace hone::kernels
