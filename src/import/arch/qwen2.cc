// Qwen 1.5, 2 and 2.5: Llama with biases of queries, keys and values.
#include "import/arch/hf_names.h"

namespace hone::arch {

const Decoder& qwen2_decoder() {
  static constexpr Decoder kDecoder{
      .name = "qwen2",
      .hf_types = "qwen2",
      .doc = "Qwen 1.5, 2 and 2.5 (Yang et al. 2024)",
      .rope = Rope::halves,
      .qkv_bias = Presence::required,
      .hf_names = kLlamaNames,
  };
  return kDecoder;
}

}  // namespace hone::arch
