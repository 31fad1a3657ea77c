// What a config.json says of a decoder-only language model.
#pragma once

#include <string_view>

#include "import/arch/decoder.h"
#include "import/hf/config.h"

namespace hone::hf {

struct DecoderSettings {
  arch::DecoderConfig config;
  bool tied = false;  // the embedding serves for the output
};

// `model_type` is one of the decoder's hf_types. Settings that are not there are those of the class
// that the type stands for. The size of the vocabulary is that of the embedding, and is left to the
// caller. Fails with `unsupported_feature` for settings that would make another model.
Result<DecoderSettings> read_decoder_config(const Config& config, const arch::Decoder& decoder,
                                            std::string_view model_type);

}  // namespace hone::hf
