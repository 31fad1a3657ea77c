// Ones on a diagonal.
#include "ops/movement.h"

namespace hone {
namespace {

constexpr DTypes kPorts = kNumbers | DType::boolean;

}  // namespace

const OpDef& eye_like_op() {
  static const OpDef def{
      .name = "eye_like",
      .doc =
          "A matrix of the shape of x (and its dtype, unless given) with y[i, i + k] = 1, zeros "
          "elsewhere.",
      .inputs = {{"x", kPorts}},
      .outputs = {{"y", kPorts}},
      .attrs = {{"dtype", AttrKind::dtype}, {"k", AttrKind::integer, false, int64_t{0}}},
      .infer = [](const Infer& c) -> Result<Types> {
        TRY(expect_rank(c, 0, 2));
        const DType dtype = c.given("dtype") ? c.dtype_attr("dtype") : c.dtype(0);
        if (!kPorts.has(dtype))
          return attribute_error(c, "dtype cannot be " + std::string(name(dtype)));
        return Types{Type(dtype, c.shape(0).ranked ? c.shape(0) : Shape::unknown(2))};
      },
      .cost = movement_cost,
      .reference = [](Call& c) -> Status {
        Tensor& y = *TRY(c.out(0));
        const int64_t rows = y.shape()[0], columns = y.shape()[1], k = c.integer("k");
        if (k <= -rows || k >= columns) return ok();
        for (int64_t i = std::max<int64_t>(0, -k); i < rows && i + k < columns; ++i)
          store_integer(y, i * columns + i + k, 1);
        return ok();
      },
      .examples = {R"(graph eye_above(x: f32[3,4]) -> (y) { y = eye_like(x) <dtype=i64, k=1> })",
                   R"(graph eye_below(x: f32[4,3]) -> (y) { y = eye_like(x) <k=-2> })"},
  };
  return def;
}

}  // namespace hone
