// Named tensors that are to be stored in another way, wherever they come from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "formats/byte_sink.h"
#include "formats/gguf_files.h"
#include "import/hf/decoder.h"

namespace hone::compress {

struct NamedTensor {
  std::string name;              // as GGUF files call it: "blk.0.ffn_down.weight"
  std::vector<int64_t> extents;  // outermost first
  std::string stored;            // "f16", "q8_0"
  uint64_t bytes = 0;
  int32_t ggml_type = -1;  // of what is stored; -1: GGUF files cannot hold it

  int64_t columns() const { return extents.empty() ? 1 : extents.back(); }
  int64_t rows() const;  // of the last axis
  int64_t elements() const { return rows() * columns(); }
};

// What the choice of formats depends on beside names.
struct ModelFacts {
  int64_t query_heads_per_key = 1;
};

class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual const std::vector<NamedTensor>& tensors() const = 0;
  virtual ModelFacts facts() const { return {}; }
  // Rows of a tensor as f32; may be called by several threads. Only of those that can be read.
  virtual void read(size_t tensor, int64_t first_row, int64_t rows, float* out) const = 0;
  virtual bool can_read(size_t tensor) const = 0;
  // Do its bytes lie in a mapped file, so that they may leave memory when they have been read?
  virtual bool is_mapped(size_t tensor) const = 0;
  // As it is stored: where its bytes lie in memory.
  virtual std::span<const std::byte> stored(size_t tensor) const = 0;
  // The same in the order of the rows that are read, which a file may have in another one.
  virtual Status copy(size_t tensor, const ByteSink& sink) const { return sink(stored(tensor)); }
};

// The tensors of GGUF files, which must outlive it.
Result<std::unique_ptr<TensorSource>> gguf_source(const GgufFiles& files);

// The tensors of a decoder in a Hugging Face folder as GGUF files have them: by their names,
// queries and keys in the order in which the rope turns them there, products as [out, in], and
// weights of norms with what the architecture adds to them. Vectors are f32. Must not outlive
// `files`.
Result<std::unique_ptr<TensorSource>> hf_source(const hf::DecoderFiles& files);

}  // namespace hone::compress
