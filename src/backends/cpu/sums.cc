#include "backends/cpu/sums.h"

#include <algorithm>
#include <cmath>

namespace hone::cpu {
namespace {

using kernels::kLongestSum;
using kernels::Reduction;

double term(Reduction r, double x) {
  return r == Reduction::square_sum ? x * x : r == Reduction::absolute_sum ? std::fabs(x) : x;
}

// Of each `step`-th element.
double wide_sum(Reduction r, const float* x, int64_t step, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += term(r, double(x[i * step]));
  return sum;
}

}  // namespace

double sum_of(Reduction r, const float* x, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i += kLongestSum) {
    const int64_t some = std::min(kLongestSum, n - i);
    const float sum = kernels::reduction_kernels().row(r, x + i, some);
    total += std::isfinite(sum) ? double(sum) : wide_sum(r, x + i, 1, some);
  }
  return total;
}

double deviation_of(const float* x, int64_t n, float mean) {
  double total = 0;
  for (int64_t i = 0; i < n; i += kLongestSum) {
    const int64_t some = std::min(kLongestSum, n - i);
    const float sum = kernels::reduction_kernels().deviation(x + i, some, mean);
    if (std::isfinite(sum)) {
      total += double(sum);
      continue;
    }
    for (int64_t j = i; j < i + some; ++j)
      total += (double(x[j]) - double(mean)) * (double(x[j]) - double(mean));
  }
  return total;
}

void add_columns(Reduction r, const float* x, int64_t step, int64_t rows, int64_t n,
                 double* totals) {
  constexpr int64_t kColumns = 256, kRows = 512;  // whose sums are of floats
  float some[kColumns];
  for (int64_t first = 0; first < n; first += kColumns) {
    const int64_t columns = std::min(kColumns, n - first);
    for (int64_t i = 0; i < rows; i += kRows) {
      const float* from = x + i * step + first;
      const int64_t count = std::min(kRows, rows - i);
      std::fill_n(some, columns, 0.0f);
      kernels::reduction_kernels().rows(r, from, step, count, columns, some);
      for (int64_t j = 0; j < columns; ++j)
        totals[first + j] +=
            std::isfinite(some[j]) ? double(some[j]) : wide_sum(r, from + j, step, count);
    }
  }
}

}  // namespace hone::cpu
