// ViT (Dosovitskiy et al. 2021).
#include "base/text.h"
#include "import/arch/layers.h"
#include "import/arch/vision.h"
#include "import/arch/vision_tower.h"

namespace hone::arch {
namespace {

constexpr LayerNames kLayer{
    .query = "encoder.layer.{}.attention.attention.query",
    .key = "encoder.layer.{}.attention.attention.key",
    .value = "encoder.layer.{}.attention.attention.value",
    .attended = "encoder.layer.{}.attention.output.dense",
    .attention_norm = "encoder.layer.{}.layernorm_before",
    .up = "encoder.layer.{}.intermediate.dense",
    .down = "encoder.layer.{}.output.dense",
    .output_norm = "encoder.layer.{}.layernorm_after",
};

}  // namespace

Status build_vit(Model& model, const Catalogue& catalogue, const VisionConfig& config,
                 Weights& weights, std::string_view class_name) {
  TRY(check(config));
  const bool classifies = class_name.ends_with("ForImageClassification");
  if (!classifies && !class_name.empty() && !class_name.ends_with("Model"))
    return fail(ErrorId::unsupported_feature,
                "the class '" + printable(class_name) +
                    "' of vit; known are …Model, …ForImageClassification");
  const int64_t width = config.stack.width;
  Builder b(model, model.add_graph("encode"), catalogue);
  Layers layers(b, weights);
  const PatchNames names{.patches = "embeddings.patch_embeddings.projection",
                         .first = "embeddings.cls_token",
                         .first_shape = {1, 1, width},
                         .positions = "embeddings.position_embeddings",
                         .batched = true};
  ValueId x = TRY(embed_patches(b, weights, config, names, add_pixels(b, config, "N")));
  x = TRY(layers.stack(x, config.stack, kLayer, {}));
  x = TRY(layers.norm(x, "layernorm", width, config.stack.epsilon));
  b.graph().add_output("last_hidden_state", x);
  const ValueId first = TRY(layers.row(x, 0));
  if (classifies) {
    const TensorType* type = weights.type("classifier.weight");
    if (!type || type->shape.rank() != 2)
      return fail(ErrorId::bad_data, "the tensor 'classifier.weight' is missing");
    b.graph().add_output(
        "logits", TRY(layers.product(first, "classifier", width, *type->shape.dims[0].constant())));
  } else if (weights.has("pooler.dense.weight")) {
    const ValueId y = TRY(layers.product(first, "pooler.dense", width, width));
    b.graph().add_output("pooler_output", TRY(layers.activate(y, Activation::tanh)));
  }
  for (const char* unused : {"classifier.", "pooler.", "embeddings.mask_token"})
    weights.ignore_all(unused);
  return weights.all_taken();
}

}  // namespace hone::arch
