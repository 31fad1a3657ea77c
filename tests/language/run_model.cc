#include "run_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace hone::test {

LanguageModel opened(const std::string& path, int threads, std::string backend,
                     LanguageOptions language) {
  LanguageModelOptions options;
  options.compile.threads = threads;
  options.compile.backend = std::move(backend);
  options.open.language = language;
  options.engine.context = 512;
  options.engine.capacity = 1024;
  auto model = open_language_model(path, options);
  EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().message);
  return model.take();
}

void append(Logits& to, std::span<const float> logits, int64_t vocabulary) {
  for (size_t at = 0; at < logits.size(); at += size_t(vocabulary))
    to.emplace_back(logits.begin() + int64_t(at), logits.begin() + int64_t(at) + vocabulary);
}

// The logits of all tokens, in steps of so many.
Logits logits_of(Engine& engine, Engine::SequenceId id, std::span<const int32_t> tokens,
                 size_t step) {
  Logits out;
  for (size_t at = 0; at < tokens.size(); at += step) {
    const Engine::Piece piece{id, tokens.subspan(at, std::min(step, tokens.size() - at)),
                              Engine::Piece::Wanted::all};
    auto logits = engine.step({&piece, 1});
    EXPECT_TRUE(logits.ok()) << (logits.ok() ? "" : logits.error().message);
    if (!logits) return out;
    append(out, *logits, engine.vocabulary());
  }
  return out;
}

double divergence(const Logits& exact, const Logits& other) {
  double sum = 0;
  for (size_t t = 0; t < exact.size(); ++t) {
    const auto share = [&](const std::vector<float>& x) {
      double most = -INFINITY, total = 0;
      for (const float v : x) most = std::max(most, double(v));
      for (const float v : x) total += std::exp(double(v) - most);
      return most + std::log(total);
    };
    const double p = share(exact[t]), q = share(other[t]);
    for (size_t i = 0; i < exact[t].size(); ++i) {
      const double log_p = exact[t][i] - p, log_q = other[t][i] - q;
      sum += std::exp(log_p) * (log_p - log_q);
    }
  }
  return sum / double(exact.size());
}

}  // namespace hone::test
