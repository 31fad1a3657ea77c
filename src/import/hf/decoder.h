// Decoder-only language models of Hugging Face folders.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "import/hf/checkpoint.h"
#include "import/hf/decoder_config.h"
#include "import/hf/source.h"
#include "ir/model.h"

namespace hone::hf {

// Is it a decoder's model_type, or a type that holds such a decoder beside other things?
bool knows_decoder(std::string_view model_type);
std::vector<std::string> decoder_types();

// What a folder holds of a decoder: its settings, and its tensors under our names.
struct DecoderFiles {
  DecoderSettings settings;
  Checkpoint checkpoint;
  struct Named {
    std::string name;
    size_t tensor;  // of the checkpoint
  };
  std::vector<Named> tensors;  // in the order of the files, without buffers and parts that see
};
Result<DecoderFiles> open_decoder(const Source& source);

// Adds the graph of one step, as arch::build_decoder does, and the sources of the weights.
Status build_decoder(const Source& source, Model& model);

}  // namespace hone::hf
