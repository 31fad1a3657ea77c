// Tests of weighted sums, on every instruction set that this machine has.
#include "kernels/blends/blends.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

TEST(Blends, AnyLengthAndCount) {
  std::vector<const BlendKernels*> all{&kBlendsPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kBlendsAvx2);
  if (has_avx512()) all.push_back(&kBlendsAvx512);
#endif
  std::vector<float> x(300);
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(i % 17) - 8;
  const float* rows[] = {x.data(), x.data() + 100, x.data() + 37, x.data() + 1};
  const float weights[] = {0.5f, 0.25f, -2, 4};
  for (const BlendKernels* kernels : all)
    for (const int64_t count : {0, 1, 2, 4})
      for (const int64_t n : {0, 1, 15, 16, 100}) {
        std::vector<float> y(static_cast<size_t>(n));
        kernels->blend(rows, weights, count, n, y.data());
        for (int64_t i = 0; i < n; ++i) {
          float want = 0;
          for (int64_t k = 0; k < count; ++k) want += weights[k] * rows[k][i];
          EXPECT_EQ(y[size_t(i)], want);
        }
      }
}

}  // namespace
}  // namespace hone::kernels
