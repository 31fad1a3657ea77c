// What the tokens so far do to the logits of the next one.
#pragma once

#include <cstdint>
#include <span>

#include "text/sampling/sampler.h"

namespace hone {

// Repetition, frequency and presence.
void penalize(const SamplingOptions& options, std::span<const int32_t> history,
              std::span<float> logits);
// DRY: what would go on repeating a sequence, by the length of the repetition.
void penalize_repetitions(const SamplingOptions& options, std::span<const int32_t> history,
                          std::span<float> logits);

}  // namespace hone
