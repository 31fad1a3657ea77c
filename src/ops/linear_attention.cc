// Attention by a recurrent state instead of a softmax over all keys.
#include <algorithm>
#include <cmath>

#include "ops/window.h"

namespace hone {
namespace {

enum Input : size_t { kQuery, kKey, kValue, kPast, kDecay, kBeta };

struct Sizes {
  Dim batch, steps, key, value;  // key and value: elements of one head
  int64_t q_heads, kv_heads;
};

Result<Dim> per_head(const Infer& c, size_t i, int64_t heads) {
  const Dim all = extent(c, i, 2);
  if (auto head = Dim::exact_quotient(all, heads)) return *head;
  if (all.is_constant())
    return shape_error(
        c, all.str() + " channels do not divide into " + std::to_string(heads) + " heads");
  return Dim::unknown();
}

Result<Sizes> sizes_of(const Infer& c) {
  const int64_t q_heads = TRY(positive(c, "q_num_heads"));
  const int64_t kv_heads = TRY(positive(c, "kv_num_heads"));
  Sizes s{.batch = Dim::unknown(),
          .steps = Dim::unknown(),
          .key = Dim::unknown(),
          .value = Dim::unknown(),
          .q_heads = q_heads,
          .kv_heads = kv_heads};
  if (s.q_heads % s.kv_heads != 0)
    return attribute_error(c, std::to_string(s.q_heads) + " query heads cannot share " +
                                  std::to_string(s.kv_heads) + " key heads");
  for (size_t i : {kQuery, kKey, kValue, kDecay, kBeta}) {
    if (!c.has(i)) continue;
    TRY(expect_rank(c, i, 3));
    s.batch = TRY(same_extent(c, s.batch, extent(c, i, 0), "batches"));
    s.steps = TRY(same_extent(c, s.steps, extent(c, i, 1), "steps"));
  }
  s.key = TRY(same_extent(c, TRY(per_head(c, kQuery, s.q_heads)),
                          TRY(per_head(c, kKey, s.kv_heads)), "head sizes of query and key"));
  s.value = TRY(per_head(c, kValue, s.kv_heads));
  if (c.has(kPast)) {
    TRY(expect_rank(c, kPast, 4));
    s.batch = TRY(same_extent(c, s.batch, extent(c, kPast, 0), "batches"));
    TRY(same_extent(c, Dim(s.kv_heads), extent(c, kPast, 1), "heads of the state"));
    s.key = TRY(same_extent(c, s.key, extent(c, kPast, 2), "key sizes of the state"));
    s.value = TRY(same_extent(c, s.value, extent(c, kPast, 3), "value sizes of the state"));
  }
  return s;
}

Result<Types> infer(const Infer& c) {
  const std::string& rule = c.text("update_rule");
  if (rule != "linear" && rule != "gated" && rule != "delta" && rule != "gated_delta")
    return attribute_error(c, "update_rule cannot be \"" + rule + "\"");
  if (c.has(kDecay) != rule.starts_with("gated") || c.has(kBeta) != rule.ends_with("delta"))
    return shape_error(c, "update_rule \"" + rule +
                              "\" has other inputs: decay belongs to the "
                              "gated rules, beta to the delta rules");
  const Sizes s = TRY(sizes_of(c));
  const Dim heads = s.kv_heads;
  if (const Dim decay = extent(c, kDecay, 2); !(decay == heads))
    TRY(same_extent(c, decay, heads * s.key, "channels of decay"));
  if (const Dim beta = extent(c, kBeta, 2); !beta.is(1))
    TRY(same_extent(c, beta, heads, "channels of beta"));
  Types types{Type(c.dtype(kQuery), Shape({s.batch, s.steps, Dim(s.q_heads) * s.value}))};
  if (c.outputs() > 1)
    types.emplace_back(c.has(kPast) ? c.dtype(kPast) : c.dtype(kQuery),
                       Shape({s.batch, heads, s.key, s.value}));
  return types;
}

Status reference(Call& c) {
  const Sizes s = TRY(sizes_of(c));
  Tensor& y = *TRY(c.out(0));
  Tensor* present = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
  const int64_t batch = *s.batch.constant(), steps = *s.steps.constant();
  const int64_t n = *s.key.constant(), m = *s.value.constant();
  const int64_t group = s.q_heads / s.kv_heads;
  const std::vector<double> q = reals(c.in(kQuery)), k = reals(c.in(kKey)), v = reals(c.in(kValue));
  const double scale = c.real("scale") != 0 ? c.real("scale") : 1 / std::sqrt(double(n));
  const int64_t decays = c.has(kDecay) ? c.in(kDecay).shape()[2] : 0;
  const int64_t betas = c.has(kBeta) ? c.in(kBeta).shape()[2] : 0;
  std::vector<double> state(size_t(n * m)), update(size_t(m), 0.0);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < s.kv_heads; ++h) {
      const int64_t base = (b * s.kv_heads + h) * n * m;
      for (int64_t i = 0; i < n * m; ++i)
        state[size_t(i)] = c.has(kPast) ? load_real(c.in(kPast), base + i) : 0;
      for (int64_t t = 0; t < steps; ++t) {
        const int64_t at = b * steps + t;
        const double* key = k.data() + (at * s.kv_heads + h) * n;
        const double* value = v.data() + (at * s.kv_heads + h) * m;
        for (int64_t i = 0; decays > 0 && i < n; ++i) {
          const int64_t from = decays == s.kv_heads ? h : h * n + i;
          const double keep = std::exp(load_real(c.in(kDecay), at * decays + from));
          for (int64_t j = 0; j < m; ++j) state[size_t(i * m + j)] *= keep;
        }
        for (int64_t j = 0; j < m; ++j) {
          update[size_t(j)] = value[j];
          if (betas == 0) continue;
          double held = 0;
          for (int64_t i = 0; i < n; ++i) held += state[size_t(i * m + j)] * key[i];
          update[size_t(j)] =
              load_real(c.in(kBeta), at * betas + (betas == 1 ? 0 : h)) * (value[j] - held);
        }
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j < m; ++j) state[size_t(i * m + j)] += key[i] * update[size_t(j)];
        for (int64_t head = h * group; head < (h + 1) * group; ++head)
          for (int64_t j = 0; j < m; ++j) {
            double sum = 0;
            for (int64_t i = 0; i < n; ++i)
              sum += q[size_t((at * s.q_heads + head) * n + i)] * state[size_t(i * m + j)];
            store_real(y, (at * s.q_heads + head) * m + j, scale * sum);
          }
      }
      for (int64_t i = 0; present && i < n * m; ++i)
        store_real(*present, base + i, state[size_t(i)]);
    }
  return ok();
}

}  // namespace

const OpDef& linear_attention_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "linear_attention",
      .doc =
          "For each step S = exp(decay) S + k (x) u and y = scale q^T S, where u = v, or by "
          "the delta rules u = beta (v - (exp(decay) S)^T k) (Yang et al. 2024). query [B, T, "
          "Hq dk], key [B, T, H dk], value [B, T, H dv], S [B, H, dk, dv], decay [B, T, H] or "
          "[B, T, H dk], beta [B, T, H] or [B, T, 1].",
      .inputs = {{"query", kFloats, 'T'},
                 {"key", kFloats, 'T'},
                 {"value", kFloats, 'T'},
                 {"past_state", kFloats, 'S', kOptional},
                 {"decay", kFloats, 'T', kOptional},
                 {"beta", kFloats, 'T', kOptional}},
      .outputs = {{"y", kFloats, 'T'}, {"present_state", kFloats, 'S', kOptional}},
      .attrs = {{"chunk_size", AttrKind::integer, false, int64_t{64}, "a hint for speed"},
                {"kv_num_heads", AttrKind::integer, true},
                {"q_num_heads", AttrKind::integer, true},
                {"scale", AttrKind::real, false, 0.0f, "0: 1 / sqrt(dk)"},
                {"update_rule", AttrKind::text, false, "gated_delta",
                 "\"linear\", \"gated\", \"delta\" or \"gated_delta\""}},
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            const auto s = sizes_of(c);
            if (!s) return cost;
            const Dim cell = s->batch * s->steps * s->key * s->value;
            cost.macs = cell * (Dim(s->kv_heads) * Dim(c.has(kBeta) ? 2 : 1) + Dim(s->q_heads));
            cost.flops = cost.macs * Dim(2);
            if (c.has(kDecay)) cost.flops = cost.flops + cell * Dim(s->kv_heads);
            return cost;
          },
      .reference = reference,
      .examples = {R"(graph linear_attention_delta(q: f32[2,3,16], k: f32[2,3,8], v: f32[2,3,6],
                                                   s: f32[2,2,4,3], d: f32[2,3,2],
                                                   b: f32[2,3,2]) -> (y, n) {
        y, n = linear_attention(q, k, v, s, d, b) <kv_num_heads=2, q_num_heads=4>
      })",
                   R"(graph linear_attention_plain(q: f32[1,3,8], k: f32[1,3,8],
                                                   v: f32[1,3,6]) -> (y) {
        y = linear_attention(q, k, v) <kv_num_heads=2, q_num_heads=2, update_rule="linear">
      })"},
  };
  return def;
}

}  // namespace hone
