// Bytes that belong to a model and that no graph reads, such as its tokenizer. They travel in its
// artefacts.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"

namespace hone {

// What the tokenizer of a language model is attached as.
inline constexpr std::string_view kTokenizerAttachment = "tokenizer";

class Attachment {
 public:
  virtual ~Attachment() = default;
  // May make them when they are first asked for; they stay as long as this does. None where there
  // turns out to be nothing to attach.
  virtual Result<std::span<const std::byte>> bytes() const = 0;
};

}  // namespace hone
