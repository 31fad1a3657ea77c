#include "kernels/matmul.h"

#include <algorithm>
#include <cstring>

#include "base/multiversion.h"

namespace hone::kernels {
namespace {

constexpr int64_t kRows = 6;  // of the register tile

using Vector = float __attribute__((vector_size(kPanel * sizeof(float)), aligned(4)));

}  // namespace

void pack_panel(const float* b, int64_t row_stride, int64_t column_stride, int64_t k,
                int64_t columns, float* panel) {
  for (int64_t p = 0; p < k; ++p) {
    const float* row = b + p * row_stride;
    float* out = panel + p * kPanel;
    for (int64_t j = 0; j < columns; ++j) out[j] = row[j * column_stride];
    for (int64_t j = columns; j < kPanel; ++j) out[j] = 0;
  }
}

HONE_MULTIVERSION
void multiply_panel(const float* a, int64_t a_row, int64_t a_column, int64_t rows, int64_t k,
                    const float* panel, float* c, int64_t c_row, int64_t columns, bool add) {
  for (int64_t i = 0; i < rows; i += kRows) {
    const int64_t tile = std::min(kRows, rows - i);
    Vector sums[kRows] = {};
    if (add)
      for (int64_t r = 0; r < tile; ++r)
        std::memcpy(&sums[r], c + (i + r) * c_row, size_t(columns) * sizeof(float));
    const float* x = a + i * a_row;
    if (tile == kRows) {
      for (int64_t p = 0; p < k; ++p) {
        Vector b;
        std::memcpy(&b, panel + p * kPanel, sizeof b);
        for (int64_t r = 0; r < kRows; ++r) sums[r] += x[r * a_row + p * a_column] * b;
      }
    } else {
      for (int64_t p = 0; p < k; ++p) {
        Vector b;
        std::memcpy(&b, panel + p * kPanel, sizeof b);
        for (int64_t r = 0; r < tile; ++r) sums[r] += x[r * a_row + p * a_column] * b;
      }
    }
    for (int64_t r = 0; r < tile; ++r)
      std::memcpy(c + (i + r) * c_row, &sums[r], size_t(columns) * sizeof(float));
  }
}

HONE_MULTIVERSION
bool has_nan(const float* c, int64_t c_row, int64_t rows, int64_t columns) {
  using Flags = int32_t __attribute__((vector_size(kPanel * sizeof(int32_t))));
  Flags found = {};
  for (int64_t i = 0; i < rows; ++i) {
    Vector v = {};
    std::memcpy(&v, c + i * c_row, size_t(columns) * sizeof(float));
    found |= v != v;
  }
  int32_t any = 0;
  for (int64_t j = 0; j < kPanel; ++j) any |= found[j];
  return any != 0;
}

}  // namespace hone::kernels
