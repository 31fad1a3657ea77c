// Which format each tensor of a model gets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "compress/tensor_source.h"

namespace hone::compress {

struct MixInfo {
  std::string_view name;
  int32_t file_type;  // "general.file_type"; -1: none
  std::string_view base, doc;
};
std::span<const MixInfo> all_mixes();                     // in the order of mixes.def
Result<const MixInfo*> mix_named(std::string_view name);  // `usage`, with the closest name

// A storage format that tensors can be turned into: f32, f16, bf16, or blocks.
struct Format {
  std::string_view name;
  int32_t ggml_type;  // -1: GGUF files cannot hold it
  int64_t elements, bytes;

  bool is_blocks() const { return elements > 1; }
};
std::optional<Format> format_named(std::string_view name);

struct Override {
  std::string pattern;  // of names: `*` is any text, `?` any character
  std::string format;
};
Result<Override> parse_override(std::string_view text);  // "blk.*.ffn_down.weight=q6_k"

struct PlanOptions {
  std::string mix;
  bool pure = false;         // the base format for every matrix
  bool keep_output = false;  // the output matrix as it is
  bool has_importance = false;
  std::vector<Override> overrides;  // the first that matches
};

struct PlannedTensor {
  std::optional<Format> format;  // none: copied as it is
  uint64_t bytes = 0;            // then
  std::string fallback_from;     // the format that does not fit the rows, "" where it fits
};
// In the order of the source's tensors.
Result<std::vector<PlannedTensor>> plan(const TensorSource& source, const PlanOptions& options);

}  // namespace hone::compress
