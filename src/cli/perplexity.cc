// `hone perplexity`: how well a language model foretells a text.
#include "text/perplexity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/commands.h"
#include "cli/language.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

constexpr int64_t kUsualWindow = 512;

Result<int> run(const Arguments& arguments) {
  const std::string text = TRY(read_text(arguments.text("--file")));
  Language language = TRY(open_language(arguments));
  Engine& engine = language.model.engine;
  const int64_t window = arguments.has("--window") ? arguments.integer("--window")
                                                   : std::min(kUsualWindow, engine.context());
  const int64_t stride = arguments.has("--stride") ? arguments.integer("--stride") : window;
  if (window < 2 || stride < 1 || stride > window)
    return fail(ErrorId::usage, "--window takes at least 2 tokens, --stride 1 to the window");
  if (window > engine.context())
    return fail(ErrorId::usage,
                fmt::format("the window of {} tokens is longer than the context of {}", window,
                            engine.context()));
  std::vector<int32_t> tokens = TRY(language.tokenizer.encode(text, {.parse_special = false}));
  if (arguments.has("--tokens"))
    tokens.resize(
        std::min(tokens.size(), size_t(std::max<int64_t>(0, arguments.integer("--tokens")))));
  Progress progress(arguments);
  const PerplexityScore score =
      TRY(score_text(engine, tokens, {window, stride}, [&](int64_t done, int64_t all) {
        progress.show("reading the text", size_t(done), size_t(all));
      }));
  progress.hide();
  const double perplexity = std::exp(score.mean());
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.member("model", arguments.positional(0));
      write_language(json, language);
      json.member("tokens", score.tokens);
      json.member("perplexity", perplexity);
      json.member("perplexity_low", std::exp(score.mean() - 1.96 * score.error()));
      json.member("perplexity_high", std::exp(score.mean() + 1.96 * score.error()));
      json.member("negative_log_likelihood", score.mean());
      json.member("negative_log_likelihood_error", score.error());
      json.member("top1", double(score.right) / double(score.tokens));
      json.end_object();
    });
    return 0;
  }
  put(
      fmt::format("perplexity {:.4f} ({:.4f} to {:.4f}, 95 %) over {} tokens; {:.4f} nats a token, "
                  "{:.1f} % foretold\n",
                  perplexity, std::exp(score.mean() - 1.96 * score.error()),
                  std::exp(score.mean() + 1.96 * score.error()), score.tokens, score.mean(),
                  100 * double(score.right) / double(score.tokens)));
  return 0;
}

}  // namespace

const Command& perplexity_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "perplexity",
      .summary = "Measure how well a language model foretells a text.",
      .examples =
          "$ hone perplexity model.gguf -f text.txt\n"
          "$ hone perplexity model.gguf -f text.txt --window 1024 --stride 512 --json",
      .details =
          "The text is cut into windows. Each token is foretold from those before it in its "
          "window;\nwhere windows overlap, once, by the earlier one. The interval is that of the "
          "mean over\ntokens, as if they were independent.",
      .positionals = {{"MODEL", "a GGUF file, a Hugging Face folder, or an artefact", 1, 1, true}},
      .flags = language_flags(
          {{"-f,--file", Kind::text, "FILE", "the text; - is standard input", "-"},
           {"--window", Kind::integer, "N", "tokens of a window; otherwise 512, or the context"},
           {"--stride", Kind::integer, "N", "tokens from window to window; otherwise the window"},
           {"--tokens", Kind::integer, "N", "of the text, at most"}}),
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
