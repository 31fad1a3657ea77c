// Builds the graph of a text encoder.
#pragma once

#include "import/arch/encoder.h"
#include "import/arch/weights.h"
#include "ir/op.h"

namespace hone::arch {

// The main graph of an empty model:
//   input_ids, attention_mask i64[N,L], and token_type_ids i64[N,L] where there are several types
//   last_hidden_state f32[N,L,W]
//   pooler_output f32[N,W] where `class_name` has no head and the family a pooler
//   what the head of the class gives: logits, …
// Tensors of heads of other classes are left out. Fails with `unsupported_feature` for a class that
// the family does not have, naming those that it has.
Status build_text_encoder(Model& model, const Catalogue& catalogue, const TextEncoder& family,
                          const TextConfig& config, Weights& weights, std::string_view class_name);

}  // namespace hone::arch
