#include "passes/packing.h"

#include <algorithm>
#include <cstring>

#include "kernels/filters/filters.h"

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

}  // namespace hone::packing
