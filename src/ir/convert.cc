// The one dtype converter: loads and stores single elements of every numeric type.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "ir/small_float.h"
#include "ir/tensor.h"

namespace hone {
namespace {

// One element as the integer that its bits are, without sign.
uint64_t load_bits(const Tensor& t, int64_t index) {
  const int width = bits(t.dtype());
  const auto* data = reinterpret_cast<const uint8_t*>(t.data());
  if (width < 8) {
    const int per_byte = 8 / width;
    const int shift = static_cast<int>(index % per_byte) * width;
    return data[index / per_byte] >> shift & ((1u << width) - 1);
  }
  uint64_t value = 0;
  const int bytes = width / 8;
  CHECK(bytes <= 8);
  std::memcpy(&value, data + index * bytes, static_cast<size_t>(bytes));
  return value;
}

void store_bits(Tensor& t, int64_t index, uint64_t value) {
  const int width = bits(t.dtype());
  auto* data = reinterpret_cast<uint8_t*>(t.mutable_data());
  if (width < 8) {
    const int per_byte = 8 / width;
    const int shift = static_cast<int>(index % per_byte) * width;
    const unsigned mask = ((1u << width) - 1) << shift;
    uint8_t& byte = data[index / per_byte];
    byte = static_cast<uint8_t>((byte & ~mask) | (static_cast<unsigned>(value) << shift & mask));
    return;
  }
  const int bytes = width / 8;
  CHECK(bytes <= 8);
  std::memcpy(data + index * bytes, &value, static_cast<size_t>(bytes));
}

int64_t extend_sign(uint64_t value, int width) {
  const int unused = 64 - width;
  return static_cast<int64_t>(value << unused) >> unused;
}

// Truncated, kept within the range, 0 for NaN.
int64_t to_signed(double value, int width) {
  if (std::isnan(value)) return 0;
  const double limit = std::ldexp(1.0, width - 1);
  if (value >= limit) return std::numeric_limits<int64_t>::max() >> (64 - width);
  if (value <= -limit) return std::numeric_limits<int64_t>::min() >> (64 - width);
  return static_cast<int64_t>(value);
}
uint64_t to_unsigned(double value, int width) {
  if (!(value > 0)) return 0;
  if (value >= std::ldexp(1.0, width)) return std::numeric_limits<uint64_t>::max() >> (64 - width);
  return static_cast<uint64_t>(value);
}

// A double that rounds to fewer bits as `value` does: what does not fit sets the last bit.
double round_to_odd(int64_t value) {
  uint64_t magnitude = value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const int excess = std::max(0, 64 - std::countl_zero(magnitude) - 53);
  const uint64_t lost = magnitude & ((uint64_t{1} << excess) - 1);
  magnitude >>= excess;
  if (lost != 0) magnitude |= 1;
  const double result = std::ldexp(static_cast<double>(magnitude), excess);
  return value < 0 ? -result : result;
}

}  // namespace

double load_real(const Tensor& t, int64_t index) {
  const DType dtype = t.dtype();
  CHECK(dtype != DType::string && !is_complex(dtype));
  const uint64_t raw = load_bits(t, index);
  if (dtype == DType::f32) return std::bit_cast<float>(static_cast<uint32_t>(raw));
  if (dtype == DType::f64) return std::bit_cast<double>(raw);
  if (is_float(dtype)) return decode_small_float(dtype, static_cast<uint32_t>(raw));
  if (dtype == DType::boolean) return raw != 0 ? 1 : 0;
  if (is_unsigned(dtype)) return static_cast<double>(raw);
  return static_cast<double>(extend_sign(raw, bits(dtype)));
}

int64_t load_integer(const Tensor& t, int64_t index) {
  const DType dtype = t.dtype();
  CHECK(dtype != DType::string && !is_complex(dtype));
  if (is_float(dtype)) return to_signed(load_real(t, index), 64);
  const uint64_t raw = load_bits(t, index);
  if (dtype == DType::boolean) return raw != 0 ? 1 : 0;
  if (is_unsigned(dtype)) return static_cast<int64_t>(raw);
  return extend_sign(raw, bits(dtype));
}

void store_real(Tensor& t, int64_t index, double value) {
  const DType dtype = t.dtype();
  CHECK(dtype != DType::string && !is_complex(dtype));
  const int width = bits(dtype);
  if (dtype == DType::f32) {
    store_bits(t, index, std::bit_cast<uint32_t>(static_cast<float>(value)));
  } else if (dtype == DType::f64) {
    store_bits(t, index, std::bit_cast<uint64_t>(value));
  } else if (is_float(dtype)) {
    store_bits(t, index, encode_small_float(dtype, value, kMinifloats.has(dtype)));
  } else if (dtype == DType::boolean) {
    store_bits(t, index, value != 0 ? 1 : 0);  // NaN is true
  } else if (is_unsigned(dtype)) {
    store_bits(t, index, to_unsigned(value, width));
  } else {
    store_bits(t, index, static_cast<uint64_t>(to_signed(value, width)));
  }
}

void store_integer(Tensor& t, int64_t index, int64_t value) {
  const DType dtype = t.dtype();
  CHECK(dtype != DType::string && !is_complex(dtype));
  if (dtype == DType::f32) {
    store_bits(t, index, std::bit_cast<uint32_t>(static_cast<float>(value)));
  } else if (dtype == DType::f64) {
    store_bits(t, index, std::bit_cast<uint64_t>(static_cast<double>(value)));
  } else if (is_float(dtype)) {
    store_real(t, index, round_to_odd(value));
  } else if (dtype == DType::boolean) {
    store_bits(t, index, value != 0 ? 1 : 0);
  } else {
    store_bits(t, index, static_cast<uint64_t>(value));
  }
}

std::vector<double> reals(const Tensor& t) {
  std::vector<double> out(static_cast<size_t>(t.count()));
  for (size_t i = 0; i < out.size(); ++i) out[i] = load_real(t, static_cast<int64_t>(i));
  return out;
}

std::vector<int64_t> integers(const Tensor& t) {
  std::vector<int64_t> out(static_cast<size_t>(t.count()));
  for (size_t i = 0; i < out.size(); ++i) out[i] = load_integer(t, static_cast<int64_t>(i));
  return out;
}

}  // namespace hone
