// Integer arithmetic that says when it overflows. Every size from a file goes through here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace hone {

template <class T>
std::optional<T> checked_add(T a, T b) {
  T r;
  return __builtin_add_overflow(a, b, &r) ? std::nullopt : std::optional<T>(r);
}

template <class T>
std::optional<T> checked_sub(T a, T b) {
  T r;
  return __builtin_sub_overflow(a, b, &r) ? std::nullopt : std::optional<T>(r);
}

template <class T>
std::optional<T> checked_mul(T a, T b) {
  T r;
  return __builtin_mul_overflow(a, b, &r) ? std::nullopt : std::optional<T>(r);
}

// Product of non-negative extents; none if one is negative or the product overflows int64.
// A zero extent gives zero only when the remaining extents multiply without overflow too.
inline std::optional<int64_t> checked_product(std::span<const int64_t> extents) {
  int64_t product = 1;
  bool empty = false;
  for (int64_t extent : extents) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) {
      empty = true;
      continue;
    }
    if (__builtin_mul_overflow(product, extent, &product)) return std::nullopt;
  }
  return empty ? 0 : product;
}

// Quotient rounded towards minus infinity, and its remainder (sign of b). b != 0, not INT_MIN / -1.
inline int64_t floor_div(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}
inline int64_t floor_mod(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return (r != 0 && ((r < 0) != (b < 0))) ? r + b : r;
}

}  // namespace hone
