// Builds the graphs of vision transformers: ViT, and CLIP with its tower for texts.
#pragma once

#include "import/arch/encoder.h"
#include "import/arch/weights.h"
#include "ir/op.h"

namespace hone::arch {

// The main graph of an empty model:
//   pixel_values f32[N,C,H,W]
//   last_hidden_state f32[N,1+P,W], and pooler_output f32[N,W] where there is a pooler; or of a
//   class that ends with ForImageClassification: logits f32[N,K]
// Names of tensors are without "vit.".
Status build_vit(Model& model, const Catalogue& catalogue, const VisionConfig& config,
                 Weights& weights, std::string_view class_name);

struct ClipConfig {
  bool has_text = false, has_vision = false;
  bool projected = false;  // of a single tower: into the space that both share
  TextConfig text;
  int64_t end = 2;  // the token whose state stands for a text
  VisionConfig vision;
};

// The main graph of an empty model: of CLIP's text tower input_ids, attention_mask i64[N,L], of its
// vision tower pixel_values f32[M,C,H,W].
//   both: logits_per_image [M,N], logits_per_text [N,M], text_embeds, image_embeds (of length 1)
//   one: last_hidden_state, and pooler_output or where projected text_embeds or image_embeds
Status build_clip(Model& model, const Catalogue& catalogue, const ClipConfig& config,
                  Weights& weights);

}  // namespace hone::arch
