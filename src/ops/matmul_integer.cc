// Products of matrices of 8-bit integers: into 32 bits, and requantized.
#include "ops/matmul.h"
#include "ops/quantization.h"
#include "ops/window.h"

namespace hone {
namespace {

// Scale or zero point `i` of a matrix with this shape: one element, one for each row or column
// ([n], or the shape with 1 for the contracted axis).
Status check_parameter(const Infer& c, size_t i, const Shape& matrix, bool by_row) {
  if (!c.has(i) || !c.shape(i).ranked || !matrix.ranked) return ok();
  const Shape& shape = c.shape(i);
  if (element_count(shape).is(1)) return ok();
  const size_t rank = matrix.rank();
  if (rank < 2)
    return shape_error(
        c, "parameters of a 1-D operand must have one element, have shape " + shape.str());
  const Dim& slices = matrix.dims[by_row ? rank - 2 : rank - 1];
  if (shape.rank() == 1) {
    TRY(same_extent(c, shape.dims[0], slices, "extents of an operand and its parameters"));
    return ok();
  }
  TRY(expect_rank(c, i, rank));
  for (size_t axis = 0; axis < rank; ++axis) {
    const bool contracted = axis == (by_row ? rank - 1 : rank - 2);
    TRY(same_extent(c, shape.dims[axis], contracted ? Dim(1) : matrix.dims[axis],
                    "extents of an operand and its parameters"));
  }
  return ok();
}

// Where element `at` of a matrix finds its parameter.
int64_t parameter_index(const Tensor& parameter, const Extents& matrix, int64_t at, bool by_row) {
  if (parameter.count() == 1) return 0;
  const int64_t columns = matrix.end()[-1], rows = matrix.end()[-2];
  if (by_row) return parameter.rank() == 1 ? at / columns % rows : at / columns;
  if (parameter.rank() == 1) return at % columns;
  return at / (rows * columns) * columns + at % columns;
}

// The elements minus their zero points.
std::vector<double> centred(const Call& c, size_t i, size_t zero_point, bool by_row) {
  std::vector<double> values = reals(c.in(i));
  if (!c.has(zero_point)) return values;
  const Tensor& zero = c.in(zero_point);
  for (size_t k = 0; k < values.size(); ++k)
    values[k] -= load_real(zero, parameter_index(zero, c.in(i).shape(), int64_t(k), by_row));
  return values;
}

}  // namespace

const OpDef& matmul_integer_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "matmul_integer",
      .doc =
          "(a - a_zero_point) @ (b - b_zero_point), exact in i32 with wrap-around. Zero points "
          "have one element, one for each row of a, or one for each column of b.",
      .inputs = {{"a", kQuantizedBytes, 'A'},
                 {"b", kQuantizedBytes, 'B'},
                 {"a_zero_point", kQuantizedBytes, 'A', kOptional},
                 {"b_zero_point", kQuantizedBytes, 'B', kOptional}},
      .outputs = {{"y", DType::i32}},
      .infer = [](const Infer& c) -> Result<Types> {
        TRY(check_parameter(c, 2, c.shape(0), true));
        TRY(check_parameter(c, 3, c.shape(1), false));
        return Types{Type(DType::i32, TRY(matmul_shape(c, c.shape(0), c.shape(1))))};
      },
      .cost = [](const Infer& c, const Types& out) { return matmul_cost(c, out, 0); },
      .reference = [](Call& c) -> Status {
        Tensor& y = *TRY(c.out(0));
        const std::vector<double> sums = matmul_values(centred(c, 0, 2, true), c.in(0).shape(),
                                                       centred(c, 1, 3, false), c.in(1).shape());
        for (int64_t i = 0; i < y.count(); ++i) store_integer(y, i, int64_t(sums[size_t(i)]));
        return ok();
      },
      .examples = {R"(graph matmul_integer_rows(a: u8[2,3], b: i8[3,4]) -> (y) {
        y = matmul_integer(a, b, u8[2]{12, 3}, i8[4]{0, 1, 2, -3})
      })"},
  };
  return def;
}

const OpDef& qlinear_matmul_op() {
  static constexpr DTypes kBytes =
      kQuantizedBytes | DType::f8e4m3fn | DType::f8e4m3fnuz | DType::f8e5m2 | DType::f8e5m2fnuz;
  static const OpDef def{
      .name = "qlinear_matmul",
      .doc =
          "a @ b on quantized tensors: saturate(round(sum (a - a_zero_point)(b - b_zero_point) "
          "* (a_scale b_scale / y_scale)) + y_zero_point), half to even, the factor computed "
          "in the dtype of the scales, its product with the sum in f32. Parameters have one "
          "element, one for each row of a and "
          "y, or one for each column of b.",
      .inputs = {{"a", kBytes, 'A'},
                 {"a_scale", kScales, 'S'},
                 {"a_zero_point", kBytes, 'A'},
                 {"b", kBytes, 'B'},
                 {"b_scale", kScales, 'S'},
                 {"b_zero_point", kBytes, 'B'},
                 {"y_scale", kScales, 'S'},
                 {"y_zero_point", kBytes, 'Y'}},
      .outputs = {{"y", kBytes, 'Y'}},
      .infer = [](const Infer& c) -> Result<Types> {
        const Shape out = TRY(matmul_shape(c, c.shape(0), c.shape(3)));
        for (size_t i : {1, 2}) TRY(check_parameter(c, i, c.shape(0), true));
        for (size_t i : {4, 5}) TRY(check_parameter(c, i, c.shape(3), false));
        for (size_t i : {6, 7}) TRY(check_parameter(c, i, out, true));
        // The scales are looked up by places of y, which a 1-D operand or batch axes of one operand
        // alone would shift.
        for (size_t i : {1, 4}) {
          const Shape& operand = c.shape(i - 1);
          if (c.shape(i).ranked && c.shape(i).rank() > 1 && operand.ranked && out.ranked &&
              operand.rank() != out.rank())
            return shape_error(c, "a scale of shape " + c.shape(i).str() +
                                      " needs operands with equal numbers of axes");
        }
        return Types{Type(c.dtype(7), out)};
      },
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = matmul_cost(c, out, 0);
            cost.flops = cost.flops + element_count(out[0].tensor.shape) * Dim(4);
            return cost;
          },
      .reference = [](Call& c) -> Status {
        Tensor& y = *TRY(c.out(0));
        const Extents &a_shape = c.in(0).shape(), &b_shape = c.in(3).shape();
        const std::vector<double> sums =
            matmul_values(centred(c, 0, 2, true), a_shape, centred(c, 3, 5, false), b_shape);
        const Tensor &as = c.in(1), &bs = c.in(4), &ys = c.in(6), &yz = c.in(7);
        const DType dtype = as.dtype();
        // Parameters along rows and columns of y; batch axes broadcast.
        auto strides = [&](const Tensor& t, bool by_row) {
          Extents shape = t.count() == 1 ? Extents{} : t.shape();
          if (by_row && shape.size() == 1 && b_shape.size() > 1) shape.push_back(1);
          return broadcast_strides(shape, y.shape());
        };
        Odometer at(y.shape(),
                    {strides(as, true), strides(bs, false), strides(ys, true), strides(yz, true)});
        if (at.empty()) return ok();
        int64_t i = 0;
        do {
          const double factor = round_to(
              dtype, round_to(dtype, load_real(as, at.offset(0)) * load_real(bs, at.offset(1))) /
                         load_real(ys, at.offset(2)));
          // Those of bytes modulo 2^32.
          const double sum = is_integer(c.dtype(0))
                                 ? double(int32_t(uint32_t(int64_t(sums[size_t(i)]))))
                                 : sums[size_t(i)];
          const float scaled = float(sum) * float(factor);
          if (is_integer(y.dtype()))
            store_integer(y, i, requantize(y.dtype(), scaled, load_integer(yz, at.offset(3))));
          else
            store_real(y, i, scaled + load_real(yz, at.offset(3)));
          ++i;
        } while (at.next());
        return ok();
      },
      .examples = {R"(graph qlinear_matmul_rows(a: u8[2,3], b: i8[3,4]) -> (y) {
        y = qlinear_matmul(a, f32[2]{0.1, 0.2}, u8[2]{3, 1}, b, f32{0.05}, i8{-1}, f32{0.3},
                           u8{100})
      })"},
  };
  return def;
}

}  // namespace hone
