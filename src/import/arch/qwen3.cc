// Qwen 3: norms of each head of queries and keys.
#include "import/arch/hf_names.h"

namespace hone::arch {

const Decoder& qwen3_decoder() {
  static constexpr Decoder kDecoder{
      .name = "qwen3",
      .hf_types = "qwen3",
      .doc = "Qwen 3, dense (Yang et al. 2025)",
      .rope = Rope::halves,
      .head_norm = Presence::required,
      .hf_names = kLlamaNames,
  };
  return kDecoder;
}

}  // namespace hone::arch
