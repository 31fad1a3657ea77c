// Llama 1 to 3.2, and models built alike: Mistral, SmolLM, TinyStories.
#include "import/arch/hf_names.h"

namespace hone::arch {

const Decoder& llama_decoder() {
  static constexpr Decoder kDecoder{
      .name = "llama",
      .hf_types = "llama mistral",
      .doc = "Llama 1 to 3 (Touvron et al. 2023, Dubey et al. 2024), Mistral, SmolLM",
      .qkv_bias = Presence::optional,
      .output_bias = Presence::optional,
      .ffn_bias = Presence::optional,
      .windowed = true,
      .hf_names = kLlamaNames,
  };
  return kDecoder;
}

}  // namespace hone::arch
