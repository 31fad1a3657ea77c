// Attention of rows of several sequences to the keys and values that a paged cache holds of them.
#include "ops/paged_attention.h"

#include <algorithm>
#include <cmath>

#include "ops/quantization.h"
#include "ops/window.h"

namespace hone {
namespace paged_attention {

Result<CacheSizes> cache_sizes(const Infer& c, size_t input, bool transposed) {
  TRY(expect_rank(c, input, 4));
  return CacheSizes{extent(c, input, 0), extent(c, input, 1), extent(c, input, transposed ? 3 : 2),
                    extent(c, input, transposed ? 2 : 3)};
}

namespace {

Status check_scales(const Infer& c, size_t scales, size_t bytes, const Sizes& s) {
  if ((c.dtype(bytes) == DType::i8) != c.has(scales))
    return type_error(c, "keys and values of i8, and no others, come with scales");
  if (!c.has(scales)) return ok();
  TRY(expect_rank(c, scales, 2));
  TRY(same_extent(c, extent(c, scales, 0), s.pages * s.page, "slots of the cache and its scales"));
  TRY(same_extent(c, extent(c, scales, 1), s.kv_heads, "heads and scales"));
  return ok();
}

Status check_heads(const Infer& c, Sizes& s) {
  const Dim all = extent(c, kQuery, 1);
  const auto head = Dim::exact_quotient(all, s.heads);
  if (!head && all.is_constant())
    return shape_error(
        c, all.str() + " channels do not divide into " + std::to_string(s.heads) + " heads");
  if (head) s.head = TRY(same_extent(c, *head, s.head, "head sizes of query and keys"));
  const auto kv = s.kv_heads.constant();
  if (kv && (*kv == 0 || s.heads % *kv != 0))
    return shape_error(c, std::to_string(s.heads) + " query heads cannot share " +
                              std::to_string(*kv) + " key heads");
  return ok();
}

}  // namespace

Result<Sizes> sizes_of(const Infer& c) {
  Sizes s;
  s.heads = TRY(positive(c, "heads"));
  for (size_t i : {kQuery, kPages}) TRY(expect_rank(c, i, 2));
  for (size_t i : {kStarts, kLengths}) TRY(expect_rank(c, i, 1));
  const CacheSizes keys = TRY(cache_sizes(c, kKeys, true));
  const CacheSizes values = TRY(cache_sizes(c, kValues, false));
  s.rows = extent(c, kQuery, 0);
  s.head = keys.size;
  s.v_head = values.size;
  s.kv_heads = TRY(same_extent(c, keys.heads, values.heads, "heads of keys and values"));
  s.pages = TRY(same_extent(c, keys.pages, values.pages, "pages of keys and values"));
  s.page = TRY(same_extent(c, keys.page, values.page, "slots of a page of keys and of values"));
  s.table = extent(c, kPages, 1);
  s.sequences =
      TRY(same_extent(c, extent(c, kLengths, 0), extent(c, kPages, 0), "lengths and pages"));
  const auto starts = extent(c, kStarts, 0).constant(), sequences = s.sequences.constant();
  if (starts && sequences && *starts != *sequences + 1)
    return shape_error(c, std::to_string(*starts) + " starts for " + std::to_string(*sequences) +
                              " sequences, there must be one more");
  TRY(check_heads(c, s));
  TRY(check_scales(c, kKeyScales, kKeys, s));
  TRY(check_scales(c, kValueScales, kValues, s));
  return s;
}

Result<std::vector<Sequence>> sequences_of(const Call& c) {
  const Sizes s = TRY(sizes_of(c));
  const auto starts = c.in(kStarts).as<int64_t>(), lengths = c.in(kLengths).as<int64_t>();
  const int64_t rows = *s.rows.constant(), pages = *s.pages.constant(), page = *s.page.constant(),
                table = *s.table.constant();
  std::vector<Sequence> out(lengths.size());
  int64_t at = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    Sequence& q = out[i];
    if (starts[i] != at || starts[i + 1] < at || starts[i + 1] > rows)
      return value_error(c, "starts must begin with 0, not decrease, and end within " +
                                std::to_string(rows) + " rows");
    q = {at, starts[i + 1] - at, lengths[i],
         c.in(kPages).as<int64_t>().data() + int64_t(i) * table};
    at = starts[i + 1];
    if (q.length < q.rows || q.length > table * page)
      return value_error(c, "a sequence of length " + std::to_string(q.length) + " with " +
                                std::to_string(q.rows) + " rows and room for " +
                                std::to_string(table * page));
    for (int64_t p = 0; p * page < q.length; ++p)
      if (q.pages[p] < 0 || q.pages[p] >= pages)
        return value_error(c,
                           "page " + std::to_string(q.pages[p]) + " of " + std::to_string(pages));
  }
  return out;
}

namespace {

Result<Types> infer(const Infer& c) {
  const Sizes s = TRY(sizes_of(c));
  if (c.integer("window") < 0) return attribute_error(c, "window must not be negative");
  Types types{Type(c.dtype(kQuery), Shape({s.rows, Dim(s.heads) * s.v_head}))};
  TRY(add_quantized(c, types));
  return types;
}

// Each row with half of what it could see, about: how much that is the data tell.
Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  const auto s = sizes_of(c);
  if (!s) return cost;
  const Dim scores = s->rows * Dim(s->heads) * s->table * s->page;
  cost.macs = scores * (s->head + s->v_head);
  cost.flops = cost.macs * Dim(2) + scores * Dim(5);
  return cost;
}

// One head of one slot of the cache, in real numbers.
struct Slot {
  int64_t page, at;
};
void load_head(const Call& c, size_t cache, Slot slot, int64_t head, std::vector<double>& to) {
  const Tensor& t = c.in(cache);
  const bool keys = cache == kKeys;
  const int64_t size = t.shape()[keys ? 2 : 3], page = t.shape()[keys ? 3 : 2];
  double scale = 1;
  if (t.dtype() == DType::i8) {
    const Tensor& scales = c.in(keys ? kKeyScales : kValueScales);
    scale = load_real(scales, (slot.page * page + slot.at) * scales.shape()[1] + head);
  }
  const int64_t base = (slot.page * t.shape()[1] + head) * size * page;
  to.resize(size_t(size));
  for (int64_t d = 0; d < size; ++d)
    to[size_t(d)] = load_real(t, base + (keys ? d * page + slot.at : slot.at * size + d)) * scale;
}

struct Head {
  const Call& c;
  const Sizes& s;
  const Sequence& sequence;
  double scale, cap;
  int64_t window;
};

void attend(const Head& h, int64_t row, int64_t head, Tensor& y) {
  const int64_t size = *h.s.head.constant(), v_size = *h.s.v_head.constant();
  const int64_t shared = head / (h.s.heads / *h.s.kv_heads.constant());
  const int64_t page = *h.s.page.constant();
  const int64_t place = h.sequence.length - h.sequence.rows + (row - h.sequence.first);
  const int64_t begin = h.window > 0 ? std::max<int64_t>(0, place + 1 - h.window) : 0;
  const auto slot = [&](int64_t j) { return Slot{h.sequence.pages[j / page], j % page}; };
  std::vector<double> scores, cached;
  double most = -INFINITY, sum = 0;
  for (int64_t j = begin; j <= place; ++j) {
    load_head(h.c, kKeys, slot(j), shared, cached);
    double dot = 0;
    for (int64_t d = 0; d < size; ++d)
      dot += load_real(h.c.in(kQuery), (row * h.s.heads + head) * size + d) * cached[size_t(d)];
    dot *= h.scale;
    scores.push_back(h.cap > 0 ? h.cap * std::tanh(dot / h.cap) : dot);
    most = std::max(most, scores.back());
  }
  for (double& x : scores) sum += x = std::exp(x - most);
  std::vector<double> mean(size_t(v_size), 0.0);
  for (int64_t j = begin; j <= place; ++j) {
    load_head(h.c, kValues, slot(j), shared, cached);
    for (int64_t d = 0; d < v_size; ++d)
      mean[size_t(d)] += scores[size_t(j - begin)] / sum * cached[size_t(d)];
  }
  for (int64_t d = 0; d < v_size; ++d)
    store_real(y, (row * h.s.heads + head) * v_size + d, mean[size_t(d)]);
}

Status reference(Call& c) {
  const Sizes s = TRY(sizes_of(c));
  const std::vector<Sequence> sequences = TRY(sequences_of(c));
  Tensor& y = *TRY(c.out(0));
  const double scale = c.given("scale")
                           ? c.real("scale")
                           : 1 / std::sqrt(double(std::max<int64_t>(1, *s.head.constant())));
  for (const Sequence& q : sequences)
    for (int64_t row = q.first; row < q.first + q.rows; ++row)
      for (int64_t head = 0; head < s.heads; ++head)
        attend({c, s, q, scale, c.real("softcap"), c.integer("window")}, row, head, y);
  return store_quantized(c);
}

}  // namespace
}  // namespace paged_attention

const OpDef& paged_attention_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "paged_attention",
      .doc =
          "Causal attention of rows [T, H D] of several sequences to their cached keys [pages, G, "
          "D, n] and values [pages, G, n, E]: H / G query heads share a key head. Rows starts[s] "
          "to starts[s + 1] are the last ones of sequence s, which has lengths[s] tokens, these "
          "rows included; token j lies in page table[s, j / n], slot j mod n (Kwon et al. 2023). "
          "A row at position p sees tokens j <= p, of these the last `window` where that is not "
          "0. y = softmax(scale q k^T) v [T, H E]; rows that belong to no sequence give 0. Keys "
          "and values of i8 have scales [pages n, G].",
      .inputs = {{"query", DType::f32},
                 {"keys", paged_attention::kCached},
                 {"values", paged_attention::kCached},
                 {"starts", DType::i64},
                 {"lengths", DType::i64},
                 {"table", DType::i64},
                 {"key_scales", DType::f32, 0, kOptional},
                 {"value_scales", DType::f32, 0, kOptional}},
      .outputs = {{"y", DType::f32}, kQuantizedPorts[0], kQuantizedPorts[1]},
      .attrs = {{"heads", AttrKind::integer, true},
                {"scale", AttrKind::real, false, {}, "by default 1 / sqrt(D)"},
                {"softcap", AttrKind::real, false, 0.0f,
                 "scores become softcap * tanh(score / softcap)"},
                {"window", AttrKind::integer, false, int64_t{0}},
                kQuantizedBlock},
      .infer = paged_attention::infer,
      .cost = paged_attention::cost,
      .reference = paged_attention::reference,
      .examples =
          {R"(graph paged_two(q: f32[4,12], k: f32[3,2,3,4], v: f32[3,2,4,2]) -> (y) {
        y = paged_attention(q, k, v, i64[3]{0, 1, 3}, i64[2]{5, 3}, i64[2,2]{2, 0, 1, 1}) <heads=4>
      })",
           R"(graph paged_window(q: f32[3,8], k: f16[4,2,4,2], v: f16[4,2,2,4]) -> (y) {
        y = paged_attention(q, k, v, i64[2]{0, 3}, i64[1]{7}, i64[1,4]{3, 1, 0, 2}) <heads=2,
          scale=0.5, softcap=3.0, window=3>
      })",
           R"(graph paged_quantized(q: f32[2,8], k: f32[1,1,4,4], v: f32[1,1,4,4]) -> (y, b, s) {
        y, b, s = paged_attention(q, k, v, i64[2]{0, 2}, i64[1]{3}, i64[1,1]{0}) <heads=2,
          quantized_block=4>
      })",
           R"(graph paged_bytes(q: f32[2,8], k: f32[1,1,4,4], v: f32[1,1,4,4], ks: f32[4,1],
                                vs: f32[4,1]) -> (y) {
        kb = cast(mul(k, 100.0)) <to=i8>
        vb = cast(mul(v, 100.0)) <to=i8>
        y = paged_attention(q, kb, vb, i64[2]{0, 2}, i64[1]{4}, i64[1,1]{0}, ks, vs) <heads=2>
      })"},
  };
  return def;
}

}  // namespace hone
