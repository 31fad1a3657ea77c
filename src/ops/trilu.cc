// Triangles of matrices.
#include "ops/movement.h"

namespace hone {

const OpDef& trilu_op() {
  static const OpDef def{
      .name = "trilu",
      .doc =
          "The upper (upper=1) or lower triangle of the last two axes, from or up to the "
          "diagonal k; zeros elsewhere.",
      .inputs = {{"x", kAny, 'T'}, {"k", DType::i64, 0, Port::Presence::optional}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"upper", AttrKind::integer, false, int64_t{1}}},
      .infer = [](const Infer& c) -> Result<Types> {
        if (c.shape(0).ranked && c.shape(0).rank() < 2)
          return shape_error(c, "x has shape " + c.shape(0).str() + ", no matrices");
        if (c.has(1))
          if (const Dim count = element_count(c.shape(1)); count.is_constant() && !count.is(1))
            return shape_error(c, "k has " + count.str() + " elements");
        return same_as_first(c);
      },
      .cost = movement_cost,
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        if (x.count() == 0) return ok();
        const int64_t rows = x.shape()[x.rank() - 2], columns = x.shape()[x.rank() - 1];
        const bool upper = c.integer("upper") != 0;
        const int64_t k =
            c.has(1) ? std::clamp<int64_t>(load_integer(c.in(1), 0), -rows - 1, columns + 1) : 0;
        for (int64_t i = 0; i < x.count(); ++i) {
          const int64_t row = i / columns % rows, column = i % columns;
          if (upper ? column - row >= k : column - row <= k) copy_element(x, i, y, i);
        }
        return ok();
      },
      .examples = {R"(graph trilu_upper(x: f32[2,3,4]) -> (y) { y = trilu(x, i64{1}) })",
                   R"(graph trilu_lower(x: f32[4,3]) -> (y) { y = trilu(x, i64{-1}) <upper=0> })"},
  };
  return def;
}

}  // namespace hone
