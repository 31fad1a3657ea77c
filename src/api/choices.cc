#include "api/choices.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/log.h"
#include "base/text.h"
#include "formats/json.h"
#include "hardware/host.h"

namespace hone {
namespace {

// "direct 0.00123, winograd 0.00098"
std::string print_times(const Question& question, const std::vector<double>& seconds) {
  std::string text;
  for (size_t i = 0; i < seconds.size(); ++i)
    text += fmt::format("{}{} {:.3e}", i ? ", " : "", question.candidates[i].name, seconds[i]);
  return text;
}

// None where the text is of other candidates.
std::vector<double> parse_times(const Question& question, std::string_view text) {
  std::vector<double> seconds;
  for (const Candidate& candidate : question.candidates) {
    const std::string start = (seconds.empty() ? "" : ", ") + candidate.name + " ";
    if (!text.starts_with(start)) return {};
    text.remove_prefix(start.size());
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || !(number > 0)) return {};
    text.remove_prefix(size_t(end - text.data()));
    seconds.push_back(number);
  }
  return text.empty() ? seconds : std::vector<double>();
}

void warn_of(const Error& error) {
  LOG(warn, "measurements are not remembered", {{"reason", error.message}});
}

Result<std::vector<v1::Choice>> read_choices(std::string_view text) {
  Ledger ledger{Limits()};
  const JsonDocument document = TRY(JsonDocument::parse(text, ledger));
  const Json root = document.root();
  std::vector<v1::Choice> choices;
  for (const Json item : TRY(root.get("choices")).elements()) {
    v1::Choice choice;
    choice.machine = TRY(TRY(root.get("machine")).as_string());
    choice.question = TRY(TRY(item.get("question")).as_string());
    choice.chosen = TRY(TRY(item.get("chosen")).as_string());
    choice.source = TRY(TRY(item.get("source")).as_string());
    choice.nodes = TRY(TRY(item.get("nodes")).as_uint64());
    for (const auto& [name, seconds] : TRY(item.get("seconds")).members())
      choice.seconds.emplace_back(name, TRY(seconds.as_double()));
    choices.push_back(std::move(choice));
  }
  return choices;
}

}  // namespace

Result<std::unique_ptr<Chooser>> Chooser::make(const v1::CompileOptions& options,
                                               const Backend& backend, const Model& model,
                                               const Limits& limits) {
  constexpr std::array<std::pair<std::string_view, Measure>, 4> kWords{
      {{"never", Measure::never},
       {"cached", Measure::cached},
       {"missing", Measure::missing},
       {"always", Measure::always}}};
  for (const auto& [word, measure] : kWords)
    if (options.measure == word)
      return std::unique_ptr<Chooser>(new Chooser(measure, options, backend, model, limits));
  return fail(ErrorId::usage, "measure takes never, cached, missing or always, not '" +
                                  printable(options.measure) + "'");
}

Chooser::Chooser(Measure measure, const v1::CompileOptions& options, const Backend& backend,
                 const Model& model, const Limits& limits)
    : measure_(measure), options_(options), backend_(backend), limits_(limits) {
  for (const Constant& constant : model.constants)
    if (const auto* span = std::get_if<Constant::Span>(&constant.data)) weights_ += span->length;
}

Choosing Chooser::choosing() {
  Choosing c;
  if (measure_ != Measure::never && !backend_.timing().empty())
    c.stopwatch = [this](const Question& question) { return answer(question); };
  return c;
}

// Only once there is a question: most models have none. Who only recalls makes no folder.
void Chooser::open_memory() {
  if (opened_) return;
  opened_ = true;
  const int threads =
      options_.measure_threads > 0 ? options_.measure_threads : ThreadPool::usable_cpus();
  machine_ = fmt::format("{}; {}; threads {}", cpu_fingerprint(), backend_.timing(), threads);
  if (options_.cache.empty() || (measure_ == Measure::cached && !Cache::exists(options_.cache)))
    return;
  auto cache = Cache::open(options_.cache, UINT64_MAX);
  if (cache)
    memory_ = cache.take();
  else
    warn_of(cache.error());
}

Times Chooser::answer(const Question& question) {
  open_memory();
  if (measure_ != Measure::always)
    if (Times times = recall(question); !times.seconds.empty()) return times;
  if (measure_ == Measure::cached) return {};
  Times times;
  bool asked = false;
  const auto ask = [&] {
    asked = true;
    // Another process may have measured it meanwhile.
    if (memory_ && measure_ != Measure::always) times = recall(question);
    if (times.seconds.empty()) times = measure(question);
  };
  if (const std::shared_ptr<Cache> memory = memory_)
    if (const Status alone = memory->alone(ask); !alone) {
      warn_of(alone.error());
      memory_.reset();  // nor is it waited for again
    }
  if (!asked) ask();
  return times;
}

Times Chooser::recall(const Question& question) {
  if (!memory_) return {};
  const auto text = memory_->remembered(machine_, question.name);
  if (!text) {
    warn_of(text.error());
    memory_.reset();
    return {};
  }
  if (!*text) return {};
  Times times{parse_times(question, **text), "remembered"};
  if (times.seconds.empty()) times.source.clear();
  return times;
}

Times Chooser::measure(const Question& question) {
  if (!timer_) {
    pool_ = std::make_unique<ThreadPool>(options_.measure_threads);
    timer_ = std::make_unique<CandidateTimer>(backend_, *pool_, weights_, limits_,
                                              TimingBudget{.model = options_.measure_seconds});
  }
  const std::vector<double> seconds = timer_->time(question);
  if (seconds.empty()) return {};
  // As they are remembered, so that who recalls them decides alike.
  std::string text = print_times(question, seconds);
  if (memory_) {
    auto kept = memory_->remember(machine_, question.name, text, measure_ == Measure::always);
    if (kept)
      text = kept.take();
    else
      warn_of(kept.error());
  }
  Times times{parse_times(question, text), "measured"};
  if (times.seconds.empty()) times = {seconds, "measured"};
  return times;
}

void write_members(JsonWriter& json, const v1::Choice& choice) {
  json.member("question", choice.question);
  json.member("chosen", choice.chosen);
  json.member("source", choice.source);
  json.member("nodes", choice.nodes);
  json.key("seconds");
  json.begin_object();
  for (const auto& [name, seconds] : choice.seconds) json.member(name, seconds);
  json.end_object();
}

std::string print_choices(const std::vector<Decision>& decisions, const std::string& machine) {
  std::string text;
  JsonWriter json(text, 0);
  json.begin_object();
  json.member("machine", machine);
  json.key("choices");
  json.begin_array();
  for (const Decision& d : decisions) {
    json.begin_object();
    write_members(json, {d.question, d.chosen, d.source, d.nodes, d.seconds, machine});
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return text;
}

std::vector<v1::Choice> choices_of(const Model& model) {
  const auto text = model.metadata.find(std::string(kChoicesKey));
  if (text == model.metadata.end()) return {};
  auto choices = read_choices(text->second);
  return choices ? choices.take() : std::vector<v1::Choice>();
}

}  // namespace hone
