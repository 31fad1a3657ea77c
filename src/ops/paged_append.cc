// Rows put into a paged cache of keys or values.
#include "ops/paged_attention.h"
#include "ops/window.h"

namespace hone {
namespace {

using paged_attention::cache_sizes;
using paged_attention::CacheSizes;
using paged_attention::kCached;

enum Input : size_t { kCache, kRows, kSlots };

Result<Types> infer(const Infer& c) {
  const CacheSizes s = TRY(cache_sizes(c, kCache, c.integer("transposed") != 0));
  TRY(expect_rank(c, kRows, 2));
  TRY(expect_rank(c, kSlots, 1));
  if ((c.dtype(kCache) == DType::i8) != (c.dtype(kRows) == DType::i8))
    return type_error(c, "a cache of i8, and no other, takes rows of i8");
  TRY(same_extent(c, extent(c, kRows, 0), extent(c, kSlots, 0), "rows and slots"));
  TRY(same_extent(c, extent(c, kRows, 1), s.heads * s.size, "channels of rows and cache"));
  return same_as_first(c);
}

Status reference(Call& c) {
  const bool transposed = c.integer("transposed") != 0;
  const CacheSizes s = TRY(cache_sizes(c, kCache, transposed));
  const int64_t heads = *s.heads.constant(), page = *s.page.constant(), size = *s.size.constant(),
                slots = *s.pages.constant() * page;
  Tensor& y = *TRY(c.out(0));
  for (int64_t i = 0; i < y.count(); ++i) copy_element(c.in(kCache), i, y, i);
  const Tensor& rows = c.in(kRows);
  for (int64_t t = 0; t < rows.shape()[0]; ++t) {
    const int64_t slot = load_integer(c.in(kSlots), t);
    if (slot < 0 || slot >= slots)
      return value_error(c, "slot " + std::to_string(slot) + " of " + std::to_string(slots));
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t d = 0; d < size; ++d) {
        const int64_t base = (slot / page * heads + h) * size * page, at = slot % page;
        const int64_t to = base + (transposed ? d * page + at : at * size + d);
        store_real(y, to, load_real(rows, (t * heads + h) * size + d));
      }
  }
  return ok();
}

}  // namespace

const OpDef& paged_append_op() {
  static const OpDef def{
      .name = "paged_append",
      .doc =
          "The cache [pages, G, n, D] with rows [T, G D] put at slots [T]: row t at slot mod n of "
          "page slot / n, rounded to the cache's dtype. transposed: pages are [G, D, n], as "
          "paged_attention takes keys. Of several rows for one slot the last one stays.",
      .inputs = {{"cache", kCached}, {"rows", DType::f32 | DType::i8}, {"slots", DType::i64}},
      .outputs = {{"y", kCached}},
      .attrs = {{"transposed", AttrKind::integer, false, int64_t{0}}},
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph append_values(c: f16[3,2,4,5], r: f32[3,10]) -> (y) {
        y = paged_append(c, r, i64[3]{5, 0, 11})
      })",
                   R"(graph append_keys(c: f32[2,2,3,4], r: f32[2,6]) -> (y) {
        y = paged_append(c, r, i64[2]{7, 2}) <transposed=1>
      })"},
  };
  return def;
}

}  // namespace hone
