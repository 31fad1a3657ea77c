// Which tensors the architectures of decoders have.
#pragma once

#include <string>
#include <vector>

#include "import/arch/decoder.h"
#include "ir/dim.h"
#include "ir/tensor.h"

namespace hone::arch {

struct NamedShape {
  std::string name;  // as in GGUF files
  Extents shape;
};

// Those of a model of this configuration, optional ones included. `own_output`: the output matrix
// is not the embedding.
std::vector<NamedShape> tensors_of(const DecoderConfig& config, bool own_output);

}  // namespace hone::arch
