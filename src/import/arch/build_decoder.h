// Builds the graph of a decoder-only language model.
#pragma once

#include "import/arch/decoder.h"
#include "import/arch/weights.h"
#include "import/options.h"

namespace hone::arch {

// One step of any mix of sequences, as the main graph of an empty model:
//   tokens, positions i64[T]   the rows: of prompts, of texts that go on, of guesses
//   slots i64[T]               where in the cache the keys and values of each row go
//   starts i64[S+1], lengths i64[S], table i64[S,P]   as paged_attention takes them
//   wanted i64[W]              the rows whose logits are asked for
//   logits f32[W,V]
// with a cache of `pages` pages of 64 slots as states, two for each layer (four where it is of
// bytes).
Status build_decoder(Model& model, const Catalogue& catalogue, const DecoderConfig& config,
                     Weights& weights, const LanguageOptions& options);

}  // namespace hone::arch
