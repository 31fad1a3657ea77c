#include "cli/benchmark_language.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "api/language_model.h"
#include "api/shapes.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/benchmark_rows.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "measure/statistics.h"

namespace hone::cli {
namespace {

constexpr int64_t kMost = 1 << 20;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Work {
  int64_t prefill = 0, decode = 0, depth = 0;
};

Result<Work> work_of(const Arguments& arguments) {
  const Work work{arguments.integer("--prefill"), arguments.integer("--decode"),
                  arguments.integer("--depth")};
  for (const int64_t n : {work.prefill, work.decode, work.depth})
    if (n < 0 || n > kMost)
      return fail(ErrorId::usage,
                  fmt::format("--prefill, --decode and --depth take numbers up to {}", kMost));
  if (work.prefill == 0 && work.decode == 0)
    return fail(ErrorId::usage, "--prefill 0 --decode 0 leaves nothing to measure");
  for (const char* flag : {"--engines", "--op", "--dims", "--bind", "--expected", "--calibration",
                           "--samples", "--seconds"})
    if (arguments.has(flag))
      return fail(ErrorId::usage,
                  fmt::format("{} is not for language models, which --prefill, --decode and "
                              "--depth measure",
                              flag));
  return work;
}

// One model with one number of threads.
class LanguageRow {
 public:
  static Result<LanguageRow> open(const Arguments& arguments, const std::string& path, int threads,
                                  const Work& work) {
    LanguageModelOptions options;
    options.open = open_options(arguments);
    options.compile = compile_options(arguments.config, "cached");
    options.compile.threads = threads;
    options.engine.context = work.depth + std::max(work.prefill, work.decode) + 1;
    options.engine.capacity = 2 * options.engine.context;
    const double start = now();
    LanguageModel model = TRY(open_language_model(path, options));
    return LanguageRow(path, threads, work, std::move(model), now() - start);
  }

  // One more measurement of each kind.
  Status measure(bool counts) {
    if (work_.prefill > 0) {
      const auto sequence = TRY(filled());
      const double start = now();
      TRY(step(sequence, tokens(work_.prefill, 13)));
      if (counts) prefill_.push_back({now() - start});
      model_.engine.close(sequence);
    }
    if (work_.decode > 0) {
      const auto sequence = TRY(filled());
      const auto texts = tokens(work_.decode, 5);
      const double start = now();
      for (const int32_t token : texts) TRY(step(sequence, {&token, 1}));
      if (counts) decode_.push_back({now() - start});
      model_.engine.close(sequence);
    }
    return ok();
  }

  void add_lines(std::vector<std::vector<std::string>>& lines) const {
    for (const auto& [phase, count, rounds] : phases()) {
      const measure::Interval rate = rate_of(count, *rounds);
      lines.push_back(
          {printable(path_), std::to_string(threads_), fmt::format("{} {}", phase, count),
           std::to_string(work_.depth), fmt::format("{:.1f}", rate.median),
           std::isnan(rate.low) ? "-" : fmt::format("{:.1f} to {:.1f}", rate.low, rate.high),
           fmt::format("{:.1f}", double(count) / least(*rounds)), human_seconds(ready_s_)});
    }
  }

  void write(JsonWriter& json) const {
    for (const auto& [phase, count, rounds] : phases()) {
      const measure::Interval rate = rate_of(count, *rounds);
      json.begin_object();
      json.member("model", path_);
      json.member("threads", threads_);
      json.member("phase", phase);
      json.member("tokens", count);
      json.member("depth", work_.depth);
      json.key("tokens_per_s");
      json.begin_object();
      json.member("median", rate.median);
      json.member("low", rate.low);
      json.member("high", rate.high);
      json.member("n", rate.n);
      json.end_object();
      json.member("best_tokens_per_s", double(count) / least(*rounds));
      json.member("ready_s", ready_s_);
      if (const auto weights = synthetic_weights(model_.program->model()); !weights.empty())
        json.member("weights", weights);
      json.key("rounds_s");
      json.begin_array();
      for (const auto& round : *rounds) json.value(round[0]);
      json.end_array();
      json.end_object();
    }
  }
  std::string_view weights() const { return synthetic_weights(model_.program->model()); }

 private:
  LanguageRow(std::string path, int threads, const Work& work, LanguageModel model, double ready_s)
      : path_(std::move(path)),
        threads_(threads),
        work_(work),
        model_(std::move(model)),
        ready_s_(ready_s) {}

  struct Phase {
    std::string_view name;
    int64_t count;
    const measure::Rounds* rounds;
  };
  std::vector<Phase> phases() const {
    std::vector<Phase> all;
    if (work_.prefill > 0) all.push_back({"prefill", work_.prefill, &prefill_});
    if (work_.decode > 0) all.push_back({"decode", work_.decode, &decode_});
    return all;
  }

  static measure::Interval rate_of(int64_t count, const measure::Rounds& rounds) {
    measure::Rounds rates = rounds;
    for (auto& round : rates)
      for (double& seconds : round) seconds = double(count) / seconds;
    return measure::median_of(rates);
  }
  static double least(const measure::Rounds& rounds) {
    double found = rounds[0][0];
    for (const auto& round : rounds) found = std::min(found, round[0]);
    return found;
  }

  // Tokens that follow no pattern which anything could use.
  std::vector<int32_t> tokens(int64_t count, int64_t first) const {
    std::vector<int32_t> all;
    for (int64_t i = 0; i < count; ++i)
      all.push_back(int32_t((i * 7919 + first) % model_.engine.vocabulary()));
    return all;
  }
  Result<Engine::SequenceId> filled() {
    const auto sequence = model_.engine.open();
    if (work_.depth > 0) TRY(step(sequence, tokens(work_.depth, 29)));
    return sequence;
  }
  Status step(Engine::SequenceId sequence, std::span<const int32_t> some) {
    const Engine::Piece piece{sequence, some};
    TRY(model_.engine.step({&piece, 1}));
    return ok();
  }

  std::string path_;
  int threads_;
  Work work_;
  LanguageModel model_;
  double ready_s_;
  measure::Rounds prefill_, decode_;
};

}  // namespace

std::vector<Flag> language_benchmark_flags() {
  using Kind = Flag::Kind;
  return {
      {"--prefill", Kind::integer, "N", "of language models: tokens of a prompt that is read",
       "512"},
      {"--decode", Kind::integer, "N", "of language models: tokens that follow one by one", "128"},
      {"--depth", Kind::integer, "N", "of language models: tokens that are in the cache before",
       "0"}};
}

bool measures_language(const Arguments& arguments) {
  return arguments.has("--prefill") || arguments.has("--decode") || arguments.has("--depth");
}

Result<int> benchmark_language(const Arguments& arguments, const std::vector<int>& threads) {
  const Work work = TRY(work_of(arguments));
  if (arguments.positionals().empty())
    return fail(ErrorId::usage, "what is to be measured: MODEL is missing");
  std::vector<LanguageRow> rows;
  for (const std::string& path : arguments.positionals()) {
    for (const int count : threads)
      rows.push_back(TRY(LanguageRow::open(arguments, path, count, work)));
    if (!rows.back().weights().empty()) note(arguments, rows.back().weights());
  }
  // In turn, so that what disturbs the machine disturbs all; the first round warms up.
  const int64_t rounds = arguments.integer("--rounds");
  Progress progress(arguments);
  for (int64_t round = 0; round <= rounds; ++round) {
    for (LanguageRow& row : rows) TRY(row.measure(round > 0));
    progress.show("round", size_t(round), size_t(rounds));
  }
  progress.hide();
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      write_machine(json);
      json.key("results");
      json.begin_array();
      for (const LanguageRow& row : rows) row.write(json);
      json.end_array();
      json.member("peak_memory_bytes", peak_memory_bytes());
      json.end_object();
    });
    return 0;
  }
  std::vector<std::vector<std::string>> lines{
      {"model", "threads", "tokens", "depth", "tokens/s", "95 % interval", "best", "ready"}};
  for (const LanguageRow& row : rows) row.add_lines(lines);
  put(table(lines, {1, 3, 4, 5, 6, 7}, ""));
  return 0;
}

}  // namespace hone::cli
