// Times language models: tokens per second of reading a prompt, and of going on from nothing.
//
//   hone_bench_language MODEL [THREADS] [PREFILL] [DECODE] [ROUNDS] [trace.json]
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "api/language_model.h"

int main(int argc, char** argv) {
  const auto now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
  const auto number = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  const int threads = number(2, 2), prefill = number(3, 512), decode = number(4, 128),
            rounds = number(5, 3);
  hone::LanguageModelOptions options;
  hone::Trace trace;
  options.compile.threads = threads;
  options.engine.context = prefill + decode + 64;
  options.engine.capacity = 2 * options.engine.context;
  if (argc > 6) options.engine.trace = &trace;
  const double start = now();
  auto model = hone::open_language_model(argv[1], options);
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().message.c_str());
    return 1;
  }
  std::printf("ready %.3f s\n", now() - start);
  hone::Engine& engine = model->engine;
  std::vector<int32_t> prompt;
  for (int i = 0; i < prefill; ++i)
    prompt.push_back(int32_t((i * 7919 + 13) % engine.vocabulary()));
  for (int round = 0; round < rounds; ++round) {
    const auto step = [&](hone::Engine::SequenceId id, std::span<const int32_t> tokens) {
      const hone::Engine::Piece piece{id, tokens};
      auto logits = engine.step({&piece, 1});
      if (!logits) {
        std::fprintf(stderr, "%s\n", logits.error().message.c_str());
        std::exit(1);
      }
      return (*logits)[0];
    };
    const auto reading = engine.open(), going_on = engine.open();
    const double a = now();
    float sum = prefill > 0 ? step(reading, prompt) : 0;
    const double b = now();
    for (int i = 0; i < decode; ++i) {
      const auto token = int32_t((i * 31 + 5) % engine.vocabulary());
      sum += step(going_on, {&token, 1});
    }
    const double c = now();
    std::printf("prefill %.1f tok/s, decode %.1f tok/s (%g)\n", prefill / (b - a), decode / (c - b),
                double(sum));
    engine.close(reading);
    engine.close(going_on);
  }
  if (argc > 6 && !trace.write(argv[6])) return 1;
  return 0;
}
