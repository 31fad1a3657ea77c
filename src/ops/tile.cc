// Repetition along axes.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_list(c, 1));
  const auto rank = rank_of(c, 0);
  if (!rank)
    return Types{Type(c.dtype(0), shape_from(c, 1).ranked ? Shape::unknown(shape_from(c, 1).rank())
                                                          : Shape::unranked())};
  if (auto n = list_length(c, 1); n && *n != *rank)
    return shape_error(c, std::to_string(*n) + " repeats for " + std::to_string(*rank) + " axes");
  const Known* repeats = c.known(1);
  if (!repeats) return Types{Type(c.dtype(0), Shape::unknown(size_t(*rank)))};
  TRY(no_negative(c, *repeats));
  std::vector<Dim> dims = c.shape(0).dims;
  for (size_t i = 0; i < dims.size(); ++i) {
    const bool known = dims[i].is_constant() && (*repeats)[i].is_constant();
    dims[i] = dims[i] * (*repeats)[i];
    if (known && dims[i].is_unknown()) return shape_error(c, "the output is too large to address");
  }
  return fixed_type(c.dtype(0), std::move(dims));
}

std::optional<Known> propagate(const Infer& c, size_t) {
  const Known* known = c.known(0);
  const auto repeats = c.integers(1);
  if (!known || rank_of(c, 0) != 1 || !repeats || repeats->size() != 1) return std::nullopt;
  const int64_t times = (*repeats)[0];
  if (times < 0 || times > kMaxKnown || times * int64_t(known->size()) > kMaxKnown)
    return std::nullopt;
  Known out;
  for (int64_t i = 0; i < times; ++i) out.insert(out.end(), known->begin(), known->end());
  return out;
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  // Every axis seen as two: the repetition (stride 0) and the original.
  Extents shape;
  std::vector<int64_t> strides;
  const std::vector<int64_t> own = strides_of(x.shape());
  for (size_t i = 0; i < x.rank(); ++i) {
    const int64_t n = x.shape()[i];
    shape.insert(shape.end(), {n == 0 ? 0 : y.shape()[i] / n, n});
    strides.insert(strides.end(), {0, own[i]});
  }
  walk(shape, strides, 0, [&](int64_t to, int64_t at) { copy_element(x, at, y, to); });
  return ok();
}

}  // namespace

const OpDef& tile_op() {
  static const OpDef def{
      .name = "tile",
      .doc = "x repeated repeats[i] times along axis i.",
      .inputs = {{"x", kAny, 'T'}, {"repeats", DType::i64}},
      .outputs = {{"y", kAny, 'T'}},
      .infer = infer,
      .propagate = propagate,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph tile_two(x: f32[2,3]) -> (y) { y = tile(x, i64[2]{2, 3}) })"},
  };
  return def;
}

}  // namespace hone
