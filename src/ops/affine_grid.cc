// Sampling positions of an affine transform.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_rank(c, 0, 3));
  TRY(expect_list(c, 1));
  const auto length = list_length(c, 1);
  const Shape& theta = c.shape(0);
  if (!length) return Types{Type(c.dtype(0), Shape::unranked())};
  if (*length != 4 && *length != 5)
    return shape_error(c, "size has " + std::to_string(*length) + " elements, not 4 or 5");
  const int64_t axes = *length - 2;
  if (theta.ranked && (!same_extent(theta.dims[1], axes) || !same_extent(theta.dims[2], axes + 1)))
    return shape_error(
        c, "theta has shape " + theta.str() + " for " + std::to_string(axes) + " spatial axes");
  const Shape size = shape_from(c, 1);
  if (const Known* known = c.known(1)) TRY(no_negative(c, *known));
  const auto batch = theta.ranked ? same_extent(size.dims[0], theta.dims[0]) : size.dims[0];
  if (!batch) return shape_error(c, "theta " + theta.str() + " for size " + size.str());
  std::vector<Dim> dims{*batch};
  dims.insert(dims.end(), size.dims.begin() + 2, size.dims.end());
  dims.emplace_back(axes);
  return fixed_type(c.dtype(0), std::move(dims));
}

// Position i of n in [-1, 1]: corners of the range, or centres of n equal cells.
double coordinate(int64_t i, int64_t n, bool corners) {
  if (!corners) return (2.0 * double(i) + 1) / double(n) - 1;
  return n == 1 ? 0 : 2.0 * double(i) / double(n - 1) - 1;
}

Status reference(Call& c) {
  const std::vector<double> theta = reals(c.in(0));
  Tensor& y = *TRY(c.out(0));
  const bool corners = c.integer("align_corners") != 0;
  const size_t axes = y.rank() - 2;
  const Extents points(y.shape().begin(), y.shape().end() - 1);
  Odometer at(points, {});
  if (at.empty()) return ok();
  int64_t to = 0;
  do {
    const size_t batch = size_t(at.position()[0]) * axes * (axes + 1);
    for (size_t row = 0; row < axes; ++row) {
      double sum = theta[batch + row * (axes + 1) + axes];
      for (size_t k = 0; k < axes; ++k) {  // x runs along the last axis
        const size_t axis = axes - k;
        sum += theta[batch + row * (axes + 1) + k] *
               coordinate(at.position()[axis], points[axis], corners);
      }
      store_real(y, to++, sum);
    }
  } while (at.next());
  return ok();
}

}  // namespace

const OpDef& affine_grid_op() {
  static const OpDef def{
      .name = "affine_grid",
      .doc =
          "For theta [n, 2, 3] and size (n, c, h, w), or [n, 3, 4] and (n, c, d, h, w): the "
          "positions theta · (x, y, 1) of all points of the image, each axis in [-1, 1], as "
          "[n, h, w, 2] or [n, d, h, w, 3].",
      .inputs = {{"theta", kFloats, 'T'}, {"size", DType::i64}},
      .outputs = {{"grid", kFloats, 'T'}},
      .attrs = {{"align_corners", AttrKind::integer, false, int64_t{0}}},
      .infer = infer,
      .cost = elementwise_cost<8>,
      .reference = reference,
      .examples = {R"(graph affine_grid_2d(t: f32[2,2,3]) -> (y) {
        y = affine_grid(t, i64[4]{2, 3, 4, 5})
      })",
                   R"(graph affine_grid_3d(t: f32[1,3,4]) -> (y) {
        y = affine_grid(t, i64[5]{1, 1, 2, 3, 2}) <align_corners=1>
      })"},
  };
  return def;
}

}  // namespace hone
