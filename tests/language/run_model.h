// Language models as the tests of this folder run them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/language_model.h"

namespace hone::test {

using Logits = std::vector<std::vector<float>>;  // by token

// Opened with a context of 512 tokens; a failure is one of the test.
LanguageModel opened(const std::string& path, int threads = 1, std::string backend = "auto",
                     LanguageOptions language = {});

void append(Logits& to, std::span<const float> logits, int64_t vocabulary);

// The logits of all tokens, in steps of so many.
Logits logits_of(Engine& engine, Engine::SequenceId id, std::span<const int32_t> tokens,
                 size_t step);

// Mean Kullback-Leibler divergence, in nats a token.
double divergence(const Logits& exact, const Logits& other);

}  // namespace hone::test
