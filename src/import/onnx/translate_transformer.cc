// ONNX and com.microsoft operators of the family "transformer".
#include <cmath>

#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Outputs = Result<std::vector<ValueId>>;
using Emitted = Result<ValueId>;

Outputs one(ValueId value) { return std::vector<ValueId>{value}; }

const TensorType& tensor(NodeContext& c, ValueId value) { return c.type_of(value).tensor; }

// A copy: types move when nodes are added.
Shape shape_of(NodeContext& c, ValueId value) { return tensor(c, value).shape; }

// Extent `axis` of a value: i64[1].
Emitted extent(NodeContext& c, ValueId value, int64_t axis) {
  return c.emit1("shape", {value}, {{"start", axis}, {"end", axis + 1}});
}

// Extent `axis`, where it must be a number.
Result<int64_t> known_extent(NodeContext& c, ValueId value, size_t axis, std::string_view what) {
  const Shape shape = shape_of(c, value);
  if (shape.ranked && axis < shape.rank())
    if (const auto n = shape.dims[axis].constant()) return *n;
  return c.unsupported(std::string(what) + " is not known");
}

Result<size_t> known_rank(NodeContext& c, size_t input, std::string_view what) {
  const Shape shape = shape_of(c, c.input(input));
  if (!shape.ranked)
    return c.unsupported("the number of axes of " + std::string(what) + " is not known");
  return shape.rank();
}

// 0, 1 … n - 1 in i64, where n is i64[1].
Emitted count_up(NodeContext& c, ValueId n) {
  Builder& b = c.builder();
  const ValueId limit = TRY(c.emit1("squeeze", {n}));
  const ValueId zero = TRY(b.scalar(DType::i64, 0)), step = TRY(b.scalar(DType::i64, 1));
  return c.emit1("range", {zero, limit, step});
}

Emitted unsqueezed(NodeContext& c, ValueId value, const Integers& axes) {
  return c.emit1("unsqueeze", {value, c.builder().integers(axes)});
}

Emitted cast(NodeContext& c, ValueId value, DType dtype) {
  if (tensor(c, value).dtype == dtype) return value;
  return c.emit1("cast", {value}, {{"to", dtype}});
}

// Optional additions: `value` alone where `other` is absent.
Emitted plus(NodeContext& c, ValueId value, ValueId other) {
  if (!value.valid()) return other;
  return other.valid() ? c.emit1("add", {value, other}) : Emitted(value);
}

Status refuse(NodeContext& c, size_t input, std::string_view name) {
  return c.has_input(input) ? Status(c.unsupported("input " + std::string(name))) : ok();
}

// An integer attribute that may only have its default.
Status only(NodeContext& c, std::string_view name, int64_t value) {
  if (TRY(c.integer(name, value)) == value) return ok();
  return c.unsupported("attribute " + std::string(name));
}

// --- ai.onnx.preview -----------------------------------------------------------------------------

// Key or value [B, G, L, D] for H query heads: [B, H, L, D], each head repeated H / G times.
Emitted repeated(NodeContext& c, ValueId value, int64_t heads, int64_t kv_heads) {
  if (heads == kv_heads) return value;
  Builder& b = c.builder();
  const ValueId apart = TRY(unsqueezed(c, value, {2}));
  const ValueId wide = TRY(c.emit1("expand", {apart, b.integers({1, 1, heads / kv_heads, 1, 1})}));
  const ValueId batch = TRY(extent(c, value, 0));
  const ValueId length = TRY(extent(c, value, 2)), width = TRY(extent(c, value, 3));
  const ValueId extents =
      TRY(c.emit1("concat", {batch, b.integers({heads}), length, width}, {{"axis", int64_t{0}}}));
  return c.emit1("reshape", {wide, extents});
}

// The value that the graph of attribute `name` makes of x; x where there is none.
Emitted modified(NodeContext& c, std::string_view name, ValueId x) {
  if (!c.has(name)) return x;
  const Type type = c.type_of(x);
  const NodeContext::Nested nested = TRY(c.nested(name, {type}));
  if (nested.formal_inputs != 1 || nested.outputs.size() != 1)
    return c.unsupported(std::string(name) + " must have one input and one output");
  const ValueId always = TRY(c.builder().scalar(DType::boolean, 1));
  std::vector<ValueId> inputs = {always, x};
  inputs.insert(inputs.end(), nested.captures.begin(), nested.captures.end());
  return c.emit1("if", inputs, {{"then", nested.graph}, {"else", nested.graph}});
}

Outputs flex_attention(NodeContext& c) {
  for (size_t i = 0; i < 3; ++i)
    if (TRY(known_rank(c, i, "query, key and value")) != 4)
      return c.unsupported("query, key and value must have 4 axes");
  const int64_t heads = TRY(known_extent(c, c.input(0), 1, "the number of query heads"));
  const int64_t kv_heads = TRY(known_extent(c, c.input(1), 1, "the number of key heads"));
  const int64_t head = TRY(known_extent(c, c.input(0), 3, "the head size"));
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0 || head < 1)
    return c.unsupported("query heads cannot share key heads");
  const DType dtype = tensor(c, c.input(0)).dtype;
  const DType inner =
      TRY(c.dtype("softmax_precision", dtype == DType::f64 ? DType::f64 : DType::f32));
  const float scale = TRY(c.real("scale", float(1 / std::sqrt(double(head)))));
  const ValueId key = TRY(repeated(c, c.input(1), heads, kv_heads));
  const ValueId value = TRY(repeated(c, c.input(2), heads, kv_heads));
  const ValueId turned = TRY(c.emit1("transpose", {key}, {{"perm", Integers{0, 1, 3, 2}}}));
  const ValueId left = TRY(cast(c, c.input(0), inner)), right = TRY(cast(c, turned, inner));
  const ValueId products = TRY(c.emit1("matmul", {left, right}));
  const ValueId factor = TRY(c.builder().scalar(inner, scale));
  ValueId scores = TRY(c.emit1("mul", {products, factor}));
  scores = TRY(modified(c, "score_mod", scores));
  ValueId probabilities = TRY(c.emit1("softmax", {scores}));
  probabilities = TRY(modified(c, "prob_mod", probabilities));
  const ValueId weighted = TRY(cast(c, value, inner));
  const ValueId y = TRY(c.emit1("matmul", {probabilities, weighted}));
  return one(TRY(cast(c, y, dtype)));
}

// --- com.microsoft: products and activations -----------------------------------------------------

// Exchanges the last two axes, or moves axis -2 to the front (`batch`), or both.
Emitted turned(NodeContext& c, ValueId value, bool transpose, bool batch) {
  if (!transpose && !batch) return value;
  const Shape shape = shape_of(c, value);
  if (!shape.ranked) return c.unsupported("transposing an operand with unknown axes");
  const int64_t rank = int64_t(shape.rank());
  if (rank < 2) return value;
  // [batch..., rows, columns]; with `batch` the rows are stored first.
  Integers perm;
  if (!batch) {
    for (int64_t i = 0; i < rank; ++i) perm.push_back(i);
  } else {
    for (int64_t i = 1; i + 1 < rank; ++i) perm.push_back(i);
    perm.push_back(0);
    perm.push_back(rank - 1);
  }
  if (transpose) std::swap(perm[size_t(rank) - 2], perm[size_t(rank) - 1]);
  return c.emit1("transpose", {value}, {{"perm", perm}});
}

Outputs fused_matmul(NodeContext& c) {
  const bool ta = TRY(c.integer("transA", 0)) != 0, tb = TRY(c.integer("transB", 0)) != 0;
  const bool ba = TRY(c.integer("transBatchA", 0)) != 0;
  const bool bb = TRY(c.integer("transBatchB", 0)) != 0;
  const float alpha = TRY(c.real("alpha", 1.0f));
  const ValueId a = TRY(turned(c, c.input(0), ta, ba)), b = TRY(turned(c, c.input(1), tb, bb));
  const ValueId y = TRY(c.emit1("matmul", {a, b}));
  if (alpha == 1) return one(y);
  const ValueId factor = TRY(c.builder().scalar(tensor(c, y).dtype, alpha));
  return one(TRY(c.emit1("mul", {y, factor})));
}

template <bool tanh>
Outputs gelu(NodeContext& c) {
  const ValueId x = TRY(plus(c, c.input(0), c.input(1)));
  return one(TRY(c.emit1("gelu", {x}, {{"approximate", std::string(tanh ? "tanh" : "none")}})));
}

Outputs quick_gelu(NodeContext& c) {
  const float alpha = TRY(c.real("alpha", 1.702f));
  return one(TRY(c.emit1("swish", {c.input(0)}, {{"alpha", alpha}})));
}

// The activation of FusedConv and FusedGemm; parameters by name.
Emitted activated(NodeContext& c, ValueId x) {
  const std::string name = TRY(c.text("activation", ""));
  if (name.empty()) return x;
  if (name == "Relu") return c.emit1("relu", {x});
  if (name == "Tanh") return c.emit1("tanh", {x});
  if (name == "Sigmoid") return c.emit1("sigmoid", {x});
  if (name == "LeakyRelu") {
    if (c.has("leaky_relu_alpha")) {
      const float alpha = TRY(c.real("leaky_relu_alpha"));
      return c.emit1("leaky_relu", {x}, {{"alpha", alpha}});
    }
    const Reals p = TRY(c.reals("activation_params", Reals{0.01f}));
    if (p.size() == 1) return c.emit1("leaky_relu", {x}, {{"alpha", p[0]}});
  }
  const Reals p = TRY(c.reals("activation_params", Reals{}));
  if (name == "HardSigmoid" && p.size() == 2)
    return c.emit1("hard_sigmoid", {x}, {{"alpha", p[0]}, {"beta", p[1]}});
  if (name == "Clip" && p.size() == 2) {
    Builder& b = c.builder();
    const DType dtype = tensor(c, x).dtype;
    const ValueId low = TRY(b.scalar(dtype, p[0])), high = TRY(b.scalar(dtype, p[1]));
    return c.emit1("clip", {x, low, high});
  }
  return c.unsupported("activation \"" + name + "\"");
}

// X, W, B, Z: Z is added before the activation.
Outputs fused_conv(NodeContext& c) {
  Builder::Given given;
  given.emplace_back("auto_pad", TRY(c.text("auto_pad", "NOTSET")));
  given.emplace_back("group", TRY(c.integer("group", 1)));
  for (const char* list : {"dilations", "kernel_shape", "pads", "strides"})
    if (c.has(list)) given.emplace_back(list, TRY(c.integers(list)));
  const ValueId y = TRY(c.emit1("conv", {c.input(0), c.input(1), c.input(2)}, std::move(given)));
  return one(TRY(activated(c, TRY(plus(c, y, c.input(3))))));
}

Outputs fused_gemm(NodeContext& c) {
  Builder::Given given = TRY(gemm_attributes(c));
  const ValueId y = TRY(c.emit1("gemm", c.inputs(), std::move(given)));
  return one(TRY(activated(c, y)));
}

// --- com.microsoft: normalization ----------------------------------------------------------------

Outputs simplified_layer_normalization(NodeContext& c) {
  const int64_t axis = TRY(c.integer("axis", -1)), stash = TRY(c.integer("stash_type", 1));
  const float epsilon = TRY(c.real("epsilon", 1e-5f));
  return one(TRY(c.emit1("rms_normalization", {c.input(0), c.input(1)},
                         {{"axis", axis}, {"epsilon", epsilon}, {"stash_type", stash}})));
}

// input, skip, gamma, [beta,] bias: gives the normalized sum, mean, inverse deviation, the sum.
template <bool simplified>
Outputs skip_layer_normalization(NodeContext& c) {
  const float epsilon = TRY(c.real("epsilon", 1e-12f));
  const ValueId sum =
      TRY(plus(c, TRY(c.emit1("add", {c.input(0), c.input(1)})), c.input(simplified ? 3 : 4)));
  if (simplified) {
    const ValueId y = TRY(c.emit1("rms_normalization", {sum, c.input(2)}, {{"epsilon", epsilon}}));
    return std::vector<ValueId>{y, {}, {}, sum};
  }
  auto outputs =
      TRY(c.emit("layer_normalization", {sum, c.input(2), c.input(3)}, {{"epsilon", epsilon}}, 3));
  outputs.push_back(sum);
  return outputs;
}

// input_ids, segment_ids, word, position and segment embeddings, gamma, beta, mask, position_ids:
// gives the normalized sum, the number of tokens that the mask keeps, the sum.
Outputs embed_layer_normalization(NodeContext& c) {
  const float epsilon = TRY(c.real("epsilon", 1e-12f));
  TRY(only(c, "mask_index_type", 0));
  const ValueId ids = c.input(0);
  const ValueId words = TRY(c.emit1("gather", {c.input(2), ids}));
  const ValueId places = c.has_input(8) ? c.input(8) : TRY(count_up(c, TRY(extent(c, ids, 1))));
  const ValueId placed = TRY(c.emit1("gather", {c.input(3), places}));
  ValueId sum = TRY(c.emit1("add", {words, placed}));
  if (c.has_input(1) && c.has_input(4)) {
    const ValueId segments = TRY(c.emit1("gather", {c.input(4), c.input(1)}));
    sum = TRY(c.emit1("add", {sum, segments}));
  }
  const ValueId y =
      TRY(c.emit1("layer_normalization", {sum, c.input(5), c.input(6)}, {{"epsilon", epsilon}}));
  Builder& b = c.builder();
  ValueId kept;
  if (c.has_input(7)) {
    kept = TRY(c.emit1("reduce_sum", {c.input(7), b.integers({1})}, {{"keepdims", int64_t{0}}}));
  } else {
    const ValueId zero = TRY(b.scalar(DType::i32, 0)), batch = TRY(extent(c, ids, 0));
    kept = TRY(c.emit1("expand", {zero, batch}));
  }
  return std::vector<ValueId>{y, kept, sum};
}

// --- com.microsoft: attention --------------------------------------------------------------------

// input, position_ids, cos_cache, sin_cache. One position is that of the first step.
Outputs rotary_embedding(NodeContext& c) {
  TRY(only(c, "is_packed_batching", 0));
  if (TRY(c.real("scale", 1.0f)) != 1) return c.unsupported("attribute scale");
  const size_t rank = TRY(known_rank(c, 0, "the input"));
  const ValueId x = c.input(0);
  int64_t heads = TRY(c.integer("num_heads", 0));
  const int64_t part = TRY(c.integer("rotary_embedding_dim", 0));
  if (rank == 3 && heads == 0) {
    const int64_t hidden = TRY(known_extent(c, x, 2, "the hidden size"));
    const int64_t half = TRY(known_extent(c, c.input(2), 1, "the width of the cache"));
    if (half < 1 || half > hidden || hidden % (2 * half) != 0)
      return c.unsupported("the caches do not fit the hidden size");
    heads = hidden / (2 * half);
  }
  ValueId places = c.input(1);
  if (TRY(known_rank(c, 1, "the positions")) == 1) {
    const ValueId steps = TRY(extent(c, x, rank == 4 ? 2 : 1));
    const ValueId counted = TRY(count_up(c, steps)), batch = TRY(extent(c, x, 0));
    const ValueId row = TRY(c.emit1("add", {places, counted}));
    const ValueId size = TRY(c.emit1("concat", {batch, steps}, {{"axis", int64_t{0}}}));
    places = TRY(c.emit1("expand", {row, size}));
  }
  const int64_t interleaved = TRY(c.integer("interleaved", 0));
  return one(TRY(c.emit1(
      "rotary_embedding", {x, c.input(2), c.input(3), places},
      {{"interleaved", interleaved}, {"num_heads", heads}, {"rotary_embedding_dim", part}})));
}

// What a mask of 0 and 1 adds to scores [B, H, S, T]: [B, T], [B, S, T], or the number of keys in
// use [B]. `total` is T as i64[1].
Emitted filter(NodeContext& c, size_t input, ValueId batch_of, ValueId total, float value) {
  if (!c.has_input(input)) return ValueId{};
  const size_t rank = TRY(known_rank(c, input, "the mask"));
  Builder& b = c.builder();
  ValueId mask = c.input(input);
  const DType dtype = tensor(c, batch_of).dtype;
  ValueId keep;
  if (rank == 1) {
    const Shape whole = shape_of(c, batch_of), own = shape_of(c, mask);
    if (!whole.ranked || own.dims[0].is_unknown() || !(own.dims[0] == whole.dims[0]))
      return c.unsupported("a mask of start and end positions");
    const ValueId keys = TRY(count_up(c, total));
    const ValueId used = TRY(unsqueezed(c, TRY(cast(c, mask, DType::i64)), {1, 2, 3}));
    const ValueId counted = TRY(unsqueezed(c, keys, {0, 1, 2}));
    keep = TRY(c.emit1("less", {counted, used}));
  } else if (rank == 2 || rank == 3) {
    mask = TRY(unsqueezed(c, mask, rank == 2 ? Integers{1, 2} : Integers{1}));
    const ValueId zero = TRY(b.scalar(tensor(c, mask).dtype, 0));
    keep = TRY(c.emit1("greater", {mask, zero}));
  } else {
    return c.unsupported("a mask with " + std::to_string(rank) + " axes");
  }
  const ValueId zero = TRY(b.scalar(dtype, 0)), penalty = TRY(b.scalar(dtype, value));
  return c.emit1("where", {keep, zero, penalty});
}

// Attributes that Attention and MultiHeadAttention share.
Result<Builder::Given> attention_attributes(NodeContext& c) {
  const int64_t heads = TRY(c.integer("num_heads"));
  const int64_t causal = TRY(c.integer("unidirectional", 0));
  Builder::Given given = {{"q_num_heads", heads}, {"kv_num_heads", heads}, {"is_causal", causal}};
  if (const float scale = TRY(c.real("scale", 0.0f)); scale != 0)
    given.emplace_back("scale", scale);
  return given;
}

Emitted total_length(NodeContext& c, ValueId fresh, int64_t fresh_axis, ValueId past) {
  const ValueId now = TRY(extent(c, fresh, fresh_axis));
  if (!past.valid()) return now;
  const ValueId before = TRY(extent(c, past, 2));
  return c.emit1("add", {before, now});
}

// input, weights, bias, mask_index, past, attention_bias.
Outputs attention(NodeContext& c) {
  TRY(only(c, "do_rotary", 0));
  TRY(only(c, "past_present_share_buffer", 0));
  c.ignore("rotary_embedding_dim");
  TRY(refuse(c, 6, "past_sequence_length"));
  const float masked = TRY(c.real("mask_filter_value", -10000.0f));
  Builder::Given given = TRY(attention_attributes(c));
  Builder& b = c.builder();
  Integers sizes = TRY(c.integers("qkv_hidden_sizes", Integers{}));
  const int64_t width = TRY(known_extent(c, c.input(1), 1, "the width of the weights"));
  if (sizes.empty()) sizes = {width / 3, width / 3, width - 2 * (width / 3)};
  if (sizes.size() != 3) return c.unsupported("qkv_hidden_sizes must have three elements");
  const ValueId projected =
      TRY(plus(c, TRY(c.emit1("matmul", {c.input(0), c.input(1)})), c.input(2)));
  const auto qkv = TRY(c.emit("split", {projected, b.integers(sizes)}, {{"axis", int64_t{2}}}, 3));
  std::vector<ValueId> past(2);
  if (c.has_input(4)) {
    const auto halves = TRY(c.emit("split", {c.input(4)}, {{"num_outputs", int64_t{2}}}, 2));
    for (size_t i = 0; i < 2; ++i) past[i] = TRY(c.emit1("squeeze", {halves[i], b.integers({0})}));
  }
  const ValueId total = TRY(total_length(c, qkv[1], 1, past[0]));
  const ValueId mask = TRY(plus(c, TRY(filter(c, 3, c.input(0), total, masked)), c.input(5)));
  const bool present = c.output_count() > 1;
  const auto y = TRY(c.emit("attention", {qkv[0], qkv[1], qkv[2], mask, past[0], past[1]},
                            std::move(given), present ? 3 : 1));
  if (!present) return one(y[0]);
  const ValueId keys = TRY(unsqueezed(c, y[1], {0})), values = TRY(unsqueezed(c, y[2], {0}));
  const ValueId both = TRY(c.emit1("concat", {keys, values}, {{"axis", int64_t{0}}}));
  return std::vector<ValueId>{y[0], both};
}

// query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value.
Outputs multi_head_attention(NodeContext& c) {
  if (!c.has_input(1) || !c.has_input(2)) return c.unsupported("packed query, key and value");
  TRY(refuse(c, 8, "past_sequence_length"));
  TRY(refuse(c, 9, "cache_indirection"));
  const float masked = TRY(c.real("mask_filter_value", -10000.0f));
  Builder::Given given = TRY(attention_attributes(c));
  if (TRY(known_rank(c, 0, "the query")) != 3) return c.unsupported("packed query and key");
  const size_t key_rank = TRY(known_rank(c, 1, "the key"));
  if (key_rank != 3 && key_rank != 4) return c.unsupported("packed key and value");
  ValueId operands[] = {c.input(0), c.input(1), c.input(2)};
  Builder& b = c.builder();
  if (c.has_input(3)) {
    if (key_rank != 3) return c.unsupported("a bias with a key of 4 axes");
    Integers sizes;
    for (ValueId operand : operands)
      sizes.push_back(TRY(known_extent(c, operand, 2, "the hidden size")));
    const auto parts = TRY(c.emit("split", {c.input(3), b.integers(sizes)}, {}, 3));
    for (size_t i = 0; i < 3; ++i) operands[i] = TRY(c.emit1("add", {operands[i], parts[i]}));
  }
  const ValueId total = TRY(total_length(c, operands[1], key_rank == 4 ? 2 : 1, c.input(6)));
  const ValueId mask = TRY(plus(c, TRY(filter(c, 4, c.input(0), total, masked)), c.input(5)));
  return c.emit("attention", {operands[0], operands[1], operands[2], mask, c.input(6), c.input(7)},
                std::move(given), std::min<size_t>(3, c.output_count()));
}

struct GroupedQuery {
  int64_t heads = 0, kv_heads = 0;
  ValueId query, key, value;  // packed [B, S, heads * head]
  ValueId steps;              // S, i64[1]
  ValueId past_lengths;       // [B]: keys in use before this call
};

// Query, key and value, which may come packed into one.
Result<GroupedQuery> grouped_query(NodeContext& c) {
  GroupedQuery g;
  g.heads = TRY(c.integer("num_heads"));
  g.kv_heads = TRY(c.integer("kv_num_heads"));
  g.query = c.input(0);
  g.key = c.input(1);
  g.value = c.input(2);
  if (g.heads < 1 || g.kv_heads < 1 || g.heads > INT32_MAX || g.kv_heads > INT32_MAX)
    return c.unsupported("num_heads out of range");
  Builder& b = c.builder();
  if (!g.key.valid()) {
    const int64_t width = TRY(known_extent(c, g.query, 2, "the hidden size"));
    const int64_t head = width / (g.heads + 2 * g.kv_heads);
    const auto parts = TRY(c.emit(
        "split", {g.query, b.integers({head * g.heads, head * g.kv_heads, head * g.kv_heads})},
        {{"axis", int64_t{2}}}, 3));
    g.query = parts[0];
    g.key = parts[1];
    g.value = parts[2];
  }
  g.steps = TRY(extent(c, g.query, 1));
  // seqlens_k is the number of keys after this call, less one; with a first prompt it may be less
  // than its padded length.
  const ValueId last = TRY(cast(c, c.input(5), DType::i64));
  const ValueId one_more = TRY(c.emit1("add", {last, b.integers({1})}));
  const ValueId before = TRY(c.emit1("sub", {one_more, g.steps}));
  g.past_lengths = TRY(c.emit1("max", {before, b.integers({0})}));
  return g;
}

// A tensor of 4 axes with `amount` (i64[1]) zeros after axis `axis`, 2 or 3.
Emitted widened(NodeContext& c, ValueId value, ValueId amount, int64_t axis) {
  Builder& b = c.builder();
  std::vector<ValueId> pads = {b.integers(Integers(size_t(4 + axis), 0)), amount};
  if (axis == 2) pads.push_back(b.integers({0}));
  const ValueId whole = TRY(c.emit1("concat", pads, {{"axis", int64_t{0}}}));
  return c.emit1("pad", {value, whole});
}

// The cache after this call: new rows [B, S, G * D] behind those in use of past [B, G, P, D].
Emitted updated_cache(NodeContext& c, const GroupedQuery& g, ValueId fresh, ValueId past) {
  Builder& b = c.builder();
  const ValueId apart = TRY(c.emit1("reshape", {fresh, b.integers({0, 0, g.kv_heads, -1})}));
  const ValueId rows = TRY(c.emit1("transpose", {apart}, {{"perm", Integers{0, 2, 1, 3}}}));
  if (!past.valid()) return rows;
  // The cache grows to the total length where it is shorter.
  const ValueId wanted = TRY(cast(c, c.input(6), DType::i64));
  const ValueId total = TRY(c.emit1("reshape", {wanted, b.integers({1})}));
  const ValueId held = TRY(extent(c, past, 2));
  const ValueId lacking = TRY(c.emit1("sub", {total, held}));
  const ValueId grown = TRY(widened(c, past, TRY(c.emit1("max", {lacking, b.integers({0})})), 2));
  return c.emit1("tensor_scatter", {grown, rows, g.past_lengths}, {{"axis", int64_t{-2}}});
}

// query, key, value, past_key, past_value, seqlens_k, total_sequence_length, cos_cache, sin_cache,
// position_ids, attention_bias.
Outputs group_query_attention(NodeContext& c) {
  for (size_t i = 11; i < 16; ++i) TRY(refuse(c, i, "number " + std::to_string(i)));
  for (const char* name : {"qk_output", "sliding_window_cache"}) TRY(only(c, name, 0));
  if (TRY(c.integer("smooth_softmax", 0)) > 0) return c.unsupported("attribute smooth_softmax");
  for (const char* name : {"k_quant_type", "v_quant_type"})
    if (TRY(c.text(name, "NONE")) != "NONE") return c.unsupported("a quantized cache");
  c.ignore("kv_cache_bit_width");
  c.ignore("qk_norm_epsilon");
  GroupedQuery g = TRY(grouped_query(c));
  Builder& b = c.builder();
  const ValueId counted = TRY(count_up(c, g.steps));
  const ValueId first = TRY(unsqueezed(c, g.past_lengths, {1}));
  const ValueId places = TRY(c.emit1("add", {first, counted}));  // [B, S]
  const bool interleaved = TRY(c.integer("rotary_interleaved", 0)) != 0;
  if (TRY(c.integer("do_rotary", 0)) != 0) {
    const int64_t half = TRY(known_extent(c, c.input(7), 1, "the width of the cos_cache"));
    if (half > INT32_MAX)
      return c.unsupported("a cos_cache of " + std::to_string(half) + " columns");
    auto rotated = [&](ValueId x, int64_t heads) {
      return c.emit1("rotary_embedding",
                     {x, c.input(7), c.input(8), c.has_input(9) ? c.input(9) : places},
                     {{"interleaved", int64_t{interleaved}},
                      {"num_heads", heads},
                      {"rotary_embedding_dim", 2 * half}});
    };
    g.query = TRY(rotated(g.query, g.heads));
    g.key = TRY(rotated(g.key, g.kv_heads));
  }
  const ValueId keys = TRY(updated_cache(c, g, g.key, c.input(3)));
  const ValueId values = TRY(updated_cache(c, g, g.value, c.input(4)));
  // Query i of batch b sits at places[b, i] and sees keys up to there, within the window.
  const ValueId length = TRY(extent(c, keys, 2));
  const ValueId key_places = TRY(unsqueezed(c, TRY(count_up(c, length)), {0, 1, 2}));
  const ValueId query_places = TRY(unsqueezed(c, places, {1, 3}));
  ValueId allowed;
  if (TRY(c.integer("causal", 1)) != 0) {
    allowed = TRY(c.emit1("less_or_equal", {key_places, query_places}));
  } else {
    const ValueId last = TRY(unsqueezed(c, TRY(cast(c, c.input(5), DType::i64)), {1, 2, 3}));
    allowed = TRY(c.emit1("less_or_equal", {key_places, last}));
  }
  if (const int64_t window = TRY(c.integer("local_window_size", -1)); window >= 0) {
    const ValueId reach = TRY(b.scalar(DType::i64, double(window)));
    const ValueId behind = TRY(c.emit1("sub", {query_places, reach}));
    const ValueId near = TRY(c.emit1("greater", {key_places, behind}));
    allowed = TRY(c.emit1("and", {allowed, near}));
  }
  if (c.has_input(10)) {
    const ValueId held = TRY(extent(c, c.input(10), 3));
    const ValueId lacking = TRY(c.emit1("sub", {length, held}));
    const ValueId bias =
        TRY(widened(c, c.input(10), TRY(c.emit1("max", {lacking, b.integers({0})})), 3));
    const ValueId never = TRY(b.scalar(tensor(c, bias).dtype, -INFINITY));
    allowed = TRY(c.emit1("where", {allowed, bias, never}));
  }
  const float softcap = TRY(c.real("softcap", 0.0f));
  Builder::Given given = {
      {"q_num_heads", g.heads}, {"kv_num_heads", g.kv_heads}, {"softcap", softcap}};
  if (const float scale = TRY(c.real("scale", 0.0f)); scale != 0)
    given.emplace_back("scale", scale);
  const ValueId y = TRY(c.emit1("attention", {g.query, keys, values, allowed}, std::move(given)));
  return std::vector<ValueId>{y, keys, values};
}

constexpr char kMicrosoft[] = "com.microsoft";

constexpr Translation kTable[] = {
    {"", "Attention", 23, "attention"},
    {"", "LinearAttention", 27, "linear_attention"},
    {"", "RotaryEmbedding", 23, "rotary_embedding"},
    {"ai.onnx.preview", "FlexAttention", 1, "", flex_attention, first_inputs(3)},
    // Written by ONNX Runtime into the standard domain.
    {"", "SimplifiedLayerNormalization", 1, "", simplified_layer_normalization, first_inputs(2)},
    {kMicrosoft, "Attention", 1, "", attention, first_inputs(2)},
    {kMicrosoft, "BiasGelu", 1, "", gelu<false>, first_inputs(2)},
    {kMicrosoft, "EmbedLayerNormalization", 1, "", embed_layer_normalization,
     inputs_at({0, 2, 3, 5, 6})},
    {kMicrosoft, "FastGelu", 1, "", gelu<true>, first_inputs(1)},
    {kMicrosoft, "FusedConv", 1, "", fused_conv, first_inputs(2)},
    {kMicrosoft, "FusedGemm", 1, "", fused_gemm, first_inputs(2)},
    {kMicrosoft, "FusedMatMul", 1, "", fused_matmul, first_inputs(2)},
    {kMicrosoft, "Gelu", 1, "", gelu<false>, first_inputs(1)},
    {kMicrosoft, "GroupQueryAttention", 1, "", group_query_attention, inputs_at({0, 5, 6})},
    {kMicrosoft, "LayerNormalization", 1, "layer_normalization"},
    {kMicrosoft, "MultiHeadAttention", 1, "", multi_head_attention, first_inputs(1)},
    {kMicrosoft, "QuickGelu", 1, "", quick_gelu, first_inputs(1)},
    {kMicrosoft, "RotaryEmbedding", 1, "", rotary_embedding, first_inputs(4)},
    {kMicrosoft, "SimplifiedLayerNormalization", 1, "", simplified_layer_normalization,
     first_inputs(2)},
    {kMicrosoft, "SkipLayerNormalization", 1, "", skip_layer_normalization<false>, first_inputs(3)},
    {kMicrosoft, "SkipSimplifiedLayerNormalization", 1, "", skip_layer_normalization<true>,
     first_inputs(3)},
    {kMicrosoft, "TransposeMatMul", 1, "", fused_matmul, first_inputs(2)},
};

}  // namespace

std::span<const Translation> transformer_translations() { return kTable; }

}  // namespace hone::onnx
