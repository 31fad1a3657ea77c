// Decoder-only language models as data: what tells one architecture from another, and what a file
// says of one model.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::arch {

enum class Norm : uint8_t { rms, layer };
// Which elements of a head a position turns together.
enum class Rope : uint8_t { none, neighbours, halves };
enum class Gate : uint8_t { silu, gelu };
// Of one tensor in all layers.
enum class Presence : uint8_t { none, optional, required };

// A Hugging Face name of a tensor for one of ours; {} stands for the number of the layer.
struct TensorName {
  std::string_view ours, theirs;
};

// One architecture: a line of decoders.def, a file of its own. A model is
//   x = embedding of tokens (and positions)
//   x += attention(norm(x)); x += feed_forward(norm(x)) for each layer
//   logits = output(norm(x))
// with the following differences.
struct Decoder {
  std::string_view name;      // `general.architecture` of GGUF files
  std::string_view hf_types;  // `model_type` of config.json, separated by spaces
  std::string_view doc;

  Norm norm = Norm::rms;
  Rope rope = Rope::neighbours;    // as GGUF files store weights of queries and keys
  Rope hf_rope = Rope::halves;     // as checkpoints do
  bool learned_positions = false;  // pos_embd is added to the embedding
  Presence qkv_bias = Presence::none, output_bias = Presence::none;  // of attention
  Presence ffn_bias = Presence::none;
  Presence head_norm = Presence::none;         // of each head of queries and keys, before the rope
  bool post_norms = false;                     // norms of what attention and feed-forward give
  bool fused_qkv = false, fused_gate = false;  // one tensor for several products
  bool gated = true;  // feed-forward: down(gate(a) * b), else down(gelu(a))
  Gate gate = Gate::silu;
  bool scaled_embedding = false;  // by sqrt(width)
  bool windowed = false;          // reads the settings of a sliding window
  // Layers il with il % period in front of the last one of a period have the window, the others see
  // everything; 0: all layers have it.
  int64_t window_period = 0;
  double local_rope_base = 0;  // of layers with a window; 0: as others
  int64_t no_rope_period = 0;  // every such layer has no rope; 0: none
  // GGUF files do not say it: models of so many layers scale queries by 1 / sqrt(width / heads).
  int64_t wide_query_layers = 0;
  double hf_norm_offset = 0;   // is added to weights of norms in checkpoints
  bool hf_transposed = false;  // checkpoints store products as [in, out]
  std::span<const TensorName> hf_names = {};
};

std::span<const Decoder* const> all_decoders();
const Decoder* decoder_named(std::string_view gguf_name);   // null when there is none
const Decoder* decoder_of_hf(std::string_view model_type);  // null when there is none
// "gemma2, gemma3, gpt2, …": for messages.
std::string known_decoders();

struct RopeScaling {
  enum class Kind : uint8_t { none, linear, llama3, yarn, longrope };
  Kind kind = Kind::none;
  double factor = 1;
  int64_t original_context = 0;
  double low = 1, high = 4;    // llama3: of wavelengths
  double fast = 32, slow = 1;  // yarn: rotations
  bool whole_pairs = true;     // yarn: the ends of its ramp are rounded
  double attention = 0;        // what cosines and sines are multiplied by; 0: by rule
  std::vector<float> short_factors, long_factors;  // longrope

  Status check(int64_t rotated) const;
};

// What a file says of one model. Sizes that can differ are given for each layer.
struct DecoderConfig {
  const Decoder* decoder = nullptr;
  int64_t layers = 0, width = 0, head = 0, vocabulary = 0, context = 0;
  std::vector<int64_t> heads, kv_heads, feed_forward;
  Rope rope = Rope::none;
  int64_t rotated = 0;  // elements of a head
  double epsilon = 1e-5, rope_base = 10000;
  RopeScaling scaling;
  // Of layers with a window; 0: as others. Scaling is for the others alone.
  double local_rope_base = 0;
  int64_t window = 0;
  // Which layers have the window, and which the rope, where a file says so itself; empty: as the
  // architecture has it.
  std::vector<bool> windows, ropes;
  double attention_cap = 0, logit_cap = 0;
  double query_scale = 0;   // 0: 1 / sqrt(head)
  double norm_offset = 0;   // is added to weights of norms
  bool transposed = false;  // products are stored as [in, out]

  // Plausible sizes that fit each other; nothing is built before this has been asked.
  Status check() const;
  bool has_window(int64_t layer) const;
  bool has_rope(int64_t layer) const;
};

// Turns per position of the pairs of a head: angle = position * frequency. `factors`, of a tensor
// rope_freqs, divide them. What cosines and sines are multiplied by.
struct Frequencies {
  std::vector<double> turns;
  double scale = 1;
};
Frequencies frequencies_of(const DecoderConfig& config, double base, const RopeScaling& scaling,
                           std::span<const float> factors);

}  // namespace hone::arch
