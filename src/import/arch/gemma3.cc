// Gemma 3, text: norms of each head, five layers with a window to one without.
#include "import/arch/hf_names.h"

namespace hone::arch {

const Decoder& gemma3_decoder() {
  static constexpr Decoder kDecoder{
      .name = "gemma3",
      .hf_types = "gemma3_text",
      .doc = "Gemma 3, text (Gemma Team 2025)",
      .rope = Rope::halves,
      .head_norm = Presence::required,
      .post_norms = true,
      .gate = Gate::gelu,
      .scaled_embedding = true,
      .windowed = true,
      .window_period = 6,
      .local_rope_base = 10000,
      .wide_query_layers = 62,  // of 27B
      .hf_norm_offset = 1,
      .hf_names = kGemmaNames,
  };
  return kDecoder;
}

}  // namespace hone::arch
