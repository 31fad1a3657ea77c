// Encoders as data: BERT and its relatives, and the towers of vision transformers. What tells one
// family from another, and what a file says of one model.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::arch {

enum class Activation : uint8_t { none, gelu, gelu_tanh, quick_gelu, relu, silu, tanh };

// The layers of a transformer; {} in a name stands for the number of the layer. Each name is that
// of a weight and a bias.
struct LayerNames {
  std::string_view query, key, value, attended;  // products of attention
  std::string_view attention_norm;
  std::string_view up, down;  // products of feed-forward
  std::string_view output_norm;
};

// What is computed of the hidden states at the end; a class of models has one or more.
struct Head {
  enum class From : uint8_t { tokens, first, pooled };
  std::string_view ending;  // of the class: "ForMaskedLM"
  From from = From::tokens;
  // A product with its activation and a norm before the last one; "" for none.
  std::string_view dense = {}, norm = {};
  Activation activation = Activation::none;
  bool own_activation = false;  // the one of the layers is taken instead
  std::string_view out;         // the last product
  // The embedding of tokens serves for its weight, where they are tied; its bias.
  bool tied = false;
  std::string_view bias = {};
  bool squeezed = false;                // the last axis, of extent 1, goes
  std::string_view outputs = "logits";  // several, of extent 1 each, are separated by spaces
};

// A family of text encoders.
struct TextEncoder {
  std::string_view name;
  std::string_view hf_types;  // `model_type` of config.json, separated by spaces
  std::string_view doc;
  std::string_view prefix;  // of the names of tensors; may be missing in a file

  std::string_view words = "embeddings.word_embeddings",
                   positions = "embeddings.position_embeddings",
                   types = "embeddings.token_type_embeddings",  // "" for none
      embedding_norm = "embeddings.LayerNorm",
                   projection = {},      // of embeddings to the width, where they differ
      relative_bias = {};                // of scores by distance, shared by all layers
  bool positions_after_padding = false;  // counted from what is no padding, above its number
  LayerNames layer;
  std::string_view pooler = {};  // a product and tanh of the first token; "" for none
  std::span<const Head> heads;
};

std::span<const TextEncoder* const> all_text_encoders();
const TextEncoder* text_encoder_of_hf(std::string_view model_type);  // null when there is none

// A transformer's layers.
struct StackConfig {
  int64_t layers = 0, width = 0, heads = 0, feed_forward = 0;
  double epsilon = 1e-12;
  Activation activation = Activation::gelu;
  bool norm_first = false;  // before attention and feed-forward, else behind the sums
  bool causal = false;
  std::vector<int64_t> tensors_of;  // by layer, whose tensors it has; empty: its own

  // Plausible sizes that fit each other; nothing is built before this has been asked.
  Status check() const;
};

struct TextConfig {
  StackConfig stack;
  int64_t vocabulary = 0, context = 0, types = 0, embedding = 0;
  int64_t padding = 0;  // its token
  bool tied = true;
};

struct VisionConfig {
  StackConfig stack;
  int64_t image = 0, patch = 0, channels = 0;
};

}  // namespace hone::arch
