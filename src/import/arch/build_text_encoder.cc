#include "import/arch/build_text_encoder.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "import/arch/layers.h"
#include "import/arch/names.h"

namespace hone::arch {
namespace {

// What tensors of heads begin with.
constexpr std::array<std::string_view, 12> kHeadTensors{"classifier.",
                                                        "cls.",
                                                        "discriminator_predictions.",
                                                        "generator_lm_head.",
                                                        "generator_predictions.",
                                                        "lm_head.",
                                                        "pooler.",
                                                        "pre_classifier.",
                                                        "predictions.",
                                                        "qa_outputs.",
                                                        "sop_classifier.",
                                                        "vocab_"};

constexpr int64_t kBuckets = 32;  // of distances

class TextBuilder {
 public:
  TextBuilder(Builder& b, const TextEncoder& family, const TextConfig& config, Weights& weights)
      : b_(b), f_(family), c_(config), weights_(weights), layers_(b, weights) {}

  Status build(std::string_view class_name) {
    const std::vector<const Head*> heads = TRY(heads_of(class_name));
    add_inputs();
    const ValueId x = TRY(layers_.stack(TRY(embed()), c_.stack, f_.layer, TRY(scores_mask())));
    output("last_hidden_state", x);
    if (heads.empty() && weights_.has(std::string(f_.pooler) + ".weight"))
      output("pooler_output", TRY(pooled(x)));
    for (const Head* head : heads) TRY(add(*head, x));
    for (const std::string_view begin : kHeadTensors) weights_.ignore_all(begin);
    return weights_.all_taken();
  }

 private:
  void output(std::string_view name, ValueId v) { b_.graph().add_output(std::string(name), v); }

  // None for the model without a head.
  Result<std::vector<const Head*>> heads_of(std::string_view name) const {
    std::vector<const Head*> heads;
    for (const Head& head : f_.heads)
      if (name.ends_with(head.ending)) heads.push_back(&head);
    const bool bare = name.empty() || (name.ends_with("Model") && !name.ends_with("LMHeadModel"));
    if (!heads.empty() || bare) return heads;
    std::string known = "…Model";
    for (const Head& head : f_.heads)
      if (known.find(head.ending) == std::string::npos) known += ", …" + std::string(head.ending);
    return fail(ErrorId::unsupported_feature, "the class '" + printable(name) + "' of " +
                                                  std::string(f_.name) + "; known are " + known);
  }

  void add_inputs() {
    const Shape shape{Dim::symbol("N"), Dim::symbol("L")};
    const auto input = [&](const char* name) {
      return b_.graph().add_input(name, Type(DType::i64, shape));
    };
    ids_ = input("input_ids");
    mask_ = input("attention_mask");
    if (c_.types > 1) types_ = input("token_type_ids");
    for (const char* name : {"N", "L"}) b_.model().add_symbol(name, BindingTime::call);
  }

  Result<ValueId> table(std::string_view name, int64_t rows) {
    return weights_.take(b_, std::string(name) + ".weight", {rows, c_.embedding});
  }

  // 0, 1, … along the text.
  Result<ValueId> places() {
    const ValueId shape = TRY(b_.emit1("shape", {ids_}));
    const ValueId length = TRY(b_.emit1("gather", {shape, integer(1)}));
    return b_.emit1("range", {integer(0), length, integer(1)});
  }
  ValueId integer(int64_t n) { return b_.constant(Tensor::of({}, std::vector<int64_t>{n})); }

  // Tokens are counted from 1 above the number of padding, which padding itself keeps.
  Result<ValueId> places_after_padding() {
    const ValueId padding = TRY(b_.emit1("equal", {ids_, integer(c_.padding)}));
    const ValueId token =
        TRY(b_.emit1("cast", {TRY(b_.emit1("not", {padding}))}, {{"to", DType::i64}}));
    const ValueId count = TRY(b_.emit1("cum_sum", {token, integer(1)}));
    return b_.emit1("add", {TRY(b_.emit1("mul", {count, token})), integer(c_.padding)});
  }

  Result<ValueId> embed() {
    words_ = TRY(table(f_.words, c_.vocabulary));
    ValueId x = TRY(b_.emit1("gather", {words_, ids_}));
    const ValueId at = TRY(f_.positions_after_padding ? places_after_padding() : places());
    const ValueId positions = TRY(table(f_.positions, c_.context));
    const ValueId position = TRY(b_.emit1("gather", {positions, at}));
    x = TRY(b_.emit1("add", {x, position}));
    if (c_.types > 0) {
      const ValueId rows = TRY(table(f_.types, c_.types));
      // The only row is added to every token.
      const ValueId row = types_.valid() ? TRY(b_.emit1("gather", {rows, types_})) : rows;
      x = TRY(b_.emit1("add", {x, row}));
    }
    x = TRY(layers_.norm(x, std::string(f_.embedding_norm), c_.embedding, c_.stack.epsilon));
    const std::string projection(f_.projection);
    if (projection.empty() || !weights_.has(projection + ".weight")) return x;
    return layers_.product(x, projection, c_.embedding, c_.stack.width);
  }

  // T5's buckets (Raffel et al. 2020): near distances one by one, far ones by their logarithm, up
  // to `kFar`; half of the buckets for each direction.
  static int64_t bucket(int64_t distance) {
    constexpr int64_t kHalf = kBuckets / 2, kExact = kHalf / 2, kFar = 128;
    const int64_t n = std::abs(distance);
    int64_t at = n;
    if (n >= kExact) {
      // In f32, as models were trained with: buckets begin at powers of two.
      const float part =
          std::log(float(n) / float(kExact)) / float(std::log(double(kFar) / double(kExact)));
      at = std::min(kHalf - 1, kExact + int64_t(part * float(kHalf - kExact)));
    }
    return distance > 0 ? kHalf + at : at;
  }

  // The bias [1, H, L, L] of the scores of tokens at the places i (query) and j.
  Result<ValueId> relative_bias() {
    const int64_t most = c_.context;
    std::vector<int64_t> of_distance;
    for (int64_t d = -most; d <= most; ++d) of_distance.push_back(bucket(d));
    const ValueId at = TRY(places());
    const ValueId queries = TRY(b_.emit1("unsqueeze", {at, b_.integers({1})}));
    const ValueId distance = TRY(b_.emit1("sub", {at, queries}));
    const ValueId index = TRY(b_.emit1("add", {distance, integer(most)}));
    const ValueId buckets = TRY(b_.emit1("gather", {b_.integers(of_distance), index}));
    const ValueId rows =
        TRY(weights_.take(b_, std::string(f_.relative_bias), {kBuckets, c_.stack.heads}));
    const ValueId bias = TRY(b_.emit1("transpose", {TRY(b_.emit1("gather", {rows, buckets}))},
                                      {{"perm", Integers{2, 0, 1}}}));
    return b_.emit1("unsqueeze", {bias, b_.integers({0})});
  }

  Result<ValueId> scores_mask() {
    const ValueId seen = TRY(layers_.seen(mask_));
    if (f_.relative_bias.empty()) return seen;
    const ValueId never = TRY(b_.scalar(DType::f32, -3.4028234663852886e38));
    const ValueId bias = TRY(relative_bias());
    return b_.emit1("where", {seen, bias, never});
  }

  Result<ValueId> pooled(ValueId x) {
    const ValueId y = TRY(layers_.product(TRY(layers_.row(x, 0)), std::string(f_.pooler),
                                          c_.stack.width, c_.stack.width));
    return layers_.activate(y, Activation::tanh);
  }

  Result<ValueId> from(const Head& head, ValueId x) {
    switch (head.from) {
      case Head::From::tokens: return x;
      case Head::From::first: return layers_.row(x, 0);
      case Head::From::pooled: return pooled(x);
    }
    return fail(ErrorId::internal, "no such part of the hidden states");
  }

  // Rows of the first tensor of this name.
  Result<int64_t> rows_of(const std::string& name) {
    const TensorType* type = weights_.type(name);
    if (!type || type->shape.rank() == 0)
      return fail(ErrorId::bad_data, "the tensor '" + printable(name) + "' is missing");
    return *type->shape.dims[0].constant();
  }

  Status add(const Head& head, ValueId x) {
    x = TRY(from(head, x));
    int64_t width = c_.stack.width;
    if (!head.dense.empty()) {
      const std::string dense(head.dense);
      const int64_t out = TRY(rows_of(dense + ".weight"));
      x = TRY(layers_.product(x, dense, width, out));
      x = TRY(layers_.activate(x, head.own_activation ? c_.stack.activation : head.activation));
      width = out;
    }
    if (!head.norm.empty())
      x = TRY(layers_.norm(x, std::string(head.norm), width, c_.stack.epsilon));
    x = TRY(last_product(head, x, width));
    if (head.squeezed) x = TRY(b_.emit1("squeeze", {x, b_.integers({-1})}));
    return add_outputs(head.outputs, x);
  }

  Result<ValueId> last_product(const Head& head, ValueId x, int64_t width) {
    const std::string out(head.out), bias(head.bias);
    if (!head.tied) return layers_.product(x, out, width, TRY(rows_of(out + ".weight")));
    if (c_.tied && width != c_.embedding)
      return fail(ErrorId::bad_data, "the embedding of width " + std::to_string(c_.embedding) +
                                         " cannot serve for an output of " + std::to_string(width));
    const ValueId weight =
        c_.tied ? words_ : TRY(weights_.take(b_, out + ".weight", {c_.vocabulary, width}));
    const ValueId turned = TRY(b_.emit1("transpose", {weight}, {{"perm", Integers{1, 0}}}));
    const ValueId y = TRY(b_.emit1("matmul", {x, turned}));
    const ValueId added = TRY(weights_.take(b_, bias, {c_.vocabulary}));
    return b_.emit1("add", {y, added});
  }

  Status add_outputs(std::string_view names, ValueId x) {
    const size_t space = names.find(' ');
    if (space == std::string_view::npos) {
      output(names, x);
      return ok();
    }
    const auto parts = TRY(b_.emit("split", {x, b_.integers({1, 1})}, {{"axis", int64_t{2}}}, 2));
    const std::string_view each[] = {names.substr(0, space), names.substr(space + 1)};
    for (size_t i = 0; i < 2; ++i)
      output(each[i], TRY(b_.emit1("squeeze", {parts[i], b_.integers({-1})})));
    return ok();
  }

  Builder& b_;
  const TextEncoder& f_;
  const TextConfig& c_;
  Weights& weights_;
  Layers layers_;
  ValueId ids_, mask_, types_, words_;
};

Status check(const TextEncoder& family, const TextConfig& c) {
  constexpr int64_t kMost = 1 << 24;
  TRY(c.stack.check());
  TRY(in_range("the vocabulary", c.vocabulary, 1, kMost));
  TRY(in_range("the width of the embedding", c.embedding, 1, kMost));
  TRY(in_range("the number of types of tokens", c.types, 0, kMost));
  // A bias by distance has a table twice as long.
  TRY(in_range("the context", c.context, 1, family.relative_bias.empty() ? kMost : 1 << 16));
  return in_range("the token of padding", c.padding, 0, kMost);
}

}  // namespace

Status build_text_encoder(Model& model, const Catalogue& catalogue, const TextEncoder& family,
                          const TextConfig& config, Weights& weights, std::string_view class_name) {
  TRY(check(family, config));
  Builder builder(model, model.add_graph("encode"), catalogue);
  return TextBuilder(builder, family, config, weights).build(class_name);
}

}  // namespace hone::arch
