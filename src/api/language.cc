// Language models of the public API, over the modules that do the work.
#include "hone/language.h"

#include <algorithm>
#include <cmath>

#include "api/language_model.h"
#include "api/open_options.h"
#include "api/tokenizer.h"
#include "api/value.h"
#include "text/conversation.h"
#include "text/generation/generator.h"
#include "text/perplexity.h"
#include "text/tokenizer/read.h"

namespace hone::v1 {

struct LanguageModel::Impl {
  hone::LanguageModel model;
  Tokenizer tokenizer;
  Generator generator;
  jinja::Template chat_template;
  std::vector<std::string> chat_stops;

  Impl(hone::LanguageModel opened, Tokenizer read, jinja::Template parsed,
       std::vector<std::string> stops)
      : model(std::move(opened)),
        tokenizer(std::move(read)),
        generator(model.engine, tokenizer),
        chat_template(std::move(parsed)),
        chat_stops(std::move(stops)) {}
};

namespace {

hone::Result<hone::LanguageModelOptions> options_of(const LanguageOptions& options) {
  constexpr int64_t kUsualContext = 4096;
  LanguageModelOptions out;
  out.open = TRY(open_options_of(options.open));
  out.compile = options.compile;
  const auto cache = dtype_named(name(options.cache));
  const bool known = options.cache == DType::f16 || options.cache == DType::i8 ||
                     options.cache == DType::bf16 || options.cache == DType::f32;
  if (!cache || !known)
    return fail(ErrorId::usage, "keys and values are kept in f16, i8, bf16 or f32");
  if (options.context < 0 || options.cached_tokens < 0)
    return fail(ErrorId::usage, "the context and what is cached are numbers of tokens");
  out.open.language = {.cache = *cache, .byte_rows = !options.exact_rows};
  out.engine.context = options.context;
  out.engine.most_context = kUsualContext;
  out.engine.capacity = options.cached_tokens;
  return out;
}

hone::Result<std::unique_ptr<LanguageModel::Impl>> open_impl(const std::string& path,
                                                             const LanguageOptions& options) {
  LanguageModelOptions opening = TRY(options_of(options));
  opening.tokenizer = options.tokenizer.empty();
  hone::LanguageModel model = TRY(open_language_model(path, opening));
  Tokenizer tokenizer =
      opening.tokenizer
          ? *std::move(model.tokenizer)
          : TRY(open_tokenizer(options.tokenizer, opening.open.limits, opening.open.links)
                    .context("reading the tokenizer"));
  ChosenTemplate chosen{options.chat_template, {}, {}};
  if (chosen.source.empty()) chosen = template_of(tokenizer);
  jinja::Template parsed =
      TRY(jinja::Template::parse(chosen.source).context("reading the chat template"));
  return std::make_unique<LanguageModel::Impl>(std::move(model), std::move(tokenizer),
                                               std::move(parsed), std::move(chosen.stops));
}

SamplingOptions sampling_of(const Sampling& s, int logprobs) {
  SamplingOptions out;
  out.repeat_penalty = s.repeat_penalty;
  out.presence_penalty = s.presence_penalty;
  out.frequency_penalty = s.frequency_penalty;
  out.penalty_last_n = s.penalty_last_n;
  out.top_k = s.top_k;
  out.typical_p = s.typical_p;
  out.top_p = s.top_p;
  out.min_p = s.min_p;
  out.temperature = s.temperature;
  out.mirostat = s.mirostat;
  out.mirostat_tau = s.mirostat_tau;
  out.mirostat_eta = s.mirostat_eta;
  for (const auto& [token, bias] : s.logit_bias) out.logit_bias.push_back({token, bias});
  out.seed = s.seed;
  out.top_logprobs = logprobs;
  return out;
}

hone::Result<GenerationOptions> options_of(const GenerateOptions& options) {
  GenerationOptions out;
  out.most_tokens = options.max_tokens;
  out.sampling = sampling_of(options.sampling, options.logprobs);
  out.stops = options.stops;
  if (!options.grammar.empty() && !options.json_schema.empty())
    return fail(ErrorId::usage, "give a grammar or a JSON schema, not both");
  if (!options.grammar.empty()) out.grammar = TRY(Grammar::gbnf(options.grammar));
  if (!options.json_schema.empty()) out.grammar = TRY(Grammar::json_schema(options.json_schema));
  if (options.guesses < 0 || options.guesses > 64)
    return fail(ErrorId::usage, "guesses are 0 to 64 tokens");
  out.guesses = options.guesses;
  out.ignore_end = options.ignore_end;
  out.show_special = options.show_special;
  out.on_text = options.on_text;
  out.on_prompt = options.on_prompt;
  return out;
}

Generation wrap(hone::Generation made) {
  Generation out;
  out.tokens = std::move(made.tokens);
  out.text = std::move(made.text);
  out.end = static_cast<Generation::End>(made.end);
  for (const Sampled& sampled : made.details) {
    out.logprobs.push_back({sampled.token, sampled.logprob});
    auto& most = out.most_likely.emplace_back();
    for (const TokenLogprob& t : sampled.top) most.push_back({t.token, t.logprob});
  }
  out.prompt_tokens = made.prompt_tokens;
  out.reused_tokens = made.reused_tokens;
  out.guessed_tokens = made.guessed;
  out.accepted_tokens = made.accepted;
  out.prompt_s = made.prompt_s;
  out.first_token_s = made.first_token_s;
  out.decode_s = made.decode_s;
  return out;
}

// In a sequence of its own, whose pages stay in the cache for later ones.
hone::Result<hone::Generation> generate_from(LanguageModel::Impl& impl,
                                             std::span<const int32_t> prompt,
                                             const GenerationOptions& options) {
  const ScopedSequence sequence(impl.model.engine);
  return impl.generator.generate(sequence.id(), prompt, options);
}

hone::Result<hone::Generation> generate_text(LanguageModel::Impl& impl, std::string_view prompt,
                                             const GenerateOptions& options) {
  const GenerationOptions how = TRY(options_of(options));
  const auto tokens = TRY(impl.tokenizer.encode(prompt, {.parse_special = false}));
  return generate_from(impl, tokens, how);
}

hone::Result<std::vector<int32_t>> tokens_of_chat(const LanguageModel::Impl& impl,
                                                  const std::vector<Message>& messages) {
  Chat chat;
  for (const Message& message : messages) {
    ChatMessage& made = chat.messages.emplace_back();
    made.role = message.role;
    made.content = message.content;
  }
  return hone::tokens_of(std::move(chat), impl.chat_template, impl.tokenizer);
}

hone::Result<hone::Generation> answer(LanguageModel::Impl& impl,
                                      const std::vector<Message>& messages,
                                      const GenerateOptions& options) {
  GenerationOptions how = TRY(options_of(options));
  how.stops.insert(how.stops.end(), impl.chat_stops.begin(), impl.chat_stops.end());
  const auto tokens = TRY(tokens_of_chat(impl, messages));
  return generate_from(impl, tokens, how);
}

hone::Result<std::vector<float>> logits_of(Engine& engine, std::span<const int32_t> tokens) {
  constexpr size_t kAtOnce = 128;
  const ScopedSequence sequence(engine);
  std::vector<float> out;
  for (size_t at = 0; at < tokens.size(); at += kAtOnce) {
    const Engine::Piece piece{sequence.id(),
                              tokens.subspan(at, std::min(kAtOnce, tokens.size() - at)),
                              Engine::Piece::Wanted::all};
    const auto logits = TRY(engine.step({&piece, 1}));
    out.insert(out.end(), logits.begin(), logits.end());
  }
  return out;
}

Perplexity wrap(const PerplexityScore& score) {
  return {.perplexity = std::exp(score.mean()),
          .nats = score.mean(),
          .nats_error = score.error(),
          .foretold = double(score.right) / double(score.tokens),
          .tokens = score.tokens};
}

}  // namespace

LanguageModel::LanguageModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LanguageModel::LanguageModel(LanguageModel&&) noexcept = default;
LanguageModel& LanguageModel::operator=(LanguageModel&&) noexcept = default;
LanguageModel::~LanguageModel() = default;

Result<LanguageModel> LanguageModel::open(const std::string& path, const LanguageOptions& options) {
  return wrap(open_impl(path, options),
              [](std::unique_ptr<Impl> impl) { return LanguageModel(std::move(impl)); });
}

int64_t LanguageModel::context() const { return impl_->model.engine.context(); }
int64_t LanguageModel::vocabulary() const { return impl_->model.engine.vocabulary(); }
std::optional<int32_t> LanguageModel::bos() const { return impl_->tokenizer.bos(); }
std::optional<int32_t> LanguageModel::eos() const { return impl_->tokenizer.eos(); }

std::vector<std::string> LanguageModel::warnings() const {
  const auto warnings = impl_->tokenizer.warnings();
  std::vector<std::string> all(warnings.begin(), warnings.end());
  if (auto more = impl_->model.engine.context_warning(); !more.empty())
    all.push_back(std::move(more));
  return all;
}

namespace {
constexpr auto kSame = [](auto value) { return value; };
constexpr auto kWrap = [](auto value) { return wrap(std::move(value)); };
}  // namespace

Result<std::vector<int32_t>> LanguageModel::tokenize(std::string_view text,
                                                     const TokenizeOptions& options) const {
  return wrap(impl_->tokenizer.encode(text, {.add_special = options.add_special,
                                             .parse_special = options.parse_special}),
              kSame);
}

std::string LanguageModel::text_of(std::span<const int32_t> tokens, bool with_special) const {
  return impl_->tokenizer.decode(tokens, !with_special);
}

Result<Generation> LanguageModel::generate(std::string_view prompt,
                                           const GenerateOptions& options) {
  return wrap(generate_text(*impl_, prompt, options), kWrap);
}

Result<Generation> LanguageModel::generate(std::span<const int32_t> prompt,
                                           const GenerateOptions& options) {
  const auto how = options_of(options);
  if (!how) return wrap(how.error());
  return wrap(generate_from(*impl_, prompt, *how), kWrap);
}

Result<Generation> LanguageModel::chat(const std::vector<Message>& messages,
                                       const GenerateOptions& options) {
  return wrap(answer(*impl_, messages, options), kWrap);
}

Result<std::vector<int32_t>> LanguageModel::chat_tokens(
    const std::vector<Message>& messages) const {
  return wrap(tokens_of_chat(*impl_, messages), kSame);
}

Result<std::vector<float>> LanguageModel::logits(std::span<const int32_t> tokens) {
  return wrap(logits_of(impl_->model.engine, tokens), kSame);
}

Result<Perplexity> LanguageModel::perplexity(std::string_view text,
                                             const PerplexityOptions& options) {
  const auto tokens = impl_->tokenizer.encode(text, {.parse_special = false});
  if (!tokens) return wrap(tokens.error());
  return perplexity(std::span<const int32_t>(*tokens), options);
}

Result<Perplexity> LanguageModel::perplexity(std::span<const int32_t> tokens,
                                             const PerplexityOptions& options) {
  constexpr int64_t kUsual = 512;
  const int64_t window = options.window != 0 ? options.window : std::min(kUsual, context());
  const int64_t stride = options.stride != 0 ? options.stride : window;
  return wrap(score_text(impl_->model.engine, tokens, {window, stride}, options.progress), kWrap);
}

}  // namespace hone::v1
