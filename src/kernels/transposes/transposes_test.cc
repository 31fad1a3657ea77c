// Tests of transposes, on every instruction set that this machine has.
#include "kernels/transposes/transposes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/instruction_set.h"

namespace hone::kernels {
namespace {

std::vector<const TransposeKernels*> all_kernels() {
  std::vector<const TransposeKernels*> all{&kTransposesPortable};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kTransposesAvx2);
  if (has_avx512()) all.push_back(&kTransposesAvx512);
#endif
  return all;
}

TEST(Transposes, PlanesOfAnySize) {
  for (const TransposeKernels* kernels : all_kernels())
    for (const int64_t rows : {1, 3, 4, 8, 15, 16, 17, 33})
      for (const int64_t columns : {1, 2, 4, 7, 8, 16, 31, 48}) {
        const int64_t in_row = columns + 3, out_row = rows + 2;
        std::vector<uint32_t> in(size_t(rows * in_row)), out(size_t(columns * out_row), 7u);
        std::iota(in.begin(), in.end(), 100u);
        kernels->plane(in.data(), in_row, out.data(), out_row, rows, columns);
        for (int64_t j = 0; j < columns; ++j) {
          for (int64_t i = 0; i < rows; ++i)
            EXPECT_EQ(out[size_t(j * out_row + i)], in[size_t(i * in_row + j)]);
          for (int64_t i = rows; i < out_row; ++i) EXPECT_EQ(out[size_t(j * out_row + i)], 7u);
        }
      }
}

TEST(Transposes, Permutations) {
  std::mt19937 random(1);
  for (const TransposeKernels* kernels : all_kernels())
    for (const size_t n : {0, 1, 15, 16, 60, 101}) {
      std::vector<uint32_t> in(n), out(n);
      std::vector<int32_t> order(n);
      std::iota(in.begin(), in.end(), 5u);
      std::iota(order.begin(), order.end(), 0);
      std::shuffle(order.begin(), order.end(), random);
      kernels->permute(in.data(), order.data(), out.data(), int64_t(n));
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(out[i], in[size_t(order[i])]);
    }
}

}  // namespace
}  // namespace hone::kernels
