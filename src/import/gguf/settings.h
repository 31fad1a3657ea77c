// What a GGUF file says of a language model, read and written.
#pragma once

#include "formats/gguf_files.h"
#include "formats/gguf_writer.h"
#include "import/arch/decoder.h"

namespace hone::gguf {

// Reads the keys of the file's architecture; sizes that are not given are those of the tensors.
// Fails with `unsupported_feature` where the architecture is not known, naming those that are.
Result<arch::DecoderConfig> read_config(const GgufFiles& files, Ledger& ledger);

// The keys that read_config reads. Factors of single frequencies are tensors in such files, and
// written by others: those of `rope_tensors`. Fails with `unsupported_feature` for settings that no
// key says.
Status write_config(const arch::DecoderConfig& config, GgufMetadata& to);

struct RopeTensor {
  std::string name;
  std::vector<float> factors;
};
std::vector<RopeTensor> rope_tensors(const arch::DecoderConfig& config);

}  // namespace hone::gguf
