// Parses the words of a command line by the command's declaration; the only user of CLI11.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "cli/command.h"

namespace hone::cli {
namespace {

std::string see_help(const Command& command) {
  return "see `hone help " + std::string(command.name) + "`";
}

Error wrong(const Command& command, std::string message, std::string hint = {}) {
  Error error = fail(ErrorId::usage, std::move(message));
  error.hint = hint.empty() ? see_help(command) : std::move(hint);
  return error;
}

Error unknown_flag(const Command& command, const std::vector<Flag>& flags, std::string_view word) {
  const std::string_view name = word.substr(0, word.find('='));
  std::vector<std::string_view> names;
  for (const Flag& flag : flags) names.push_back(flag.long_name());
  const auto near = closest(name, names.data(), names.size());
  return wrong(command,
               "`hone " + std::string(command.name) + "` has no flag '" + printable(name) + "'",
               near ? "did you mean " + std::string(*near) + "?" : "");
}

template <class T>
bool parses(const std::string& text) {
  T value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// CLI11 names the flag in front of a colon.
Error missing_value(const Command& command, const std::vector<Flag>& flags,
                    const std::string& told) {
  const std::string name = told.substr(0, told.find(':'));
  for (const Flag& flag : flags)
    if (flag.long_name() == name)
      return wrong(command, name + " needs a value: " + std::string(flag.value));
  return wrong(command, printable(told));
}

Status check_value(const Command& command, const Flag& flag, const std::string& value) {
  std::string expected, hint;
  if (flag.kind == Flag::Kind::integer && !parses<int64_t>(value)) expected = "a whole number";
  if (flag.kind == Flag::Kind::real && !parses<double>(value)) expected = "a number";
  const auto choices = words_in(flag.choices);
  if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
    expected = "one of " + std::string(flag.choices);
    if (const auto near = closest(value, choices.data(), choices.size()))
      hint = "did you mean " + std::string(*near) + "?";
  }
  if (expected.empty()) return ok();
  return wrong(
      command,
      std::string(flag.long_name()) + " takes " + expected + ", not '" + printable(value) + "'",
      hint);
}

Status check_positionals(const Command& command, const std::vector<std::string>& given) {
  size_t least = 0, most = 0;
  for (const Positional& p : command.positionals) {
    least += p.least;
    most = p.most == kAny ? kAny : most + p.most;
    if (given.size() < least)
      return wrong(command, "`hone " + std::string(command.name) + "` needs " +
                                std::string(p.name) + ": " + std::string(p.doc));
  }
  if (given.size() > most)
    return wrong(command, "`hone " + std::string(command.name) +
                              "` does not know what to do with '" + printable(given[most]) + "'");
  return ok();
}

}  // namespace

Result<Arguments> parse_arguments(const Command& command, const std::vector<std::string>& words) {
  const std::vector<Flag> flags = flags_of(command);
  std::vector<std::string> before, after;  // of `--`
  bool seen = false;
  for (const std::string& word : words) {
    if (word == "--" && !seen)
      seen = true;
    else
      (seen ? after : before).push_back(word);
  }
  for (const std::string& word : before) {
    for (const Flag& flag : flags)
      if (flag.kind == Flag::Kind::on_off && word.starts_with(std::string(flag.long_name()) + "="))
        return wrong(command, std::string(flag.long_name()) + " takes no value");
  }
  Arguments arguments;
  try {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    std::map<std::string, CLI::Option*> options;
    for (const Flag& flag : flags) {
      const std::string name(flag.long_name());
      if (!flag.fallback.empty()) arguments.fallbacks_[name] = std::string(flag.fallback);
      if (flag.kind == Flag::Kind::on_off) {
        options[name] = app.add_flag(std::string(flag.name));
        continue;
      }
      if (flag.kind == Flag::Kind::optional_text) {
        for (std::string& word : before)
          if (word == name) word += "=";
      }
      auto* option = app.add_option(std::string(flag.name), arguments.values_[name]);
      option->expected(1)->allow_extra_args(false);
      option->multi_option_policy(flag.kind == Flag::Kind::texts
                                      ? CLI::MultiOptionPolicy::TakeAll
                                      : CLI::MultiOptionPolicy::TakeLast);
      options[name] = option;
    }
    // An empty value after `=` is lost on CLI11: such words are taken here.
    std::erase_if(before, [&](const std::string& word) {
      if (!word.ends_with('=')) return false;
      const auto it = options.find(word.substr(0, word.size() - 1));
      if (it == options.end()) return false;
      arguments.values_["=" + it->first] = {""};
      return true;
    });
    std::vector<std::string> reversed(before.rbegin(), before.rend());
    app.parse(reversed);
    for (const auto& [name, option] : options) {
      if (option->count() > 0 && !arguments.values_.contains(name)) arguments.values_[name] = {"1"};
      if (option->count() == 0) arguments.values_.erase(name);
      if (arguments.values_.erase("=" + name)) arguments.values_[name] = {""};
    }
    for (const std::string& word : app.remaining()) {
      if (word.size() > 1 && word[0] == '-') return unknown_flag(command, flags, word);
      arguments.positionals_.push_back(word);
    }
  } catch (const CLI::ArgumentMismatch& e) {
    return missing_value(command, flags, e.what());
  } catch (const CLI::ParseError& e) {
    return wrong(command, printable(e.what()));
  }
  arguments.positionals_.insert(arguments.positionals_.end(), after.begin(), after.end());
  for (const Flag& flag : flags) {
    for (const std::string& value : arguments.texts(flag.long_name()))
      if (flag.kind != Flag::Kind::on_off) TRY(check_value(command, flag, value));
  }
  if (!arguments.on("--help")) TRY(check_positionals(command, arguments.positionals_));
  return arguments;
}

bool Arguments::on(std::string_view name) const { return values_.contains(name); }
bool Arguments::has(std::string_view name) const { return values_.contains(name); }

std::string Arguments::text(std::string_view name) const {
  if (const auto it = values_.find(name); it != values_.end()) return it->second.back();
  const auto it = fallbacks_.find(name);
  return it == fallbacks_.end() ? "" : it->second;
}

int64_t Arguments::integer(std::string_view name) const {
  const std::string value = text(name);
  int64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

double Arguments::real(std::string_view name) const {
  const std::string value = text(name);
  double number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

const std::vector<std::string>& Arguments::texts(std::string_view name) const {
  static const std::vector<std::string> none;
  const auto it = values_.find(name);
  return it == values_.end() ? none : it->second;
}

}  // namespace hone::cli
