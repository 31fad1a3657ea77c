// Product of matrices, batched.
#include "ops/matmul.h"

#include "ops/window.h"

namespace hone {

Result<Shape> matmul_shape(const Infer& c, const Shape& a, const Shape& b) {
  if ((a.ranked && a.rank() == 0) || (b.ranked && b.rank() == 0))
    return shape_error(
        c, "operands must have at least one axis, have shapes " + a.str() + " and " + b.str());
  if (!a.ranked || !b.ranked) return Shape::unranked();
  const bool vector_a = a.rank() == 1, vector_b = b.rank() == 1;
  const Dim depth = vector_b ? b.dims[0] : b.dims[b.rank() - 2];
  TRY(same_extent(c, a.dims.back(), depth, "the contracted extents"));
  Shape batch_a, batch_b;
  if (!vector_a) batch_a.dims.assign(a.dims.begin(), a.dims.end() - 2);
  if (!vector_b) batch_b.dims.assign(b.dims.begin(), b.dims.end() - 2);
  Shape out = TRY(broadcast(batch_a, batch_b).context("inferring " + std::string(c.op().name)));
  if (!vector_a) out.dims.push_back(a.dims[a.rank() - 2]);
  if (!vector_b) out.dims.push_back(b.dims.back());
  return out;
}

Cost matmul_cost(const Infer& c, const Types& out, size_t a) {
  Cost cost = default_cost(c, out);
  const Shape& shape = c.shape(a);
  cost.macs = element_count(out[0].tensor.shape) *
              (shape.ranked && shape.rank() > 0 ? shape.dims.back() : Dim::unknown());
  cost.flops = cost.macs * Dim(2);
  return cost;
}

const OpDef& matmul_op() {
  static constexpr DTypes kMultiplied =
      kFloats | DType::i32 | DType::i64 | DType::u32 | DTypes(DType::u64);
  static const OpDef def{
      .name = "matmul",
      .doc =
          "a [..., M, K] @ b [..., K, N] = [..., M, N] by NumPy's rules: batch axes broadcast, "
          "a 1-D operand is a row or a column. Integers wrap around.",
      .inputs = {{"a", kMultiplied, 'T'}, {"b", kMultiplied, 'T'}},
      .outputs = {{"y", kMultiplied, 'T'}},
      .infer = [](const Infer& c) -> Result<Types> {
        return Types{Type(c.dtype(0), TRY(matmul_shape(c, c.shape(0), c.shape(1))))};
      },
      .cost = [](const Infer& c, const Types& out) { return matmul_cost(c, out, 0); },
      .reference = [](Call& c) -> Status {
        const Tensor &a = c.in(0), &b = c.in(1);
        Tensor& y = *TRY(c.out(0));
        if (is_float(a.dtype())) {
          const std::vector<double> sums = matmul_values(reals(a), a.shape(), reals(b), b.shape());
          for (int64_t i = 0; i < y.count(); ++i) store_real(y, i, sums[size_t(i)]);
          return ok();
        }
        const std::vector<int64_t> p = integers(a), q = integers(b);
        const std::vector<uint64_t> sums =
            matmul_values(std::vector<uint64_t>(p.begin(), p.end()), a.shape(),
                          std::vector<uint64_t>(q.begin(), q.end()), b.shape());
        for (int64_t i = 0; i < y.count(); ++i) store_integer(y, i, int64_t(sums[size_t(i)]));
        return ok();
      },
      .examples = {R"(graph matmul_2d(a: f32[3,4], b: f32[4,5]) -> (y) { y = matmul(a, b) })",
                   R"(graph matmul_batched(a: f32[2,1,3,4], b: f32[5,4,2]) -> (y) {
        y = matmul(a, b)
      })",
                   R"(graph matmul_vectors(a: i32[4], b: i32[2,4,3]) -> (y) { y = matmul(a, b) })",
                   R"(graph matmul_dot(a: f32[4], b: f32[4]) -> (y) { y = matmul(a, b) })"},
  };
  return def;
}

}  // namespace hone
