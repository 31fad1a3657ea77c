// Formats that store a tensor in blocks: so many consecutive elements of a row share scales.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hone {

// One line of block_formats.def. What makes blocks of elements is in kernels/block_codecs.
struct BlockFormat {
  std::string_view name;  // "q4_k", as the tools of GGUF files spell it, in lower case
  int32_t ggml_type;      // its number in GGUF files; -1: none, the format lives in .hone only
  int64_t elements;       // of one block; rows are whole numbers of blocks
  int64_t bytes;          // of one block

  // `count` blocks to elements, exactly as the format defines them. Blocks may lie at any address.
  void (*decode)(const std::byte* blocks, int64_t count, float* elements);
};

// The formats in the order of block_formats.def; they stay where they are.
std::span<const BlockFormat> all_block_formats();
const BlockFormat* block_format(std::string_view name);      // null when there is none
const BlockFormat* block_format_of_ggml(int32_t ggml_type);  // null when there is none

}  // namespace hone
