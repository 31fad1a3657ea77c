// The settings of rotary positions in a config.json, in the spellings of all versions.
#pragma once

#include <string_view>

#include "import/arch/decoder.h"
#include "import/hf/config.h"

namespace hone::hf {

// Sets what a file says of the rope: the part of a head that is turned, bases, scaling. The head's
// size and the context are read already; bases hold what counts where the file says nothing. Fails
// with `unsupported_feature` for scalings that change from step to step.
Status read_rope(const Config& config, std::string_view model_type, arch::DecoderConfig& to);

}  // namespace hone::hf
