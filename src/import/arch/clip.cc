// CLIP (Radford et al. 2021): a tower for texts and one for images, into one space.
#include <cmath>

#include "import/arch/layers.h"
#include "import/arch/names.h"
#include "import/arch/vision.h"
#include "import/arch/vision_tower.h"

namespace hone::arch {
namespace {

constexpr LayerNames layer_of(bool text) {
  if (text)
    return {.query = "text_model.encoder.layers.{}.self_attn.q_proj",
            .key = "text_model.encoder.layers.{}.self_attn.k_proj",
            .value = "text_model.encoder.layers.{}.self_attn.v_proj",
            .attended = "text_model.encoder.layers.{}.self_attn.out_proj",
            .attention_norm = "text_model.encoder.layers.{}.layer_norm1",
            .up = "text_model.encoder.layers.{}.mlp.fc1",
            .down = "text_model.encoder.layers.{}.mlp.fc2",
            .output_norm = "text_model.encoder.layers.{}.layer_norm2"};
  return {.query = "vision_model.encoder.layers.{}.self_attn.q_proj",
          .key = "vision_model.encoder.layers.{}.self_attn.k_proj",
          .value = "vision_model.encoder.layers.{}.self_attn.v_proj",
          .attended = "vision_model.encoder.layers.{}.self_attn.out_proj",
          .attention_norm = "vision_model.encoder.layers.{}.layer_norm1",
          .up = "vision_model.encoder.layers.{}.mlp.fc1",
          .down = "vision_model.encoder.layers.{}.mlp.fc2",
          .output_norm = "vision_model.encoder.layers.{}.layer_norm2"};
}

class ClipBuilder {
 public:
  ClipBuilder(Builder& b, const ClipConfig& config, Weights& weights)
      : b_(b), c_(config), weights_(weights), layers_(b, weights) {}

  Status build() {
    const bool both = c_.has_text && c_.has_vision;
    Tower text, vision;
    if (c_.has_text) text = TRY(text_tower());
    if (c_.has_vision) vision = TRY(vision_tower());
    if (both) {
      TRY(compare(text, vision));
    } else {
      const Tower& only = c_.has_text ? text : vision;
      output("last_hidden_state", only.states);
      output("pooler_output", only.pooled);
      if (c_.projected)
        output(c_.has_text ? "text_embeds" : "image_embeds",
               TRY(projected(only, c_.has_text ? "text_projection" : "visual_projection")));
    }
    return weights_.all_taken();
  }

 private:
  struct Tower {
    ValueId states, pooled;
    int64_t width = 0;
  };

  void output(const char* name, ValueId v) { b_.graph().add_output(name, v); }
  ValueId integer(int64_t n) { return b_.constant(Tensor::of({}, std::vector<int64_t>{n})); }

  Result<Tower> text_tower() {
    const TextConfig& c = c_.text;
    const int64_t width = c.stack.width;
    const Shape shape{Dim::symbol("N"), Dim::symbol("L")};
    const ValueId ids = b_.graph().add_input("input_ids", Type(DType::i64, shape));
    const ValueId mask = b_.graph().add_input("attention_mask", Type(DType::i64, shape));
    for (const char* name : {"N", "L"}) b_.model().add_symbol(name, BindingTime::call);
    const ValueId words = TRY(
        weights_.take(b_, "text_model.embeddings.token_embedding.weight", {c.vocabulary, width}));
    const ValueId positions = TRY(
        weights_.take(b_, "text_model.embeddings.position_embedding.weight", {c.context, width}));
    const ValueId length = TRY(b_.emit1("gather", {TRY(b_.emit1("shape", {ids})), integer(1)}));
    const ValueId at = TRY(b_.emit1("range", {integer(0), length, integer(1)}));
    const ValueId word = TRY(b_.emit1("gather", {words, ids}));
    const ValueId position = TRY(b_.emit1("gather", {positions, at}));
    ValueId x = TRY(b_.emit1("add", {word, position}));
    x = TRY(layers_.stack(x, c.stack, layer_of(true), TRY(layers_.seen(mask))));
    x = TRY(layers_.norm(x, "text_model.final_layer_norm", width, c.stack.epsilon));
    const ValueId end = TRY(state_of_end(x, ids));
    return Tower{x, end, width};
  }

  // The state of the first token that ends the text. Of 2, which stands in old files in the place
  // of the real number, it is the largest token.
  Result<ValueId> state_of_end(ValueId x, ValueId ids) {
    ValueId marks = ids;
    if (c_.end != 2)
      marks = TRY(
          b_.emit1("cast", {TRY(b_.emit1("equal", {ids, integer(c_.end)}))}, {{"to", DType::i32}}));
    const ValueId at = TRY(b_.emit1("arg_max", {marks}, {{"axis", int64_t{1}}}));
    return b_.emit1("gather_nd", {x, at}, {{"batch_dims", int64_t{1}}});
  }

  Result<Tower> vision_tower() {
    const VisionConfig& c = c_.vision;
    const int64_t width = c.stack.width;
    const PatchNames names{.patches = "vision_model.embeddings.patch_embedding",
                           .first = "vision_model.embeddings.class_embedding",
                           .first_shape = {width},
                           .positions = "vision_model.embeddings.position_embedding.weight"};
    const ValueId pixels = add_pixels(b_, c, "M");
    ValueId x = TRY(embed_patches(b_, weights_, c, names, pixels));
    // So it is called in all files.
    x = TRY(layers_.norm(x, "vision_model.pre_layrnorm", width, c.stack.epsilon));
    x = TRY(layers_.stack(x, c.stack, layer_of(false), {}));
    const ValueId pooled = TRY(layers_.norm(TRY(layers_.row(x, 0)), "vision_model.post_layernorm",
                                            width, c.stack.epsilon));
    return Tower{x, pooled, width};
  }

  Result<ValueId> projected(const Tower& tower, const std::string& name) {
    const TensorType* type = weights_.type(name + ".weight");
    if (!type || type->shape.rank() != 2)
      return fail(ErrorId::bad_data, "the tensor '" + name + ".weight' is missing");
    return layers_.product(tower.pooled, name, tower.width, *type->shape.dims[0].constant());
  }

  Status compare(const Tower& text, const Tower& vision) {
    const ValueId texts =
        TRY(b_.emit1("lp_normalization", {TRY(projected(text, "text_projection"))}));
    const ValueId images =
        TRY(b_.emit1("lp_normalization", {TRY(projected(vision, "visual_projection"))}));
    const Tensor scale = TRY(weights_.read(b_, "logit_scale", {}));
    const Builder::Given turn{{"perm", Integers{1, 0}}};
    const ValueId turned = TRY(b_.emit1("transpose", {images}, turn));
    const ValueId likeness = TRY(b_.emit1("matmul", {texts, turned}));
    const ValueId factor = TRY(b_.scalar(DType::f32, std::exp(load_real(scale, 0))));
    const ValueId logits = TRY(b_.emit1("mul", {likeness, factor}));
    output("logits_per_image", TRY(b_.emit1("transpose", {logits}, turn)));
    output("logits_per_text", logits);
    output("text_embeds", texts);
    output("image_embeds", images);
    return ok();
  }

  Builder& b_;
  const ClipConfig& c_;
  Weights& weights_;
  Layers layers_;
};

Status check(const TextConfig& c) {
  TRY(c.stack.check());
  TRY(in_range("the vocabulary", c.vocabulary, 1, 1 << 24));
  return in_range("the context", c.context, 1, 1 << 24);
}

}  // namespace

Status build_clip(Model& model, const Catalogue& catalogue, const ClipConfig& config,
                  Weights& weights) {
  if (config.has_text) TRY(check(config.text));
  if (config.has_vision) TRY(check(config.vision));
  Builder builder(model, model.add_graph("encode"), catalogue);
  return ClipBuilder(builder, config, weights).build();
}

}  // namespace hone::arch
