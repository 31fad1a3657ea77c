// Names of a model's constants as GGUF files have them, by which formats are chosen.
#pragma once

#include <optional>
#include <string>

#include "import/arch/decoder.h"
#include "import/hf/names.h"
#include "ir/model.h"

namespace hone::compress {

class RoleNames {
 public:
  // Of a model that came from a Hugging Face folder, by its type; others keep their names.
  explicit RoleNames(const Model& model) {
    const auto type = model.metadata.find("model_type");
    if (type == model.metadata.end()) return;
    if (const arch::Decoder* decoder = arch::decoder_of_hf(type->second))
      names_.emplace(decoder->hf_names);
  }
  std::string operator()(const std::string& name) const {
    return names_ ? names_->ours(name).value_or(name) : name;
  }

 private:
  std::optional<hf::Names> names_;
};

}  // namespace hone::compress
