// Determinants of square matrices.
#include <utility>

#include "ops/common.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  const Shape& shape = c.shape(0);
  if (!shape.ranked) return Types{Type(c.dtype(0), Shape::unranked())};
  const size_t rank = shape.rank();
  if (rank < 2) return shape_error(c, "needs matrices, got shape " + shape.str());
  const Dim &rows = shape.dims[rank - 2], &columns = shape.dims[rank - 1];
  if (rows.is_constant() && columns.is_constant() && rows != columns)
    return shape_error(c, "the matrices of " + shape.str() + " are not square");
  return Types{Type(c.dtype(0), Shape(std::vector<Dim>(shape.dims.begin(), shape.dims.end() - 2)))};
}

// Gaussian elimination with partial pivoting, in place.
double determinant(std::vector<double>& m, size_t n) {
  double det = 1;
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t r = k + 1; r < n; ++r)
      if (std::fabs(m[r * n + k]) > std::fabs(m[pivot * n + k])) pivot = r;
    if (pivot != k) {
      for (size_t j = 0; j < n; ++j) std::swap(m[k * n + j], m[pivot * n + j]);
      det = -det;
    }
    const double head = m[k * n + k];
    det *= head;
    if (head == 0) return det;
    for (size_t r = k + 1; r < n; ++r) {
      const double factor = m[r * n + k] / head;
      for (size_t j = k; j < n; ++j) m[r * n + j] -= factor * m[k * n + j];
    }
  }
  return det;
}

}  // namespace

const OpDef& det_op() {
  static const OpDef def{
      .name = "det",
      .doc = "[…, M, M] to […]: the determinant of each matrix.",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            const Shape& shape = c.shape(0);
            const Dim n = shape.ranked ? shape.dims.back() : Dim::unknown();
            cost.macs = element_count(out[0].tensor.shape) * floor_div(n * n * n, 3);
            cost.flops = Dim(2) * cost.macs;
            return cost;
          },
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        if (y.count() == 0) return ok();
        const auto n = size_t(x.shape().back());
        std::vector<double> matrix(n * n);
        for (int64_t i = 0; i < y.count(); ++i) {
          for (size_t j = 0; j < n * n; ++j)
            matrix[j] = load_real(x, i * int64_t(n * n) + int64_t(j));
          store_real(y, i, determinant(matrix, n));
        }
        return ok();
      },
      .examples = {R"(graph det_batch(x: f32[2,3,3]) -> (y) { y = det(x) })"},
  };
  return def;
}

}  // namespace hone
