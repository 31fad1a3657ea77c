// Encoders of Hugging Face folders: BERT and its relatives, ViT, CLIP.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "import/hf/source.h"
#include "ir/model.h"

namespace hone::hf {

bool knows_encoder(std::string_view model_type);
std::vector<std::string> encoder_types();
// Adds the graph of the class that `architectures` names first, and the sources of the weights.
Status build_encoder(const Source& source, Model& model);

}  // namespace hone::hf
