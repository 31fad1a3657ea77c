// Decoding of f32 that is stored in 16 bits, as blocks of one element.
#include <bit>

#include "ir/blocks/block_bytes.h"
#include "ir/blocks/codecs.h"

namespace hone {

// As f16_to_f32, without branches.
void decode_f16(const std::byte* blocks, int64_t count, float* elements) {
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = load_at<uint16_t>(blocks + i * 2), shifted = (bits & 0x7fff) << 13;
    const auto scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(shifted) * 0x1p112f);
    const uint32_t body = (bits & 0x7c00) == 0x7c00 ? shifted | 0x7f800000 : scaled;
    elements[i] = std::bit_cast<float>(body | (bits & 0x8000) << 16);
  }
}

void decode_bf16(const std::byte* blocks, int64_t count, float* elements) {
  for (int64_t i = 0; i < count; ++i) {
    elements[i] = std::bit_cast<float>(uint32_t{load_at<uint16_t>(blocks + i * 2)} << 16);
  }
}

}  // namespace hone
