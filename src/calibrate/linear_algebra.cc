#include "calibrate/linear_algebra.h"

#include <fmt/format.h>

#include <cmath>

#include "base/check.h"

namespace hone::calibrate {

double dot(std::span<const double> a, std::span<const double> b) {
  CHECK(a.size() == b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Matrix transpose(const Matrix& a) {
  Matrix t(a.columns(), a.rows());
  for (size_t r = 0; r < a.rows(); ++r)
    for (size_t c = 0; c < a.columns(); ++c) t(c, r) = a(r, c);
  return t;
}

Matrix multiply(const Matrix& a, const Matrix& b) {
  CHECK(a.columns() == b.rows());
  Matrix product(a.rows(), b.columns());
  for (size_t r = 0; r < a.rows(); ++r)
    for (size_t k = 0; k < a.columns(); ++k)
      for (size_t c = 0; c < b.columns(); ++c) product(r, c) += a(r, k) * b(k, c);
  return product;
}

std::vector<double> multiply(const Matrix& a, std::span<const double> x) {
  std::vector<double> product(a.rows());
  for (size_t r = 0; r < a.rows(); ++r) product[r] = dot(a.row(r), x);
  return product;
}

Matrix part(const Matrix& a, std::span<const size_t> rows, std::span<const size_t> columns) {
  Matrix chosen(rows.size(), columns.size());
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t c = 0; c < columns.size(); ++c) chosen(r, c) = a(rows[r], columns[c]);
  return chosen;
}

Result<Matrix> cholesky(const Matrix& a, double least) {
  CHECK(a.rows() == a.columns());
  Matrix l(a.rows(), a.rows());
  for (size_t r = 0; r < a.rows(); ++r) {
    for (size_t c = 0; c < r; ++c)
      l(r, c) = (a(r, c) - dot(l.row(r).first(c), l.row(c).first(c))) / l(c, c);
    const double pivot = a(r, r) - dot(l.row(r).first(r), l.row(r).first(r));
    if (!(pivot > least * a(r, r)) || !std::isfinite(pivot)) {
      return fail(ErrorId::bad_value,
                  fmt::format("the matrix is singular in row {} of {}", r, a.rows()));
    }
    l(r, r) = std::sqrt(pivot);
  }
  return l;
}

std::vector<double> solve_lower(const Matrix& l, std::span<const double> b) {
  CHECK(l.rows() == b.size());
  std::vector<double> x(b.begin(), b.end());
  for (size_t r = 0; r < x.size(); ++r)
    x[r] = (x[r] - dot(l.row(r).first(r), std::span(x).first(r))) / l(r, r);
  return x;
}

std::vector<double> solve_upper(const Matrix& l, std::span<const double> b) {
  CHECK(l.rows() == b.size());
  std::vector<double> x(b.begin(), b.end());
  for (size_t r = x.size(); r-- > 0;) {
    x[r] /= l(r, r);
    for (size_t c = 0; c < r; ++c) x[c] -= l(r, c) * x[r];
  }
  return x;
}

std::vector<double> solve_cholesky(const Matrix& l, std::span<const double> b) {
  return solve_upper(l, solve_lower(l, b));
}

Matrix invert_cholesky(const Matrix& l) {
  Matrix inverse(l.rows(), l.rows());
  std::vector<double> unit(l.rows());
  for (size_t r = 0; r < l.rows(); ++r) {
    unit[r] = 1;
    const std::vector<double> x = solve_cholesky(l, unit);
    unit[r] = 0;
    for (size_t c = 0; c < x.size(); ++c) inverse(r, c) = x[c];
  }
  return inverse;
}

}  // namespace hone::calibrate
