// Gemma 2: norms behind attention and feed-forward too, capped scores and logits, every other layer
// with a window.
#include "import/arch/hf_names.h"

namespace hone::arch {

const Decoder& gemma2_decoder() {
  static constexpr Decoder kDecoder{
      .name = "gemma2",
      .hf_types = "gemma2",
      .doc = "Gemma 2 (Gemma Team 2024)",
      .rope = Rope::halves,
      .post_norms = true,
      .gate = Gate::gelu,
      .scaled_embedding = true,
      .windowed = true,
      .window_period = 2,
      .wide_query_layers = 46,  // of 27B
      .hf_norm_offset = 1,
      .hf_names = kGemmaNames,
  };
  return kDecoder;
}

}  // namespace hone::arch
