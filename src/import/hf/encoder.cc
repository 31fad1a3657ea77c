#include "import/hf/encoder.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "import/arch/build_text_encoder.h"
#include "import/arch/vision.h"
#include "import/hf/checkpoint.h"
#include "import/hf/names.h"

namespace hone::hf {
namespace {

using arch::Activation;
using arch::StackConfig;
using arch::TextConfig;
using arch::VisionConfig;

constexpr std::array<std::string_view, 4> kVisionTypes{"clip", "clip_text_model",
                                                       "clip_vision_model", "vit"};

Error unsupported(std::string what) { return fail(ErrorId::unsupported_feature, std::move(what)); }

Result<Activation> activation_named(std::string_view name) {
  struct Named {
    std::string_view name;
    Activation activation;
  };
  static constexpr std::array kNamed{
      Named{"gelu", Activation::gelu},
      Named{"gelu_python", Activation::gelu},
      Named{"gelu_fast", Activation::gelu_tanh},
      Named{"gelu_new", Activation::gelu_tanh},
      Named{"gelu_pytorch_tanh", Activation::gelu_tanh},
      Named{"quick_gelu", Activation::quick_gelu},
      Named{"relu", Activation::relu},
      Named{"silu", Activation::silu},
      Named{"swish", Activation::silu},
      Named{"tanh", Activation::tanh},
  };
  for (const Named& n : kNamed)
    if (n.name == name) return n.activation;
  std::string known;
  for (const Named& n : kNamed) known += (known.empty() ? "" : ", ") + std::string(n.name);
  return unsupported("the activation '" + printable(name) + "'; known are " + known);
}

// How settings of a stack are called, and what they are where they are not given; -1: they have
// to be.
struct StackKeys {
  std::string_view layers = "num_hidden_layers", width = "hidden_size",
                   heads = "num_attention_heads", feed_forward = "intermediate_size",
                   activation = "hidden_act", epsilon = "layer_norm_eps";
  int64_t default_layers = -1, default_width = -1, default_heads = -1, default_feed_forward = -1;
  std::string_view default_activation = "gelu";
  double default_epsilon = 1e-12;
};
constexpr StackKeys kDistilKeys{.layers = "n_layers",
                                .width = "dim",
                                .heads = "n_heads",
                                .feed_forward = "hidden_dim",
                                .activation = "activation",
                                .epsilon = ""};
constexpr StackKeys kAlbertKeys{.default_activation = "gelu_new"};
constexpr StackKeys kClipText{.default_layers = 12,
                              .default_width = 512,
                              .default_heads = 8,
                              .default_feed_forward = 2048,
                              .default_activation = "quick_gelu",
                              .default_epsilon = 1e-5};
constexpr StackKeys kClipVision{.default_layers = 12,
                                .default_width = 768,
                                .default_heads = 12,
                                .default_feed_forward = 3072,
                                .default_activation = "quick_gelu",
                                .default_epsilon = 1e-5};

Result<StackConfig> read_stack(const Config& c, const StackKeys& keys) {
  const auto size = [&](std::string_view key, int64_t otherwise) {
    return otherwise < 0 ? c.integer(key) : c.integer_or(key, otherwise);
  };
  StackConfig s;
  s.layers = TRY(size(keys.layers, keys.default_layers));
  s.width = TRY(size(keys.width, keys.default_width));
  s.heads = TRY(size(keys.heads, keys.default_heads));
  s.feed_forward = TRY(size(keys.feed_forward, keys.default_feed_forward));
  s.activation = TRY(activation_named(TRY(c.text_or(keys.activation, keys.default_activation))));
  s.epsilon = keys.epsilon.empty() ? keys.default_epsilon
                                   : TRY(c.real_or(keys.epsilon, keys.default_epsilon));
  return s;
}

Status refuse_others(const Config& c) {
  if (c.has("quantization_config"))
    return unsupported("the weights are quantized, as 'quantization_config' has it");
  if (TRY(c.flag_or("is_decoder", false)) || TRY(c.flag_or("is_encoder_decoder", false)) ||
      TRY(c.flag_or("add_cross_attention", false)))
    return unsupported("an encoder that is used as a decoder");
  const std::string positions = TRY(c.text_or("position_embedding_type", "absolute"));
  if (positions != "absolute")
    return unsupported("positions of the kind '" + printable(positions) + "'");
  return ok();
}

// BERT's first files were saved with the names that TensorFlow has.
std::string usual_name(std::string_view name, std::string_view prefix) {
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  const auto ending = [&](std::string_view old, std::string_view now) {
    return std::string(name.substr(0, name.size() - old.size())) + std::string(now);
  };
  if (name.ends_with(".LayerNorm.gamma")) return ending("gamma", "weight");
  if (name.ends_with(".LayerNorm.beta")) return ending("beta", "bias");
  return std::string(name);
}

// CLIP's towers are saved alone with or without their own name in front.
std::string name_in_tower(std::string name, std::string_view tower) {
  for (const std::string_view begin :
       {"embeddings.", "encoder.", "final_layer_norm.", "pre_layrnorm.", "post_layernorm."})
    if (name.starts_with(begin)) return std::string(tower) + name;
  return name;
}

// The tensors, and the sources that they lie in. Names that begin with neither are in the tower.
Result<arch::Weights> take_weights(const Source& source, std::string_view prefix, Model& model,
                                   std::string_view tower = {}) {
  Checkpoint checkpoint = TRY(open_checkpoint(source.folder, source.options, source.ledger));
  TRY(source.ledger.charge_tensors(checkpoint.tensors.size()));
  arch::Weights weights;
  for (const StoredTensor& t : checkpoint.tensors) {
    if (is_buffer(t.name)) continue;
    std::string name = name_in_tower(usual_name(t.name, prefix), tower);
    TRY(source.ledger.charge(sizeof(Constant) + 3 * t.name.size(), "tensors"));
    TRY(weights.add(std::move(name), TRY(constant_of(t))));
  }
  model.sources = std::move(checkpoint.sources);
  return weights;
}

// The extents of an embedding say it best.
Result<std::pair<int64_t, int64_t>> extents_of(const arch::Weights& weights, std::string name) {
  name += ".weight";
  const TensorType* type = weights.type(name);
  if (!type || type->shape.rank() != 2)
    return fail(ErrorId::bad_data, "there is no tensor '" + name + "' of two axes");
  return std::pair(*type->shape.dims[0].constant(), *type->shape.dims[1].constant());
}

Result<std::string> class_of(const Config& config) {
  const auto classes = TRY(config.texts("architectures"));
  return classes.empty() ? std::string() : classes[0];
}

// ALBERT's layers share the tensors of their group.
Status read_groups(const Config& c, StackConfig& stack) {
  TRY(stack.check());
  const int64_t groups = TRY(c.integer_or("num_hidden_groups", 1));
  if (TRY(c.integer_or("inner_group_num", 1)) != 1)
    return unsupported("groups of several layers ('inner_group_num')");
  if (groups < 1 || groups > stack.layers)
    return fail(ErrorId::bad_data, "'num_hidden_groups' is " + std::to_string(groups) + ", with " +
                                       std::to_string(stack.layers) + " layers");
  for (int64_t i = 0; i < stack.layers; ++i)
    stack.tensors_of.push_back(int64_t(double(i) / (double(stack.layers) / double(groups))));
  return ok();
}

Status build_text(const Source& source, const arch::TextEncoder& family, Model& model) {
  const Config& c = source.config;
  TRY(refuse_others(c));
  const bool is_distil = family.name == "distilbert", is_albert = family.name == "albert";
  TextConfig text;
  text.stack = TRY(read_stack(c, is_distil ? kDistilKeys : is_albert ? kAlbertKeys : StackKeys()));
  if (is_albert) TRY(read_groups(c, text.stack));
  text.padding = TRY(c.integer_or("pad_token_id", family.positions_after_padding ? 1 : 0));
  text.tied = TRY(c.flag_or("tie_word_embeddings", true));
  arch::Weights weights = TRY(take_weights(source, family.prefix, model));
  std::tie(text.vocabulary, text.embedding) = TRY(extents_of(weights, std::string(family.words)));
  text.context = TRY(extents_of(weights, std::string(family.positions))).first;
  if (!family.types.empty()) text.types = TRY(extents_of(weights, std::string(family.types))).first;
  model.metadata["context"] = std::to_string(text.context);
  return arch::build_text_encoder(model, source.catalogue, family, text, weights, TRY(class_of(c)));
}

Result<VisionConfig> read_vision(const Config& c, const StackKeys& keys, int64_t patch) {
  VisionConfig v;
  v.stack = TRY(read_stack(c, keys));
  v.stack.norm_first = true;
  v.image = TRY(c.integer_or("image_size", 224));
  v.patch = TRY(c.integer_or("patch_size", patch));
  v.channels = TRY(c.integer_or("num_channels", 3));
  return v;
}

Status build_vit(const Source& source, Model& model) {
  TRY(refuse_others(source.config));
  const VisionConfig vision = TRY(read_vision(source.config, StackKeys(), 16));
  arch::Weights weights = TRY(take_weights(source, "vit.", model));
  return arch::build_vit(model, source.catalogue, vision, weights, TRY(class_of(source.config)));
}

Status build_clip(const Source& source, Model& model) {
  const Config& c = source.config;
  TRY(refuse_others(c));
  const std::string name = TRY(class_of(c));
  arch::ClipConfig clip;
  clip.projected = name.ends_with("WithProjection");
  const bool only_text = name.starts_with("CLIPText") || source.type == "clip_text_model";
  const bool only_vision = name.starts_with("CLIPVision") || source.type == "clip_vision_model";
  clip.has_text = !only_vision;
  clip.has_vision = !only_text;
  if (!name.empty() && name != "CLIPModel" && !only_text && !only_vision)
    return unsupported("the class '" + printable(name) +
                       "' of clip; known are CLIPModel, CLIPTextModel, CLIPVisionModel and the "
                       "last two …WithProjection");
  const std::string_view tower = only_text ? "text_model." : only_vision ? "vision_model." : "";
  arch::Weights weights = TRY(take_weights(source, "", model, tower));
  if (clip.has_text) {
    const auto inner = TRY(c.inside("text_config"));
    const Config& in = inner ? *inner : c;
    clip.text.stack = TRY(read_stack(in, kClipText));
    clip.text.stack.norm_first = clip.text.stack.causal = true;
    clip.end = TRY(in.integer_or("eos_token_id", 49407));
    const std::string embeddings = "text_model.embeddings.";
    clip.text.vocabulary = TRY(extents_of(weights, embeddings + "token_embedding")).first;
    clip.text.context = TRY(extents_of(weights, embeddings + "position_embedding")).first;
  }
  if (clip.has_vision) {
    const auto inner = TRY(c.inside("vision_config"));
    clip.vision = TRY(read_vision(inner ? *inner : c, kClipVision, 32));
  }
  // A tower of a file that holds both.
  if (!clip.has_text) weights.ignore_all("text_");
  if (!clip.has_vision) weights.ignore_all("vision_"), weights.ignore_all("visual_");
  if (only_text || only_vision) weights.ignore("logit_scale");
  if ((only_text || only_vision) && !clip.projected) {
    weights.ignore("text_projection.weight");
    weights.ignore("visual_projection.weight");
  }
  return arch::build_clip(model, source.catalogue, clip, weights);
}

}  // namespace

bool knows_encoder(std::string_view model_type) {
  return arch::text_encoder_of_hf(model_type) ||
         std::find(kVisionTypes.begin(), kVisionTypes.end(), model_type) != kVisionTypes.end();
}

std::vector<std::string> encoder_types() {
  std::vector<std::string> out(kVisionTypes.begin(), kVisionTypes.end());
  for (const arch::TextEncoder* e : arch::all_text_encoders())
    for (const std::string_view type : words_of(e->hf_types)) out.emplace_back(type);
  std::sort(out.begin(), out.end());
  return out;
}

Status build_encoder(const Source& source, Model& model) {
  if (const arch::TextEncoder* family = arch::text_encoder_of_hf(source.type))
    return build_text(source, *family, model);
  return source.type == "vit" ? build_vit(source, model) : build_clip(source, model);
}

}  // namespace hone::hf
