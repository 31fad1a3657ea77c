// Declares decode_NAME of every line of block_formats.def.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hone {

#define BLOCK(name, ggml_type, elements, bytes) \
  void decode_##name(const std::byte* blocks, int64_t count, float* elements_of_blocks);
#include "ir/blocks/block_formats.def"
#undef BLOCK

}  // namespace hone
