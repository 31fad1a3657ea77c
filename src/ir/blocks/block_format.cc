// The table of block formats.
#include "ir/blocks/block_format.h"

#include <array>

#include "ir/blocks/codecs.h"

namespace hone {
namespace {

constexpr std::array kFormats{
#define BLOCK(name, ggml_type, elements, bytes) \
  BlockFormat{#name, ggml_type, elements, bytes, decode_##name},
#include "ir/blocks/block_formats.def"
#undef BLOCK
};

}  // namespace

std::span<const BlockFormat> all_block_formats() { return kFormats; }

const BlockFormat* block_format(std::string_view name) {
  for (const BlockFormat& format : kFormats) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

const BlockFormat* block_format_of_ggml(int32_t ggml_type) {
  if (ggml_type < 0) return nullptr;
  for (const BlockFormat& format : kFormats) {
    if (format.ggml_type == ggml_type) return &format;
  }
  return nullptr;
}

}  // namespace hone
