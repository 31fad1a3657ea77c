// SmolLM 3: every fourth layer knows no positions.
#include "import/arch/hf_names.h"

namespace hone::arch {

const Decoder& smollm3_decoder() {
  static constexpr Decoder kDecoder{
      .name = "smollm3",
      .hf_types = "smollm3",
      .doc = "SmolLM 3 (Hugging Face 2025)",
      .no_rope_period = 4,
      .hf_names = kLlamaNames,
  };
  return kDecoder;
}

}  // namespace hone::arch
