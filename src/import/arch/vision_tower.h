// What vision transformers begin with: an image as a row of patches.
#pragma once

#include <string>

#include "import/arch/encoder.h"
#include "import/arch/weights.h"
#include "ir/builder.h"

namespace hone::arch {

struct PatchNames {
  std::string_view patches;  // the convolution, with ".weight"; ".bias" where there is one
  std::string_view first;    // the vector in front of the patches
  Extents first_shape;       // as it is stored
  std::string_view positions;
  bool batched = false;  // positions are stored with a batch of one
};

// pixel_values [N, C, H, W] as [N, 1 + P, W], positions added.
Result<ValueId> embed_patches(Builder& b, Weights& weights, const VisionConfig& config,
                              const PatchNames& names, ValueId pixels);

// An input "pixel_values" of `batch` images.
ValueId add_pixels(Builder& b, const VisionConfig& config, const char* batch);

Status check(const VisionConfig& config);

}  // namespace hone::arch
