// Small language models with random weights, written as GGUF files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone::test {

struct TinyShape {
  int64_t layers = 2, width = 256, heads = 4, kv_heads = 2, head = 64, feed_forward = 512,
          vocabulary = 300;
};

// A Llama of this shape whose matrices are in blocks of a format, "f32" for none.
Status write_tiny_llama(const std::string& path, std::string_view format,
                        const TinyShape& shape = {});

}  // namespace hone::test
