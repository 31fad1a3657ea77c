#include "import/arch/build_decoder.h"

#include <cmath>

namespace hone::arch {
namespace {

constexpr int64_t kPage = 64;  // slots of a page of the cache
// Elements that a scale of quantized rows is for, and what rows are whole multiples of.
constexpr int64_t kRowBlock = 256, kRowUnit = 32;
// Products of fewer elements are small whatever they take, and average the errors of bytes less.
constexpr int64_t kFewestInBytes = 256;

class DecoderBuilder {
 public:
  DecoderBuilder(Builder& b, const DecoderConfig& config, Weights& weights,
                 const LanguageOptions& options)
      : b_(b), c_(config), d_(*config.decoder), weights_(weights), options_(options) {}

  Status build() {
    add_inputs();
    TRY(make_angles());
    ValueId x = TRY(embed());
    for (layer_ = 0; layer_ < c_.layers; ++layer_) {
      heads_ = c_.heads[size_t(layer_)];
      kv_heads_ = c_.kv_heads[size_t(layer_)];
      x = TRY(add_attention(x).context("building layer " + std::to_string(layer_)));
      x = TRY(add_feed_forward(x).context("building layer " + std::to_string(layer_)));
    }
    b_.graph().add_output("logits", TRY(logits(x)));
    return ok();
  }

 private:
  std::string in_layer(std::string_view name) const {
    return "blk." + std::to_string(layer_) + '.' + std::string(name);
  }

  void add_inputs() {
    Graph& g = b_.graph();
    const auto rows = Dim::symbol("T"), sequences = Dim::symbol("S");
    const auto integers = [&](const char* name, Shape shape) {
      return g.add_input(name, Type(DType::i64, std::move(shape)));
    };
    tokens_ = integers("tokens", {rows});
    positions_ = integers("positions", {rows});
    slots_ = integers("slots", {rows});
    starts_ = integers("starts", {sequences + Dim(1)});
    lengths_ = integers("lengths", {sequences});
    table_ = integers("table", {sequences, Dim::symbol("P")});
    wanted_ = integers("wanted", {Dim::symbol("W")});
    for (const char* name : {"T", "S", "P", "W"}) b_.model().add_symbol(name, BindingTime::call);
    b_.model().add_symbol("pages", BindingTime::session);
  }

  // Cosines and sines [1, T, rotated / 2].
  Result<std::pair<ValueId, ValueId>> turned(const Frequencies& f) {
    Tensor turns = TRY(Tensor::make(DType::f64, {int64_t(f.turns.size())}));
    std::copy(f.turns.begin(), f.turns.end(), turns.as<double>().begin());
    const auto made = TRY(b_.emit("rotary_angles", {positions_, b_.constant(std::move(turns))},
                                  {{"scale", float(f.scale)}}, 2));
    return std::pair(made[0], made[1]);
  }

  // Of pairs, where there is such a tensor.
  Status read_factors(const std::string& name, std::vector<float>& to) {
    if (!weights_.has(name)) return ok();
    const Tensor t = TRY(weights_.read(b_, name, {c_.rotated / 2}));
    to.assign(t.as<float>().begin(), t.as<float>().end());
    return ok();
  }

  // The lists of LongRoPE may come as tensors.
  Result<RopeScaling> scaling() {
    RopeScaling s = c_.scaling;
    if (s.kind != RopeScaling::Kind::longrope) return s;
    TRY(read_factors("rope_factors_short.weight", s.short_factors));
    TRY(read_factors("rope_factors_long.weight", s.long_factors));
    TRY(s.check(c_.rotated));
    return s;
  }

  Status make_angles() {
    if (c_.rope == Rope::none) return ok();
    std::vector<float> factors;
    TRY(read_factors("rope_freqs.weight", factors));
    angles_ = TRY(turned(frequencies_of(c_, c_.rope_base, TRY(scaling()), factors)));
    local_angles_ = angles_;
    const double local = c_.local_rope_base > 0 ? c_.local_rope_base : d_.local_rope_base;
    if (c_.window > 0 && local > 0)
      local_angles_ = TRY(turned(frequencies_of(c_, local, RopeScaling(), {})));
    return ok();
  }

  Result<ValueId> embed() {
    const Extents shape{c_.vocabulary, c_.width};
    ValueId x =
        TRY(b_.emit1("gather", {TRY(weights_.take(b_, "token_embd.weight", shape)), tokens_}));
    if (d_.scaled_embedding) {
      const ValueId scale = TRY(b_.scalar(DType::f32, std::sqrt(double(c_.width))));
      x = TRY(b_.emit1("mul", {x, scale}));
    }
    if (!d_.learned_positions) return x;
    b_.model().metadata["positions"] = std::to_string(c_.context);
    const ValueId table = TRY(weights_.take(b_, "position_embd.weight", {c_.context, c_.width}));
    const ValueId places = TRY(b_.emit1("gather", {table, positions_}));
    return b_.emit1("add", {x, places});
  }

  Result<ValueId> norm_weight(const std::string& name, int64_t size) {
    if (c_.norm_offset == 0) return weights_.take(b_, name, {size});
    Tensor t = TRY(TRY(weights_.read(b_, name, {size})).clone(uint64_t{1} << 30));
    for (float& x : t.as<float>()) x += float(c_.norm_offset);
    return b_.constant(std::move(t), name);
  }

  Result<ValueId> norm(ValueId x, const std::string& name, int64_t size) {
    const ValueId weight = TRY(norm_weight(name + ".weight", size));
    const Builder::Given epsilon{{"epsilon", float(c_.epsilon)}};
    if (d_.norm == Norm::rms) return b_.emit1("rms_normalization", {x, weight}, epsilon);
    const ValueId bias = TRY(weights_.take(b_, name + ".bias", {size}));
    return b_.emit1("layer_normalization", {x, weight, bias}, epsilon);
  }

  // What a product takes of rows: the rows, or where the weights are in blocks of few bits, what
  // quantization to bytes leaves of them. Done once for all products of the same rows.
  Result<ValueId> rows_for(ValueId x, const TensorType& weight, int64_t depth) {
    const Encoding& e = weight.encoding;
    const bool narrow = !e.is_dense() && stored_bytes(weight).constant().value_or(0) <
                                             2 * element_count(weight.shape).constant().value_or(0);
    if (!options_.byte_rows || !narrow || depth % kRowUnit != 0 || depth < kFewestInBytes) return x;
    if (quantized_from_ == x) return quantized_;
    const auto parts = TRY(b_.emit("quantize_blocks", {x}, {{"block", kRowBlock}}, 2));
    quantized_ = TRY(b_.emit1("dequantize_linear", {parts[0], parts[1]},
                              {{"axis", int64_t{-1}}, {"block_size", kRowBlock}}));
    quantized_from_ = x;
    return quantized_;
  }

  // x [rows, in] times the transpose of a weight [out, in], and the bias where there is one.
  Result<ValueId> product(ValueId x, const std::string& name, int64_t in, int64_t out,
                          Presence bias) {
    const std::string tensor = name + ".weight";
    ValueId weight =
        TRY(weights_.take(b_, tensor, c_.transposed ? Extents{in, out} : Extents{out, in}));
    const ValueId rows = TRY(rows_for(x, *weights_.type(tensor), in));
    if (!c_.transposed) weight = TRY(b_.emit1("transpose", {weight}, {{"perm", Integers{1, 0}}}));
    const ValueId y = TRY(b_.emit1("matmul", {rows, weight}));
    const std::string added = name + ".bias";
    if (bias == Presence::none || (bias == Presence::optional && !weights_.has(added))) return y;
    const ValueId numbers = TRY(weights_.take(b_, added, {out}));
    return b_.emit1("add", {y, numbers});
  }

  // Rows [T, n] as [1, T, n] or back.
  Result<ValueId> batched(ValueId x, int64_t n) {
    return b_.emit1("reshape", {x, b_.integers({1, -1, n})});
  }
  Result<ValueId> flat(ValueId x, int64_t n) {
    return b_.emit1("reshape", {x, b_.integers({-1, n})});
  }

  Result<ValueId> head_norm(ValueId x, std::string_view name, int64_t heads) {
    if (d_.head_norm == Presence::none) return x;
    const ValueId split = TRY(b_.emit1("reshape", {x, b_.integers({-1, heads, c_.head})}));
    return flat(TRY(norm(split, in_layer(name), c_.head)), heads * c_.head);
  }

  Result<ValueId> turn(ValueId x, int64_t heads) {
    if (!c_.has_rope(layer_)) return x;
    const auto& [cosines, sines] = c_.has_window(layer_) ? local_angles_ : angles_;
    const ValueId y =
        TRY(b_.emit1("rotary_embedding", {TRY(batched(x, heads * c_.head)), cosines, sines},
                     {{"interleaved", int64_t(c_.rope == Rope::neighbours)},
                      {"num_heads", heads},
                      {"rotary_embedding_dim", c_.rotated == c_.head ? int64_t{0} : c_.rotated}}));
    return flat(y, heads * c_.head);
  }

  struct Rows {
    ValueId q, k, v;
  };
  Result<Rows> project(ValueId x) {
    const int64_t q = heads_ * c_.head, kv = kv_heads_ * c_.head;
    if (!d_.fused_qkv) {
      const ValueId queries = TRY(product(x, in_layer("attn_q"), c_.width, q, d_.qkv_bias));
      const ValueId keys = TRY(product(x, in_layer("attn_k"), c_.width, kv, d_.qkv_bias));
      const ValueId values = TRY(product(x, in_layer("attn_v"), c_.width, kv, d_.qkv_bias));
      return Rows{queries, keys, values};
    }
    const ValueId all = TRY(product(x, in_layer("attn_qkv"), c_.width, q + 2 * kv, d_.qkv_bias));
    const auto parts =
        TRY(b_.emit("split", {all, b_.integers({q, kv, kv})}, {{"axis", int64_t{1}}}, 3));
    return Rows{parts[0], parts[1], parts[2]};
  }

  // A state of the cache in which the rows of this step have been put at their slots.
  Result<ValueId> updated(const std::string& name, ValueId rows, bool transposed) {
    const Dim pages = Dim::symbol("pages"), size(c_.head), page(kPage);
    const Type type(options_.cache,
                    {pages, Dim(kv_heads_), transposed ? size : page, transposed ? page : size});
    const ValueId state = b_.graph().add_state(name, type);
    const ValueId next =
        TRY(b_.emit1("paged_append", {state, rows, slots_}, {{"transposed", int64_t(transposed)}}));
    b_.graph().set_next(state, next);
    return next;
  }

  struct Cached {
    ValueId rows, scales;  // scales: of bytes only
  };
  Result<Cached> cached(std::string_view kind, ValueId rows) {
    const std::string name = in_layer(kind);
    const bool keys = kind == "key";
    if (options_.cache != DType::i8) return Cached{TRY(updated(name, rows, keys)), {}};
    const auto parts = TRY(b_.emit("quantize_blocks", {rows}, {{"block", c_.head}}, 2));
    const ValueId state = b_.graph().add_state(
        name + ".scales", Type(DType::f32, {Dim::symbol("pages") * Dim(kPage), Dim(kv_heads_)}));
    const ValueId places = TRY(b_.emit1("unsqueeze", {slots_, b_.integers({1})}));
    const ValueId scales = TRY(b_.emit1("scatter_nd", {state, places, parts[1]}));
    b_.graph().set_next(state, scales);
    return Cached{TRY(updated(name, parts[0], keys)), scales};
  }

  Result<ValueId> attend(ValueId q, const Cached& keys, const Cached& values) {
    Builder::Given attrs{{"heads", heads_}};
    if (c_.query_scale > 0) attrs.emplace_back("scale", float(c_.query_scale));
    if (c_.attention_cap > 0) attrs.emplace_back("softcap", float(c_.attention_cap));
    if (c_.has_window(layer_)) attrs.emplace_back("window", c_.window);
    std::vector<ValueId> in{q, keys.rows, values.rows, starts_, lengths_, table_};
    if (options_.cache == DType::i8) in.insert(in.end(), {keys.scales, values.scales});
    return b_.emit1("paged_attention", std::move(in), std::move(attrs));
  }

  Result<ValueId> add_attention(ValueId x) {
    const ValueId n = TRY(norm(x, in_layer("attn_norm"), c_.width));
    const Rows rows = TRY(project(n));
    const ValueId q = TRY(turn(TRY(head_norm(rows.q, "attn_q_norm", heads_)), heads_));
    const ValueId k = TRY(turn(TRY(head_norm(rows.k, "attn_k_norm", kv_heads_)), kv_heads_));
    const Cached keys = TRY(cached("key", k)), values = TRY(cached("value", rows.v));
    ValueId y = TRY(attend(q, keys, values));
    // Behind the last attention rows are needed for their logits only.
    if (layer_ + 1 == c_.layers) {
      y = TRY(b_.emit1("gather", {y, wanted_}));
      x = TRY(b_.emit1("gather", {x, wanted_}));
    }
    y = TRY(product(y, in_layer("attn_output"), heads_ * c_.head, c_.width, d_.output_bias));
    if (d_.post_norms) y = TRY(norm(y, in_layer("post_attention_norm"), c_.width));
    return b_.emit1("add", {x, y});
  }

  // What goes into the last product of feed-forward.
  Result<ValueId> hidden(ValueId x, int64_t size) {
    const Builder::Given tanh{{"approximate", std::string("tanh")}};
    if (!d_.gated)
      return b_.emit1("gelu", {TRY(product(x, in_layer("ffn_up"), c_.width, size, d_.ffn_bias))},
                      tanh);
    ValueId gate, up;
    if (d_.fused_gate) {
      const ValueId both = TRY(product(x, in_layer("ffn_up"), c_.width, 2 * size, d_.ffn_bias));
      const auto parts =
          TRY(b_.emit("split", {both, b_.integers({size, size})}, {{"axis", int64_t{1}}}, 2));
      gate = parts[0], up = parts[1];
    } else {
      gate = TRY(product(x, in_layer("ffn_gate"), c_.width, size, d_.ffn_bias));
      up = TRY(product(x, in_layer("ffn_up"), c_.width, size, d_.ffn_bias));
    }
    if (d_.gate == Gate::silu) return b_.emit1("swiglu", {gate, up});
    return b_.emit1("mul", {TRY(b_.emit1("gelu", {gate}, tanh)), up});
  }

  Result<ValueId> add_feed_forward(ValueId x) {
    const int64_t size = c_.feed_forward[size_t(layer_)];
    const ValueId n = TRY(norm(x, in_layer("ffn_norm"), c_.width));
    ValueId y =
        TRY(product(TRY(hidden(n, size)), in_layer("ffn_down"), size, c_.width, d_.ffn_bias));
    if (d_.post_norms) y = TRY(norm(y, in_layer("post_ffw_norm"), c_.width));
    return b_.emit1("add", {x, y});
  }

  // The embedding serves for the output where there is no tensor of that name.
  Result<ValueId> logits(ValueId x) {
    const ValueId n = TRY(norm(x, "output_norm", c_.width));
    const bool own = weights_.has("output.weight");
    ValueId weight = TRY(
        weights_.take(b_, own ? "output.weight" : "token_embd.weight", {c_.vocabulary, c_.width}));
    const ValueId rows =
        TRY(rows_for(n, *weights_.type(own ? "output.weight" : "token_embd.weight"), c_.width));
    weight = TRY(b_.emit1("transpose", {weight}, {{"perm", Integers{1, 0}}}));
    ValueId y = TRY(b_.emit1("matmul", {rows, weight}));
    if (c_.logit_cap <= 0) return y;
    const ValueId cap = TRY(b_.scalar(DType::f32, c_.logit_cap));
    y = TRY(b_.emit1("tanh", {TRY(b_.emit1("div", {y, cap}))}));
    return b_.emit1("mul", {y, cap});
  }

  Builder& b_;
  const DecoderConfig& c_;
  const Decoder& d_;
  Weights& weights_;
  const LanguageOptions& options_;
  ValueId tokens_, positions_, slots_, starts_, lengths_, table_, wanted_;
  std::pair<ValueId, ValueId> angles_, local_angles_;
  ValueId quantized_from_, quantized_;
  int64_t layer_ = 0, heads_ = 0, kv_heads_ = 0;
};

}  // namespace

Status build_decoder(Model& model, const Catalogue& catalogue, const DecoderConfig& config,
                     Weights& weights, const LanguageOptions& options) {
  TRY(config.check());
  const GraphId graph = model.add_graph("step");
  Builder builder(model, graph, catalogue);
  weights.ignore_all("rope_f");  // rope_freqs, rope_factors_short and _long
  TRY(DecoderBuilder(builder, config, weights, options).build());
  return weights.all_taken();
}

}  // namespace hone::arch
