// Tests of normalization by neighbours, on every instruction set that this machine has.
#include "kernels/lrn/lrn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const LrnKernels*> all_kernels() {
  std::vector<const LrnKernels*> all{&kLrnPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kLrnAvx2);
  if (has_avx512()) all.push_back(&kLrnAvx512);
#endif
  return all;
}

TEST(Lrn, RowsAndPlanes) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> next(-3, 3);
  for (const LrnKernels* kernels : all_kernels())
    for (const int64_t n : {1, 3, 16, 37})
      for (const int64_t inner : {1, 5, 16, 35})
        for (const Neighbours& w :
             {Neighbours{2, 2, 0.1f, 0.75f, 1}, Neighbours{0, 1, 0.5f, 0.5f, 2},
              Neighbours{n, n, 0.01f, 1, 1}}) {
          std::vector<float> x(size_t(n * inner)), y(x.size()), row(x.size());
          for (float& v : x) v = next(random);
          kernels->planes(w, x.data(), n, inner, 0, inner / 2, y.data());
          kernels->planes(w, x.data(), n, inner, inner / 2, inner, y.data());
          std::vector<float> squares(size_t(n + w.before + w.after + 16));
          kernels->row(w, x.data(), n, squares.data(), row.data());
          const auto want = [&](int64_t c, int64_t i, int64_t step) {
            double sum = 0;
            for (int64_t k = std::max<int64_t>(0, c - w.before); k <= std::min(n - 1, c + w.after);
                 ++k)
              sum += std::pow(double(x[size_t(k * step + i)]), 2);
            return double(x[size_t(c * step + i)]) *
                   std::pow(double(w.bias) + double(w.alpha) * sum, -double(w.beta));
          };
          for (int64_t c = 0; c < n; ++c) {
            EXPECT_NEAR(row[size_t(c)], want(c, 0, 1), 1e-6);
            for (int64_t i = 0; i < inner; ++i)
              EXPECT_NEAR(y[size_t(c * inner + i)], want(c, i, inner), 1e-6);
          }
        }
}

}  // namespace
}  // namespace hone::kernels
