// Models as Hugging Face publishes them: a folder with config.json and weights in safetensors
// files.
#pragma once

#include <memory>
#include <span>

#include "import/hf/decoder.h"
#include "import/importers.h"

namespace hone::hf {

// A JSON object that names a type of model.
bool looks_like_hf(std::span<const std::byte> file);
// `file` is the config.json; weights are opened beneath its folder.
Result<Model> import_mapped(const std::shared_ptr<const MappedFile>& file,
                            const Catalogue& catalogue, const ImportOptions& options);
// The settings and tensors of a decoder-only language model, for those who store them in another
// way; `unsupported_feature` for other models. The graph is built too, so that what is wrong with
// them is told as importing would.
Result<DecoderFiles> open_decoder(const MappedFile& file, const Catalogue& catalogue,
                                  const ImportOptions& options);

}  // namespace hone::hf
