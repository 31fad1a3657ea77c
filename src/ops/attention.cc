// Scaled dot-product attention with masks, grouped heads and carried keys and values.
#include <algorithm>
#include <cmath>

#include "ops/window.h"

namespace hone {
namespace {

enum Input : size_t { kQuery, kKey, kValue, kMask, kPastKey, kPastValue, kValid };

// Extents of a call; those that cannot be told are unknown.
struct Sizes {
  Dim batch, q_heads, kv_heads, queries, keys, past, head, v_head;
  Dim total() const { return past + keys; }
};

// One operand as [batch, heads, length, head], from 4 axes or packed into [batch, length, heads *
// head].
struct Operand {
  Dim batch = Dim::unknown(), heads = Dim::unknown(), length = Dim::unknown(),
      head = Dim::unknown();
};

Result<Operand> operand(const Infer& c, size_t i, std::string_view heads_attribute) {
  Operand out;
  const Shape& shape = c.shape(i);
  if (!shape.ranked) return out;
  if (shape.rank() == 4) {
    out = {shape.dims[0], shape.dims[1], shape.dims[2], shape.dims[3]};
    return out;
  }
  if (shape.rank() != 3)
    return shape_error(
        c, "input " + std::to_string(i) + " must have 3 or 4 axes, has shape " + shape.str());
  if (!c.given(heads_attribute))
    return attribute_error(c, std::string(heads_attribute) + " is needed with 3 axes");
  const int64_t heads = TRY(positive(c, heads_attribute));
  out = {shape.dims[0], heads, shape.dims[1], Dim::unknown()};
  if (auto head = Dim::exact_quotient(shape.dims[2], heads))
    out.head = *head;
  else if (shape.dims[2].is_constant())
    return shape_error(c, shape.dims[2].str() + " channels do not divide into " +
                              std::to_string(heads) + " heads");
  return out;
}

Result<Sizes> sizes_of(const Infer& c) {
  const Operand q = TRY(operand(c, kQuery, "q_num_heads"));
  const Operand k = TRY(operand(c, kKey, "kv_num_heads"));
  const Operand v = TRY(operand(c, kValue, "kv_num_heads"));
  Sizes s;
  s.batch = TRY(same_extent(c, q.batch, k.batch, "batches of query and key"));
  s.q_heads = q.heads;
  s.kv_heads = TRY(same_extent(c, k.heads, v.heads, "heads of key and value"));
  s.queries = q.length;
  s.keys = TRY(same_extent(c, k.length, v.length, "lengths of key and value"));
  s.head = TRY(same_extent(c, q.head, k.head, "head sizes of query and key"));
  s.v_head = v.head;
  s.batch = TRY(same_extent(c, s.batch, v.batch, "batches of query and value"));
  if (c.has(kPastKey) != c.has(kPastValue))
    return shape_error(c, "past_key and past_value belong together");
  if (c.has(kPastKey)) {
    if (c.has(kValid)) return shape_error(c, "nonpad_kv_seqlen excludes past_key");
    for (size_t i : {kPastKey, kPastValue}) {
      TRY(expect_rank(c, i, 4));
      s.batch = TRY(same_extent(c, s.batch, extent(c, i, 0), "batches"));
      s.kv_heads = TRY(same_extent(c, s.kv_heads, extent(c, i, 1), "heads of keys and values"));
    }
    s.past = TRY(same_extent(c, extent(c, kPastKey, 2), extent(c, kPastValue, 2),
                             "lengths of past_key and past_value"));
    s.head = TRY(same_extent(c, s.head, extent(c, kPastKey, 3), "head sizes of keys"));
    s.v_head = TRY(same_extent(c, s.v_head, extent(c, kPastValue, 3), "head sizes of values"));
  }
  const auto nq = s.q_heads.constant(), nk = s.kv_heads.constant();
  if (nq && nk && (*nk == 0 ? *nq != 0 : *nq % *nk != 0))
    return shape_error(
        c, std::to_string(*nq) + " query heads cannot share " + std::to_string(*nk) + " key heads");
  return s;
}

// The mask broadcasts to [batch, heads, queries, m]; what m lacks of all keys is masked.
Status check_mask(const Infer& c, const Sizes& s) {
  if (!c.has(kMask) || !c.shape(kMask).ranked) return ok();
  const Shape& mask = c.shape(kMask);
  if (c.dtype(kMask) != DType::boolean && !kFloats.has(c.dtype(kMask)))
    return fail(ErrorId::type_mismatch, "attention: the mask must be bool or float");
  const Dim* wanted[] = {&s.batch, &s.q_heads, &s.queries};
  if (mask.rank() == 0 || mask.rank() > 4)
    return shape_error(c, "the mask must have 1 to 4 axes, has shape " + mask.str());
  for (size_t i = 0; i + 1 < mask.rank(); ++i)
    if (const Dim& d = mask.dims[i]; !d.is(1))
      TRY(same_extent(c, d, *wanted[i + 4 - mask.rank()], "extents of the mask and the scores"));
  const auto width = mask.dims.back().constant(), total = s.total().constant();
  if (width && total && *width > *total)
    return shape_error(c, "the mask is wider than the " + std::to_string(*total) + " keys");
  return ok();
}

Result<Types> infer(const Infer& c) {
  const Sizes s = TRY(sizes_of(c));
  TRY(check_mask(c, s));
  if (c.has(kValid)) {
    TRY(expect_rank(c, kValid, 1));
    TRY(same_extent(c, extent(c, kValid, 0), s.batch, "the batch and nonpad_kv_seqlen"));
  }
  for (std::string_view side : {"left_window_size", "right_window_size"})
    if (c.integer(side) < -1) return attribute_error(c, std::string(side) + " must be at least -1");
  if (c.integer("qk_matmul_output_mode") < 0 || c.integer("qk_matmul_output_mode") > 3)
    return attribute_error(c, "qk_matmul_output_mode must be 0 to 3");
  if (c.given("softmax_precision") && !kFloats.has(c.dtype_attr("softmax_precision")))
    return attribute_error(c, "softmax_precision must be a float dtype");
  Types types{Type(c.dtype(kQuery), Shape::unranked())};
  const Shape& q = c.shape(kQuery);
  if (q.ranked && q.rank() == 4)
    types[0].tensor.shape = {s.batch, s.q_heads, s.queries, s.v_head};
  else if (q.ranked)
    types[0].tensor.shape = {s.batch, s.queries, s.q_heads * s.v_head};
  types.emplace_back(c.dtype(kKey), Shape({s.batch, s.kv_heads, s.total(), s.head}));
  types.emplace_back(c.dtype(kValue), Shape({s.batch, s.kv_heads, s.total(), s.v_head}));
  types.emplace_back(c.dtype(kQuery), Shape({s.batch, s.q_heads, s.queries, s.total()}));
  types.resize(std::max<size_t>(1, c.outputs()));
  return types;
}

Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  const auto s = sizes_of(c);
  if (!s) return cost;
  const Dim scores = s->batch * s->q_heads * s->queries * s->total();
  cost.macs = scores * (s->head + s->v_head);
  // Scale, mask and the five operations of softmax.
  cost.flops = cost.macs * Dim(2) + scores * Dim(c.has(kMask) ? 7 : 6);
  return cost;
}

// Elements of [batch, heads, length, head], however they are packed.
struct View {
  std::vector<double> values;
  bool packed;
  int64_t heads, length, head;
  const double* row(int64_t b, int64_t h, int64_t i) const {
    const int64_t at = packed ? (b * length + i) * heads + h : (b * heads + h) * length + i;
    return values.data() + at * head;
  }
};

View view(const Call& c, size_t i, const Dim& heads, const Dim& length, const Dim& head) {
  return {reals(c.in(i)), c.in(i).rank() == 3, *heads.constant(), *length.constant(),
          *head.constant()};
}

// Past rows, then new rows, as a tensor of its own.
View joined(const Call& c, size_t past, size_t now, const Sizes& s, const Dim& head) {
  const View fresh = view(c, now, s.kv_heads, s.keys, head);
  const View old = c.has(past) ? view(c, past, s.kv_heads, s.past, head) : View{};
  View out{{}, false, fresh.heads, *s.total().constant(), fresh.head};
  for (int64_t b = 0; b < *s.batch.constant(); ++b)
    for (int64_t h = 0; h < out.heads; ++h)
      for (int64_t i = 0; i < out.length; ++i) {
        const int64_t before = *s.past.constant();
        const double* row = i < before ? old.row(b, h, i) : fresh.row(b, h, i - before);
        out.values.insert(out.values.end(), row, row + out.head);
      }
  return out;
}

// What is added to the scores of one query: 0, the mask's value, or -infinity.
class Bias {
 public:
  Bias(const Call& c, const Sizes& s)
      : c_(c),
        queries_(*s.queries.constant()),
        keys_(*s.total().constant()),
        past_(*s.past.constant()),
        causal_(c.integer("is_causal") != 0),
        left_(c.integer("left_window_size")),
        right_(c.integer("right_window_size")) {
    if (!c.has(kMask)) return;
    const Extents& shape = c.in(kMask).shape();
    width_ = shape.back();
    strides_ = broadcast_strides(
        shape, {*s.batch.constant(), *s.q_heads.constant(), queries_, shape.back()});
  }

  double at(int64_t b, int64_t h, int64_t i, int64_t j) const {
    const int64_t valid = c_.has(kValid) ? load_integer(c_.in(kValid), b) : keys_;
    const int64_t place = i + (c_.has(kValid) ? valid - queries_ : past_);
    if (j >= valid || (causal_ && j > place) || (left_ >= 0 && place - j > left_) ||
        (right_ >= 0 && j - place > right_))
      return -INFINITY;
    if (!c_.has(kMask)) return 0;
    if (j >= width_) return -INFINITY;
    const Tensor& mask = c_.in(kMask);
    const double value = load_real(mask, b * strides_[0] + h * strides_[1] + i * strides_[2] +
                                             (width_ == 1 ? 0 : j * strides_[3]));
    if (mask.dtype() == DType::boolean) return value != 0 ? 0 : -INFINITY;
    return value;
  }

 private:
  const Call& c_;
  int64_t queries_, keys_, past_;
  bool causal_;
  int64_t left_, right_, width_ = 0;
  std::vector<int64_t> strides_;
};

// Softmax of scores + bias; zeros where the bias allows nothing.
void soft(std::vector<double>& scores, const std::vector<double>& bias) {
  const bool masked =
      std::all_of(bias.begin(), bias.end(), [](double v) { return v == -INFINITY; });
  double top = -INFINITY, sum = 0;
  for (double v : scores) top = v > top || std::isnan(v) ? v : top;
  for (double& v : scores) sum += v = masked || top == -INFINITY ? 0 : std::exp(v - top);
  for (double& v : scores) v = sum == 0 ? 0 : v / sum;
}

Status store_view(Call& c, size_t slot, const View& view) {
  if (slot >= c.outputs()) return ok();
  Tensor& out = *TRY(c.out(slot));
  for (int64_t i = 0; i < out.count(); ++i) store_real(out, i, view.values[size_t(i)]);
  return ok();
}

Status reference(Call& c) {
  const Sizes s = TRY(sizes_of(c));
  Tensor& y = *TRY(c.out(0));
  Tensor* scores_out = c.outputs() > 3 ? TRY(c.out(3)) : nullptr;
  if (c.has(kValid))
    for (int64_t n : integers(c.in(kValid)))
      if (n < 0 || n > *s.keys.constant())
        return value_error(
            c, "nonpad_kv_seqlen holds " + std::to_string(n) + " for " + s.keys.str() + " keys");
  const View q = view(c, kQuery, s.q_heads, s.queries, s.head);
  const View k = joined(c, kPastKey, kKey, s, s.head);
  const View v = joined(c, kPastValue, kValue, s, s.v_head);
  TRY(store_view(c, 1, k));
  TRY(store_view(c, 2, v));
  // Sums of nothing are 0, however they are scaled.
  const double scale =
      c.given("scale") ? c.real("scale") : 1 / std::sqrt(double(std::max<int64_t>(1, q.head)));
  const double cap = c.real("softcap");
  const int64_t mode = c.integer("qk_matmul_output_mode");
  const Bias bias(c, s);
  const bool packed = y.rank() == 3;
  std::vector<double> row(size_t(k.length)), added(row.size()), sum(size_t(v.head));
  for (int64_t b = 0; b < *s.batch.constant(); ++b)
    for (int64_t h = 0; h < q.heads; ++h)
      for (int64_t i = 0; i < q.length; ++i) {
        const int64_t shared = h / (q.heads / k.heads);
        auto show = [&](int64_t stage) {
          if (!scores_out || mode != stage) return;
          const int64_t at = ((b * q.heads + h) * q.length + i) * k.length;
          for (int64_t j = 0; j < k.length; ++j) store_real(*scores_out, at + j, row[size_t(j)]);
        };
        const double* query = q.row(b, h, i);
        for (int64_t j = 0; j < k.length; ++j) {
          const double* key = k.row(b, shared, j);
          double dot = 0;
          for (int64_t d = 0; d < q.head; ++d) dot += query[d] * key[d];
          row[size_t(j)] = dot * scale;
          added[size_t(j)] = bias.at(b, h, i, j);
        }
        show(0);
        if (cap > 0)
          for (double& x : row) x = cap * std::tanh(x / cap);
        show(1);
        for (size_t j = 0; j < row.size(); ++j) row[j] += added[j];
        show(2);
        soft(row, added);
        show(3);
        std::fill(sum.begin(), sum.end(), 0.0);
        for (int64_t j = 0; j < v.length; ++j) {
          const double* value = v.row(b, shared, j);
          // A masked value must not spread its NaN or infinity.
          if (row[size_t(j)] == 0 && added[size_t(j)] == -INFINITY) continue;
          for (int64_t d = 0; d < v.head; ++d) sum[size_t(d)] += row[size_t(j)] * value[d];
        }
        const int64_t at =
            packed ? (b * q.length + i) * q.heads + h : (b * q.heads + h) * q.length + i;
        for (int64_t d = 0; d < v.head; ++d) store_real(y, at * v.head + d, sum[size_t(d)]);
      }
  return ok();
}

}  // namespace

const OpDef& attention_op() {
  static constexpr auto kOptional = Port::Presence::optional;
  static const OpDef def{
      .name = "attention",
      .doc =
          "softmax(scale q k^T + mask) v for each head (Vaswani et al. 2017), query [B, H, S, "
          "D], key [B, G, L, D], value [B, G, L, E], or packed [B, S, H D]; H / G query heads "
          "share a key head. Past keys come first. A bool mask keeps, a float mask adds. "
          "nonpad_kv_seqlen [B] counts the keys in use. A row with everything masked gives 0.",
      .inputs = {{"query", kFloats, 'T'},
                 {"key", kFloats, 'T'},
                 {"value", kFloats, 'V'},
                 {"mask", kAny, 0, kOptional},
                 {"past_key", kFloats, 'T', kOptional},
                 {"past_value", kFloats, 'V', kOptional},
                 {"nonpad_kv_seqlen", DType::i64, 0, kOptional}},
      .outputs = {{"y", kFloats, 'T'},
                  {"present_key", kFloats, 'T', kOptional},
                  {"present_value", kFloats, 'V', kOptional},
                  {"qk_matmul_output", kFloats, 'T', kOptional}},
      .attrs = {{"is_causal", AttrKind::integer, false, int64_t{0},
                 "1: query i sees keys up to i + the number of keys before the queries"},
                {"kv_num_heads", AttrKind::integer},
                {"left_window_size", AttrKind::integer, false, int64_t{-1}},
                {"q_num_heads", AttrKind::integer},
                {"qk_matmul_output_mode", AttrKind::integer, false, int64_t{0},
                 "0: scores, 1: after softcap, 2: after the mask, 3: after softmax"},
                {"right_window_size", AttrKind::integer, false, int64_t{-1}},
                {"scale", AttrKind::real, false, {}, "by default 1 / sqrt(D)"},
                {"softcap", AttrKind::real, false, 0.0f,
                 "scores become softcap * tanh(score / softcap)"},
                {"softmax_precision", AttrKind::dtype}},
      .infer = infer,
      .cost = cost,
      .reference = reference,
      .examples = {R"(graph attention_heads(q: f32[2,4,3,8], k: f32[2,2,5,8],
                                            v: f32[2,2,5,6]) -> (y) {
        y = attention(q, k, v) <softcap=2.0>
      })",
                   R"(graph attention_cached(q: f32[1,2,8], k: f32[1,2,8], v: f32[1,2,8],
                                             m: f32[2,5], pk: f32[1,2,3,4],
                                             pv: f32[1,2,3,4]) -> (y, nk, nv, s) {
        y, nk, nv, s = attention(q, k, v, m, pk, pv) <is_causal=1, kv_num_heads=2,
                                                      q_num_heads=2, qk_matmul_output_mode=3>
      })",
                   R"(graph attention_window(q: f32[2,1,2,4], k: f32[2,1,6,4],
                                             v: f32[2,1,6,4]) -> (y) {
        y = attention(q, k, v, _, _, _, i64[2]{4, 6}) <left_window_size=2, scale=0.3>
      })"},
  };
  return def;
}

}  // namespace hone
