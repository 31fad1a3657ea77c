// Rotary position embedding.
#include "ops/window.h"

namespace hone {
namespace {

enum Input : size_t { kX, kCos, kSin, kPositions };

struct Sizes {
  Dim batch, steps, heads, head;
  Dim rotated;  // elements of each head that are rotated
};

Result<Sizes> sizes_of(const Infer& c) {
  Sizes s{Dim::unknown(), Dim::unknown(), Dim::unknown(), Dim::unknown(), Dim::unknown()};
  const Shape& x = c.shape(kX);
  const bool given = c.given("num_heads") && c.integer("num_heads") != 0;
  if (x.ranked && x.rank() == 4) {
    s = {x.dims[0], x.dims[2], x.dims[1], x.dims[3], Dim::unknown()};
  } else if (x.ranked && x.rank() == 3) {
    if (!given) return attribute_error(c, "num_heads is needed with 3 axes");
    const int64_t heads = TRY(positive(c, "num_heads"));
    s = {x.dims[0], x.dims[1], heads, Dim::unknown(), Dim::unknown()};
    if (auto head = Dim::exact_quotient(x.dims[2], heads))
      s.head = *head;
    else if (x.dims[2].is_constant())
      return shape_error(
          c, x.dims[2].str() + " channels do not divide into " + std::to_string(heads) + " heads");
  } else if (x.ranked) {
    return shape_error(c, "x must have 3 or 4 axes, has shape " + x.str());
  }
  const int64_t part = c.integer("rotary_embedding_dim");
  if (part < 0) return attribute_error(c, "rotary_embedding_dim must not be negative");
  s.rotated = part ? Dim(part) : s.head;
  if (const auto n = s.rotated.constant(); n && *n % 2 != 0)
    return shape_error(c, "cannot rotate " + std::to_string(*n) + " elements, an odd number");
  if (const auto n = s.rotated.constant(), m = s.head.constant(); n && m && *n > *m)
    return shape_error(
        c, "cannot rotate " + std::to_string(*n) + " of " + std::to_string(*m) + " elements");
  return s;
}

Result<Types> infer(const Infer& c) {
  const Sizes s = TRY(sizes_of(c));
  const bool by_position = c.has(kPositions);
  const auto rotated = s.rotated.constant();
  for (size_t i : {kCos, kSin}) {
    TRY(expect_rank(c, i, by_position ? 2 : 3));
    if (rotated)
      TRY(same_extent(c, extent(c, i, by_position ? 1 : 2), Dim(*rotated / 2),
                      "half the rotated elements and the last axis of a cache"));
    if (by_position) continue;
    TRY(same_extent(c, extent(c, i, 0), s.batch, "batches of x and a cache"));
    TRY(same_extent(c, extent(c, i, 1), s.steps, "steps of x and a cache"));
  }
  TRY(same_extent(c, extent(c, kCos, 0), extent(c, kSin, 0), "extents of the caches"));
  if (by_position) {
    TRY(expect_rank(c, kPositions, 2));
    TRY(same_extent(c, extent(c, kPositions, 0), s.batch, "batches of x and positions"));
    TRY(same_extent(c, extent(c, kPositions, 1), s.steps, "steps of x and positions"));
  }
  return same_as_first(c);
}

Status reference(Call& c) {
  const Sizes s = TRY(sizes_of(c));
  const Tensor &x = c.in(kX), &cosines = c.in(kCos), &sines = c.in(kSin);
  Tensor& y = *TRY(c.out(0));
  if (x.count() == 0) return ok();
  const bool packed = x.rank() == 3, interleaved = c.integer("interleaved") != 0;
  const int64_t steps = *s.steps.constant(), heads = *s.heads.constant();
  const int64_t head = *s.head.constant(), half = *s.rotated.constant() / 2;
  for (int64_t row = 0; row < x.count() / head; ++row) {
    const int64_t b = row / (heads * steps);
    const int64_t t = packed ? row / heads % steps : row % steps;
    int64_t place = b * steps + t;
    if (c.has(kPositions)) {
      place = load_integer(c.in(kPositions), place);
      if (place < 0 || place >= cosines.shape()[0])
        return value_error(c, "position " + std::to_string(place) + " is outside a cache of " +
                                  std::to_string(cosines.shape()[0]));
    }
    for (int64_t j = 0; j < half; ++j) {
      const int64_t first = row * head + (interleaved ? 2 * j : j);
      const int64_t second = row * head + (interleaved ? 2 * j + 1 : half + j);
      const double u = load_real(x, first), v = load_real(x, second);
      const double cosine = load_real(cosines, place * half + j);
      const double sine = load_real(sines, place * half + j);
      store_real(y, first, cosine * u - sine * v);
      store_real(y, second, sine * u + cosine * v);
    }
    for (int64_t j = 2 * half; j < head; ++j) copy_element(x, row * head + j, y, row * head + j);
  }
  return ok();
}

}  // namespace

const OpDef& rotary_embedding_op() {
  static const OpDef def{
      .name = "rotary_embedding",
      .doc =
          "Rotates pairs of elements of each head by an angle that depends on the position (Su "
          "et al. 2021): x [B, H, S, D] or packed [B, S, H D], cosines and sines [positions, "
          "R/2] with position_ids [B, S], or [B, S, R/2]. Pairs are halves of the first R = "
          "rotary_embedding_dim (by default all) elements, or neighbours if interleaved.",
      .inputs = {{"x", kFloats, 'T'},
                 {"cos_cache", kFloats, 'T'},
                 {"sin_cache", kFloats, 'T'},
                 {"position_ids", DType::i64, 0, Port::Presence::optional}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"interleaved", AttrKind::integer, false, int64_t{0}},
                {"num_heads", AttrKind::integer},
                {"rotary_embedding_dim", AttrKind::integer, false, int64_t{0}}},
      .infer = infer,
      .cost = elementwise_cost<3>,
      .reference = reference,
      .examples = {R"(graph rotary_positions(x: f32[2,3,4,8], c: f32[10,4], s: f32[10,4]) -> (y) {
        y = rotary_embedding(x, c, s, i64[2,4]{0, 1, 2, 3, 4, 5, 6, 7})
      })",
                   R"(graph rotary_packed(x: f32[2,4,24], c: f32[2,4,2], s: f32[2,4,2]) -> (y) {
        y = rotary_embedding(x, c, s) <interleaved=1, num_heads=3, rotary_embedding_dim=4>
      })"},
  };
  return def;
}

}  // namespace hone
