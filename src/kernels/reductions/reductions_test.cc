// Tests of reductions, on every instruction set that this machine has.
#include "kernels/reductions/reductions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const ReductionKernels*> all_kernels() {
  std::vector<const ReductionKernels*> all{&kReductionsPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kReductionsAvx2);
  if (has_avx512()) all.push_back(&kReductionsAvx512);
#endif
  return all;
}

double exact(Reduction r, double a, double x) {
  switch (r) {
    case Reduction::sum: return a + x;
    case Reduction::absolute_sum: return a + std::fabs(x);
    case Reduction::square_sum: return a + x * x;
    case Reduction::maximum: return std::max(a, x);
    case Reduction::minimum: return std::min(a, x);
  }
  return NAN;
}

constexpr Reduction kAll[] = {Reduction::sum, Reduction::absolute_sum, Reduction::square_sum,
                              Reduction::maximum, Reduction::minimum};

TEST(Reductions, RowsAndColumns) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> next(-3, 3);
  for (const ReductionKernels* kernels : all_kernels())
    for (const int64_t n : {1, 3, 4, 15, 16, 17, 64, 100})
      for (const int64_t rows : {1, 2, 7}) {
        std::vector<float> x(size_t(n * rows));
        for (float& v : x) v = next(random);
        for (const Reduction r : kAll) {
          const float start = r == Reduction::maximum   ? -INFINITY
                              : r == Reduction::minimum ? INFINITY
                                                        : 0;
          double all = double(start);
          std::vector<double> columns(static_cast<size_t>(n), double(start));
          for (int64_t i = 0; i < rows * n; ++i) {
            all = exact(r, all, double(x[size_t(i)]));
            columns[size_t(i % n)] = exact(r, columns[size_t(i % n)], double(x[size_t(i)]));
          }
          EXPECT_NEAR(kernels->row(r, x.data(), n * rows), all, 1e-3);
          std::vector<float> acc(size_t(n), start);
          kernels->rows(r, x.data(), n, rows, n, acc.data());
          for (size_t j = 0; j < size_t(n); ++j) EXPECT_NEAR(acc[j], columns[j], 1e-4);
        }
        double sum = 0, squares = 0;
        for (const float v : x) {
          sum += std::exp(double(v) - 1);
          squares += std::pow(double(v) - 0.5, 2);
        }
        EXPECT_NEAR(kernels->exponential_row(x.data(), n * rows, 1) / sum, 1, 1e-5);
        EXPECT_NEAR(kernels->deviation(x.data(), n * rows, 0.5f) / squares, 1, 1e-5);
        const std::vector<float> shift(size_t(n), 1.0f);
        std::vector<float> acc(size_t(n), 0.0f);
        kernels->exponential_rows(x.data(), n, rows, n, shift.data(), acc.data());
        double total = 0;
        for (const float v : acc) total += double(v);
        EXPECT_NEAR(total / sum, 1, 1e-5);
      }
}

TEST(Reductions, ExtremaOfNaN) {
  for (const ReductionKernels* kernels : all_kernels())
    for (const size_t at : {0, 5, 31, 32}) {
      std::vector<float> x(33, 1.0f);
      x[at] = NAN;
      EXPECT_TRUE(std::isnan(kernels->row(Reduction::maximum, x.data(), 33)));
      EXPECT_TRUE(std::isnan(kernels->row(Reduction::minimum, x.data(), 33)));
      std::vector<float> acc(33, -INFINITY);
      kernels->rows(Reduction::maximum, x.data(), 33, 1, 33, acc.data());
      for (size_t j = 0; j < 33; ++j) EXPECT_EQ(std::isnan(acc[j]), j == at);
    }
}

}  // namespace
}  // namespace hone::kernels
