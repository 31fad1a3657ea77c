// Bit conversions of the floats narrower than 32 bits.
#include "ir/small_float.h"

#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "ir/tensor.h"

namespace hone {
namespace {

// What the exponent of all ones means.
enum class Top : uint8_t {
  ieee,   // infinity, and NaN with a mantissa
  nan,    // numbers, but NaN with a mantissa of all ones (OCP E4M3)
  number  // numbers only
};

struct Format {
  int exponent_bits, mantissa_bits, bias;
  Top top;
  bool zero_is_nan;  // the pattern of -0 is the only NaN, as in the "fnuz" types
  uint16_t nan;      // the NaN that is written; sign apart
};

constexpr Format kF16{5, 10, 15, Top::ieee, false, 0x7e00};
constexpr Format kBf16{8, 7, 127, Top::ieee, false, 0x7fc0};
constexpr Format kE4M3{4, 3, 7, Top::nan, false, 0x7f};
constexpr Format kE4M3Fnuz{4, 3, 8, Top::number, true, 0x80};
constexpr Format kE5M2{5, 2, 15, Top::ieee, false, 0x7e};
constexpr Format kE5M2Fnuz{5, 2, 16, Top::number, true, 0x80};
// Without a NaN of its own, NaN becomes the pattern of -0, as in ml_dtypes, which ONNX uses.
constexpr Format kE2M1{2, 1, 1, Top::number, false, 0x8};

// Of the types with sign, exponent and mantissa; null for f8e8m0, which has an exponent only.
const Format* format_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return &kF16;
    case DType::bf16: return &kBf16;
    case DType::f8e4m3fn: return &kE4M3;
    case DType::f8e4m3fnuz: return &kE4M3Fnuz;
    case DType::f8e5m2: return &kE5M2;
    case DType::f8e5m2fnuz: return &kE5M2Fnuz;
    case DType::f4e2m1: return &kE2M1;
    default: return nullptr;
  }
}

// The greatest finite pattern, sign apart.
uint32_t greatest(const Format& f) {
  const uint32_t ones = (1u << (f.exponent_bits + f.mantissa_bits)) - 1;
  switch (f.top) {
    case Top::ieee: return ones - (1u << f.mantissa_bits);
    case Top::nan: return ones - 1;
    case Top::number: break;
  }
  return ones;
}

double decode(const Format& f, uint32_t bits) {
  const uint32_t sign_bit = 1u << (f.exponent_bits + f.mantissa_bits);
  const bool negative = (bits & sign_bit) != 0;
  const uint32_t body = bits & (sign_bit - 1);
  const uint32_t exponent = body >> f.mantissa_bits;
  const uint32_t mantissa = body & ((1u << f.mantissa_bits) - 1);
  double value;
  if (f.zero_is_nan && bits == sign_bit) {
    return std::numeric_limits<double>::quiet_NaN();
  } else if (body > greatest(f)) {
    value = mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                          : std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    value = std::ldexp(mantissa, 1 - f.bias - f.mantissa_bits);
  } else {
    value = std::ldexp(mantissa + (1u << f.mantissa_bits),
                       static_cast<int>(exponent) - f.bias - f.mantissa_bits);
  }
  return std::copysign(value, negative ? -1.0 : 1.0);
}

// Nearest, ties to even, in one rounding. `saturate` keeps numbers and infinity finite.
uint32_t encode(const Format& f, double value, bool saturate) {
  const uint32_t sign_bit = 1u << (f.exponent_bits + f.mantissa_bits);
  const uint32_t sign = std::signbit(value) ? sign_bit : 0;
  if (std::isnan(value)) return f.nan | (f.nan & sign_bit ? 0 : sign);
  const uint64_t source = std::bit_cast<uint64_t>(std::fabs(value));
  const int source_exponent = static_cast<int>(source >> 52);
  uint64_t body = greatest(f) + uint64_t{1};  // infinity, for now
  if (source_exponent == 0) {
    body = 0;  // doubles below 2^-1022 are below half of the least number of every format
  } else if (source_exponent < 0x7ff) {
    const int exponent = source_exponent - 1023 + f.bias;
    const uint64_t mantissa = (source & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
    // Subnormal results keep fewer bits: the hidden one moves into the mantissa.
    const int drop = 52 - f.mantissa_bits + (exponent < 1 ? 1 - exponent : 0);
    if (drop > 54) {
      body = 0;
    } else {
      uint64_t kept = mantissa >> drop;
      const uint64_t rest = mantissa & ((uint64_t{1} << drop) - 1);
      const uint64_t half = uint64_t{1} << (drop - 1);
      if (rest > half || (rest == half && kept % 2 != 0)) ++kept;
      // The hidden bit, or a carry into it, counts up the exponent.
      const uint64_t base = exponent < 1 ? 0 : static_cast<uint64_t>(exponent - 1);
      body = (base << f.mantissa_bits) + kept;
    }
  }
  if (body > greatest(f)) {
    if (saturate) {
      body = greatest(f);
    } else if (f.top == Top::ieee) {
      body = greatest(f) + 1;
    } else if (f.top == Top::number && !f.zero_is_nan) {
      body = greatest(f);  // has neither
    } else {
      return f.nan | (f.nan & sign_bit ? 0 : sign);
    }
  }
  if (body == 0 && f.zero_is_nan) return 0;
  return sign | static_cast<uint32_t>(body);
}

// f8e8m0: 2^(bits - 127), 0xff is NaN. Rounds away from zero, the default of ONNX Cast; the sign
// is lost, and zero becomes the least power.
uint8_t encode_power(double value, bool saturate) {
  if (std::isnan(value)) return 0xff;
  value = std::fabs(value);
  if (std::isinf(value)) return saturate ? 0xfe : 0xff;
  if (value == 0) return 0;
  int exponent = 0;  // value = m * 2^exponent with 0.5 <= m < 1
  const bool power = std::frexp(value, &exponent) == 0.5;
  const int up = exponent - (power ? 1 : 0) + 127;
  if (up > 0xfe) return saturate ? 0xfe : 0xff;
  return static_cast<uint8_t>(up < 0 ? 0 : up);
}

const Format& checked_format(DType dtype) {
  const Format* f = format_of(dtype);
  CHECK(f != nullptr);
  return *f;
}

}  // namespace

double decode_small_float(DType dtype, uint32_t bits) {
  if (dtype == DType::f8e8m0)
    return bits == 0xff ? std::numeric_limits<double>::quiet_NaN()
                        : std::ldexp(1.0, static_cast<int>(bits) - 127);
  return decode(checked_format(dtype), bits);
}

uint32_t encode_small_float(DType dtype, double value, bool saturate) {
  if (dtype == DType::f8e8m0) return encode_power(value, saturate);
  return encode(checked_format(dtype), value, saturate);
}

// Shifted into place, the exponent lacks 127 - 15; the product supplies it, to subnormals too.
float f16_to_f32(uint16_t bits) {
  uint32_t body = (bits & 0x7fffu) << 13;
  body = (bits & 0x7c00) == 0x7c00 ? body | 0x7f800000
                                   : std::bit_cast<uint32_t>(std::bit_cast<float>(body) * 0x1p112f);
  return std::bit_cast<float>(body | (bits & 0x8000u) << 16);
}
uint16_t f32_to_f16(float value) { return static_cast<uint16_t>(encode(kF16, value, false)); }

float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }
uint16_t f32_to_bf16(float value) { return static_cast<uint16_t>(encode(kBf16, value, false)); }

float minifloat_to_f32(DType dtype, uint8_t bits) {
  return static_cast<float>(decode_small_float(dtype, bits));
}
uint8_t f32_to_minifloat(DType dtype, float value, bool saturate) {
  return static_cast<uint8_t>(encode_small_float(dtype, value, saturate));
}

}  // namespace hone
