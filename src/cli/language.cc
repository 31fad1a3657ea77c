#include "cli/language.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <limits>

#include "api/shapes.h"
#include "api/tokenizer.h"
#include "base/text.h"
#include "cli/model_flags.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

constexpr int64_t kUsualContext = 4096, kMostContext = 1 << 30;
constexpr size_t kMostText = size_t{256} << 20;  // bytes of a prompt or the like

Result<LanguageModelOptions> options_of(const Arguments& arguments) {
  LanguageModelOptions options;
  options.open = open_options(arguments);
  options.compile = compile_options(arguments.config, "cached");
  options.compile.threads = arguments.threads;
  const auto cache = dtype_named(arguments.text("--cache"));
  if (!cache) return fail(ErrorId::usage, "--cache takes f16, i8, bf16 or f32");
  options.open.language.cache = *cache;
  options.open.language.byte_rows = !arguments.on("--exact-rows");
  options.engine.context = arguments.integer("--context");
  if (options.engine.context < 0 || options.engine.context > kMostContext)
    return fail(ErrorId::usage, fmt::format("--context takes 0 to {} tokens", kMostContext));
  if (options.engine.context == 0) options.engine.most_context = kUsualContext;
  return options;
}

}  // namespace

std::vector<Flag> language_flags(std::vector<Flag> more) {
  using Kind = Flag::Kind;
  const Flag own[] = {
      {"--context", Kind::integer, "N",
       "tokens of prompt and text, at most; 0: what the model was trained for, 4096 at most", "0"},
      {"--cache", Kind::text, "DTYPE", "how keys and values are kept", "f16", "f16|i8|bf16|f32"},
      {"--exact-rows", Kind::on_off, "",
       "multiply quantized weights with real numbers, not with rows in bytes: slower"},
      {"--tokenizer", Kind::text, "PATH",
       "another tokenizer than the model's: a file or folder as `hone tokenize` takes it"}};
  more.insert(more.end(), std::begin(own), std::end(own));
  return more;
}

Result<Language> open_language(const Arguments& arguments) {
  const double start = now();
  LanguageModelOptions options = TRY(options_of(arguments));
  const std::string& path = arguments.positional(0);
  // Their graphs are made already.
  const bool fixed = path.ends_with(".hone") || path.ends_with(".ir");
  for (const char* flag : {"--cache", "--exact-rows"})
    if (fixed && arguments.has(flag))
      return fail(ErrorId::usage, fmt::format("{} is for GGUF files and Hugging Face folders: '{}' "
                                              "has been decided on already",
                                              flag, printable(path)));
  const bool other = arguments.has("--tokenizer");
  options.tokenizer = !other;
  LanguageModel model = TRY(open_language_model(path, options));
  Tokenizer tokenizer =
      other
          ? TRY(open_tokenizer(arguments.text("--tokenizer"), arguments.limits, options.open.links)
                    .context("reading the tokenizer"))
          : *std::move(model.tokenizer);
  if (const auto weights = synthetic_weights(model.program->model()); !weights.empty())
    note(arguments, weights);
  Language language{std::move(model), std::move(tokenizer), now() - start, {}};
  for (const std::string& warning : language.tokenizer.warnings())
    warn(arguments, language, warning);
  if (std::string warning = language.model.engine.context_warning(); !warning.empty())
    warn(arguments, language, std::move(warning));
  return language;
}

void warn(const Arguments& arguments, Language& language, std::string message) {
  note(arguments, message);
  language.warnings.push_back(std::move(message));
}

void write_language(JsonWriter& json, const Language& language) {
  const Engine& engine = language.model.engine;
  json.member("context", engine.context());
  if (engine.trained_context() > 0) json.member("trained_context", engine.trained_context());
  json.key("warnings");
  json.begin_array();
  for (const std::string& warning : language.warnings) json.value(warning);
  json.end_array();
}

std::vector<Flag> generation_flags(std::vector<Flag> more) {
  using Kind = Flag::Kind;
  const Flag own[] = {
      {"-n,--tokens", Kind::integer, "N", "tokens to generate, at most; -1: no limit", "128"},
      {"--temperature", Kind::real, "T", "0: always the most likely token", "0.8"},
      {"--top-k", Kind::integer, "K", "among the K most likely tokens; 0: all", "40"},
      {"--top-p", Kind::real, "P", "among the most likely tokens that make up P", "0.95"},
      {"--min-p", Kind::real, "P", "tokens at least P times as likely as the first", "0.05"},
      {"--typical-p", Kind::real, "P", "locally typical tokens; 1: all", "1"},
      {"--repeat-penalty", Kind::real, "R", "divides the logits of recent tokens; 1: off", "1"},
      {"--presence-penalty", Kind::real, "X", "taken from the logits of recent tokens", "0"},
      {"--frequency-penalty", Kind::real, "X", "the same for each time they occurred", "0"},
      {"--penalty-last-n", Kind::integer, "N", "how many tokens are recent; -1: all", "64"},
      {"--mirostat", Kind::integer, "V", "version 1 or 2 in place of the cuts above", "0"},
      {"--mirostat-tau", Kind::real, "T", "the surprise that it aims at", "5"},
      {"--mirostat-eta", Kind::real, "R", "its learning rate", "0.1"},
      {"--seed", Kind::integer, "S", "equal seeds give equal texts", "0"},
      {"--stop", Kind::texts, "TEXT", "ends the text where this would come; may be repeated"},
      {"--grammar", Kind::text, "FILE", "holds the text to a grammar (GBNF)"},
      {"--json-schema", Kind::text, "FILE", "holds the text to a JSON schema"},
      {"--json-text", Kind::on_off, "", "holds the text to JSON"},
      {"--ignore-end", Kind::on_off, "", "tokens that end the text are never chosen"},
      {"--guesses", Kind::integer, "N",
       "tokens guessed from earlier text and tried in one step: faster where texts repeat "
       "themselves, and the same text",
       "0"}};
  more.insert(more.end(), std::begin(own), std::end(own));
  return language_flags(std::move(more));
}

namespace {

Status read_grammar(const Arguments& arguments, GenerationOptions& options) {
  int given = 0;
  for (const char* flag : {"--grammar", "--json-schema"}) given += arguments.has(flag) ? 1 : 0;
  if (given + int(arguments.on("--json-text")) > 1)
    return fail(ErrorId::usage, "give one of --grammar, --json-schema and --json-text");
  if (arguments.has("--grammar"))
    options.grammar = TRY(Grammar::gbnf(TRY(read_text(arguments.text("--grammar")))));
  if (arguments.has("--json-schema"))
    options.grammar = TRY(Grammar::json_schema(TRY(read_text(arguments.text("--json-schema")))));
  if (arguments.on("--json-text")) options.grammar = TRY(Grammar::named("json"));
  return ok();
}

}  // namespace

namespace {

Result<int32_t> whole(const Arguments& arguments, const char* flag, int32_t least) {
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  const int64_t given = arguments.integer(flag);
  if (given < least || given > kMost)
    return fail(ErrorId::usage, fmt::format("{} takes {} to {}", flag, least, kMost));
  return int32_t(given);
}

}  // namespace

Result<GenerationOptions> generation_options(const Arguments& arguments) {
  GenerationOptions options;
  options.most_tokens = arguments.integer("--tokens");
  if (options.most_tokens < -1)
    return fail(ErrorId::usage, "--tokens takes a number of tokens, or -1 for no limit");
  SamplingOptions& s = options.sampling;
  s.temperature = float(arguments.real("--temperature"));
  s.top_k = TRY(whole(arguments, "--top-k", 0));
  s.top_p = float(arguments.real("--top-p"));
  s.min_p = float(arguments.real("--min-p"));
  s.typical_p = float(arguments.real("--typical-p"));
  s.repeat_penalty = float(arguments.real("--repeat-penalty"));
  s.presence_penalty = float(arguments.real("--presence-penalty"));
  s.frequency_penalty = float(arguments.real("--frequency-penalty"));
  s.penalty_last_n = TRY(whole(arguments, "--penalty-last-n", -1));
  s.mirostat = TRY(whole(arguments, "--mirostat", 0));
  s.mirostat_tau = float(arguments.real("--mirostat-tau"));
  s.mirostat_eta = float(arguments.real("--mirostat-eta"));
  s.seed = uint64_t(arguments.integer("--seed"));
  options.stops = arguments.texts("--stop");
  options.ignore_end = arguments.on("--ignore-end");
  options.guesses = arguments.integer("--guesses");
  if (options.guesses < 0 || options.guesses > 64)
    return fail(ErrorId::usage, "--guesses takes 0 to 64");
  TRY(check(s));
  TRY(read_grammar(arguments, options));
  return options;
}

Result<std::string> read_text(const std::string& path) {
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) return fail(ErrorId::not_found, "cannot open '" + printable(path) + "'");
  std::string text;
  char buffer[1 << 16];
  for (size_t n; text.size() <= kMostText && (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
    text.append(buffer, n);
  const bool failed = std::ferror(file) != 0;
  if (file != stdin) std::fclose(file);
  if (failed) return fail(ErrorId::io, "cannot read '" + printable(path) + "'");
  if (text.size() > kMostText)
    return fail(ErrorId::over_size,
                fmt::format("'{}' has more than {} bytes of text", printable(path), kMostText));
  return text;
}

void write_generation(JsonWriter& json, const Generation& g) {
  json.member("text", g.text);
  json.key("tokens");
  json.begin_array();
  for (const int32_t token : g.tokens) json.value(int64_t{token});
  json.end_array();
  json.member("end", name(g.end));
  json.member("prompt_tokens", g.prompt_tokens);
  json.member("reused_tokens", g.reused_tokens);
  json.member("generated_tokens", int64_t(g.tokens.size()));
  json.member("guessed_tokens", g.guessed);
  json.member("accepted_tokens", g.accepted);
  json.member("prompt_s", g.prompt_s);
  json.member("first_token_s", g.first_token_s);
  json.member("decode_s", g.decode_s);
  const auto rate = [](int64_t n, double s) { return s > 0 ? double(n) / s : 0.0; };
  json.member("prefill_tokens_per_s", rate(g.prompt_tokens - g.reused_tokens, g.prompt_s));
  json.member("decode_tokens_per_s", rate(int64_t(g.tokens.size()) - 1, g.decode_s));
}

std::string summary_of(const Generation& g) {
  const auto rate = [](int64_t n, double s) { return s > 0 ? double(n) / s : 0.0; };
  std::string line =
      fmt::format("prompt {} tokens, {:.1f}/s; text {} tokens, {:.1f}/s", g.prompt_tokens,
                  rate(g.prompt_tokens - g.reused_tokens, g.prompt_s), g.tokens.size(),
                  rate(std::max<int64_t>(0, int64_t(g.tokens.size()) - 1), g.decode_s));
  if (g.guessed > 0) line += fmt::format("; {} of {} guesses right", g.accepted, g.guessed);
  return line;
}

}  // namespace hone::cli
