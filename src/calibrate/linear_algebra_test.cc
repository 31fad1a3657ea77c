#include "calibrate/linear_algebra.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace hone::calibrate {
namespace {

Matrix random(size_t rows, size_t columns, uint64_t seed) {
  Matrix a(rows, columns);
  for (size_t r = 0; r < rows; ++r)
    for (double& x : a.row(r)) x = double(finalize64(seed += kMixStep) >> 11) * 0x1p-52 - 1;
  return a;
}

TEST(LinearAlgebra, ProductsAndParts) {
  const Matrix a = random(3, 4, 1), b = random(4, 2, 2);
  const Matrix c = multiply(a, b), t = transpose(a);
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 2; ++j) {
      double sum = 0;
      for (size_t k = 0; k < 4; ++k) sum += t(k, i) * b(k, j);
      EXPECT_NEAR(c(i, j), sum, 1e-15);
    }
  }
  const std::vector<size_t> rows{2, 0}, columns{3};
  const Matrix p = part(a, rows, columns);
  EXPECT_EQ(p(0, 0), a(2, 3));
  EXPECT_EQ(p(1, 0), a(0, 3));
}

TEST(LinearAlgebra, CholeskySolves) {
  for (size_t n = 1; n < 20; ++n) {
    const Matrix m = random(n + 3, n, n);
    const Matrix a = multiply(transpose(m), m);
    const auto l = cholesky(a);
    ASSERT_TRUE(l);
    const Matrix again = multiply(*l, transpose(*l));
    const Matrix truth = random(1, n, 99);
    const std::span<const double> x = truth.row(0);
    const auto solved = solve_cholesky(*l, multiply(a, x));
    for (size_t i = 0; i < n; ++i) {
      EXPECT_NEAR(solved[i], x[i], 1e-8);
      for (size_t j = 0; j < n; ++j) EXPECT_NEAR(again(i, j), a(i, j), 1e-12);
      EXPECT_NEAR(multiply(a, invert_cholesky(*l))(i, n - 1), i == n - 1 ? 1 : 0, 1e-8);
      for (size_t j = i + 1; j < n; ++j) EXPECT_EQ((*l)(i, j), 0);
    }
  }
}

TEST(LinearAlgebra, SingularIsRefused) {
  Matrix a(2, 2, 1);
  EXPECT_EQ(cholesky(a).error().message, "the matrix is singular in row 1 of 2");
  EXPECT_FALSE(cholesky(Matrix(1, 1)));
  a(0, 0) = -1;
  EXPECT_FALSE(cholesky(a));
}

}  // namespace
}  // namespace hone::calibrate
