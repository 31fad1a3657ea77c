// The table of commands and the flags that all of them take.
#include "cli/commands.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace hone::cli {

std::span<const Command* const> all_commands() {
  static const std::array commands{
#define COMMAND(function, name) &function##_command(),
#include "cli/commands.def"
#undef COMMAND
  };
  return commands;
}

Result<const Command*> command_named(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Command* command : all_commands()) {
    if (command->name == name) return command;
    names.push_back(command->name);
  }
  Error error = fail(ErrorId::usage, "there is no command '" + printable(name) + "'");
  if (const auto near = closest(name, names.data(), names.size()))
    error.hint = "did you mean `hone " + std::string(*near) + "`?";
  else
    error.hint = "`hone help` lists the commands";
  return error;
}

std::span<const Flag> common_flags() {
  using Kind = Flag::Kind;
  static const std::string limits = [] {
    std::string names;
    for (const LimitInfo& limit : all_limits())
      names += (names.empty() ? "" : "|") + std::string(limit.name) + "=";
    return names;
  }();
  static const std::array flags{
      Flag{"--json", Kind::on_off, "", "one JSON document on standard output; errors as JSON too"},
      Flag{"--threads", Kind::integer, "N", "threads to use; 0 is one for each CPU"},
      Flag{"--limits", Kind::texts, "NAME=VALUE[,…]",
           "budgets for reading and running models, such as memory=2GB", "", "", limits},
      Flag{"--follow-links", Kind::on_off, "",
           "follow links in the names of external weights, within bounds"},
      Flag{"--log-level", Kind::text, "LEVEL", "least severe messages on standard error", "",
           "error|warn|note|info|debug"},
      Flag{"--log-format", Kind::text, "FORMAT", "form of the messages", "", "text|json"},
      Flag{"--config", Kind::text, "FILE", "settings from this file instead of ./hone.yaml"},
      Flag{"--color", Kind::text, "WHEN", "colours in reports", "", "auto|always|never"},
      Flag{"-h,--help", Kind::on_off, "", "examples and flags of the command"},
  };
  return flags;
}

std::vector<Flag> flags_of(const Command& command) {
  std::vector<Flag> flags = command.flags;
  for (const Flag& flag : common_flags()) flags.push_back(flag);
  return flags;
}

std::vector<std::string_view> words_in(std::string_view choices) {
  std::vector<std::string_view> words;
  while (!choices.empty()) {
    const size_t end = std::min(choices.find('|'), choices.size());
    words.push_back(choices.substr(0, end));
    choices.remove_prefix(std::min(end + 1, choices.size()));
  }
  return words;
}

std::string_view Flag::long_name() const {
  const size_t comma = name.find(',');
  return comma == std::string_view::npos ? name : name.substr(comma + 1);
}

}  // namespace hone::cli
