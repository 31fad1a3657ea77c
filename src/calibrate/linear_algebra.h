// Small dense linear algebra in double precision: tens to a few hundred rows, nothing blocked.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"

namespace hone::calibrate {

// rows × columns numbers, row-major.
class Matrix {
 public:
  Matrix() = default;
  Matrix(size_t rows, size_t columns, double value = 0)
      : rows_(rows), columns_(columns), data_(rows * columns, value) {}

  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  double& operator()(size_t r, size_t c) { return data_[r * columns_ + c]; }
  double operator()(size_t r, size_t c) const { return data_[r * columns_ + c]; }
  std::span<double> row(size_t r) { return std::span(data_).subspan(r * columns_, columns_); }
  std::span<const double> row(size_t r) const {
    return std::span(data_).subspan(r * columns_, columns_);
  }
  std::span<const double> data() const { return data_; }

 private:
  size_t rows_ = 0, columns_ = 0;
  std::vector<double> data_;
};

double dot(std::span<const double> a, std::span<const double> b);  // of equal length
Matrix transpose(const Matrix& a);
Matrix multiply(const Matrix& a, const Matrix& b);
std::vector<double> multiply(const Matrix& a, std::span<const double> x);
// The chosen rows and columns of a, in the order given.
Matrix part(const Matrix& a, std::span<const size_t> rows, std::span<const size_t> columns);

// The lower triangle L with L Lᵀ = a, zeros above. Only the lower triangle of `a` is read. A pivot
// that is not above `least` times its diagonal element makes `a` singular: ErrorId::bad_value,
// naming the row.
Result<Matrix> cholesky(const Matrix& a, double least = 1e-12);
// x with L x = b, Lᵀ x = b, and L Lᵀ x = b.
std::vector<double> solve_lower(const Matrix& l, std::span<const double> b);
std::vector<double> solve_upper(const Matrix& l, std::span<const double> b);
std::vector<double> solve_cholesky(const Matrix& l, std::span<const double> b);
// (L Lᵀ)⁻¹.
Matrix invert_cholesky(const Matrix& l);

}  // namespace hone::calibrate
