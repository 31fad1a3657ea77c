// The help of the program and of its commands, made from their declarations; help and version.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "hone/hone.h"

namespace hone::cli {
namespace {

std::string shown(const Flag& flag) {
  std::string text(flag.name);
  if (const size_t comma = text.find(','); comma != std::string::npos)
    text.insert(comma + 1, " ");
  else
    text.insert(0, "    ");
  if (flag.kind == Flag::Kind::on_off) return text;
  const std::string value(flag.value);
  return flag.kind == Flag::Kind::optional_text ? text + "[=" + value + "]" : text + " " + value;
}

std::string flag_table(std::span<const Flag> flags) {
  std::vector<std::vector<std::string>> rows;
  for (const Flag& flag : flags) {
    std::string doc(flag.doc);
    if (!flag.choices.empty()) doc += fmt::format(" ({})", flag.choices);
    if (!flag.fallback.empty()) doc += fmt::format(" [{}]", flag.fallback);
    rows.push_back({shown(flag), doc});
  }
  return table(rows);
}

std::string usage_line(const Command& command) {
  std::string line = "hone " + std::string(command.name);
  for (const Positional& p : command.positionals) {
    std::string word(p.name);
    if (p.most > 1) word += "…";
    line += " " + (p.least == 0 ? "[" + word + "]" : word);
  }
  return line + " [flags]";
}

void write_flags(JsonWriter& json, std::span<const Flag> flags) {
  json.begin_array();
  for (const Flag& flag : flags) {
    json.begin_object();
    json.member("name", flag.name);
    json.member("value", flag.value);
    json.member("doc", flag.doc);
    json.member("default", flag.fallback);
    json.member("choices", flag.choices);
    json.end_object();
  }
  json.end_array();
}

void write_json(JsonWriter& json, const Command& command) {
  json.begin_object();
  json.member("name", command.name);
  json.member("summary", command.summary);
  json.member("usage", usage_line(command));
  json.member("examples", command.examples);
  json.member("details", command.details);
  json.key("flags");
  write_flags(json, command.flags);
  json.key("common_flags");
  write_flags(json, common_flags());
  json.end_object();
}

void write_json(JsonWriter& json, std::span<const Command* const> commands) {
  json.begin_object();
  json.key("commands");
  json.begin_array();
  for (const Command* command : commands) {
    json.begin_object();
    json.member("name", command->name);
    json.member("summary", command->summary);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

Result<int> run_help(const Arguments& arguments) {
  if (arguments.positionals().empty()) {
    if (arguments.json)
      put_json([](JsonWriter& json) { write_json(json, all_commands()); });
    else
      put(overview());
    return 0;
  }
  const Command* command = TRY(command_named(arguments.positional(0)));
  if (arguments.json)
    put_json([&](JsonWriter& json) { write_json(json, *command); });
  else
    put(help_of(*command));
  return 0;
}

Result<int> run_version(const Arguments& arguments) {
  if (arguments.json) {
    put_json([](JsonWriter& json) {
      json.begin_object();
      json.member("version", v1::version());
      json.end_object();
    });
  } else {
    put(fmt::format("hone {}\n", v1::version()));
  }
  return 0;
}

}  // namespace

std::string overview() {
  std::string text =
      "hone opens a trained model, tells what it holds, compiles it and runs it.\n\n"
      "usage: hone COMMAND …\n\ncommands:\n";
  std::vector<std::vector<std::string>> rows;
  for (const Command* command : all_commands())
    rows.push_back({std::string(command->name), std::string(command->summary)});
  return text + table(rows) + "\n`hone help COMMAND` shows examples and flags.\n";
}

std::string help_of(const Command& command) {
  std::string text = fmt::format("{}\n\nexamples:\n", command.summary);
  std::string_view rest = command.examples;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    text += fmt::format("  {}\n", rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  text += fmt::format("\nusage: {}\n", usage_line(command));
  if (!command.positionals.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const Positional& p : command.positionals)
      rows.push_back({std::string(p.name), std::string(p.doc)});
    text += table(rows);
  }
  if (!command.details.empty()) text += fmt::format("\n{}\n", command.details);
  if (!command.flags.empty()) text += "\nflags:\n" + flag_table(command.flags);
  return text + "\nflags of every command:\n" + flag_table(common_flags());
}

const Command& help_command() {
  static const Command command{
      .name = "help",
      .summary = "Explain hone or one of its commands.",
      .examples = "$ hone help\n$ hone help run",
      .positionals = {{"COMMAND", "the command to explain", 0, 1}},
      .run = run_help,
  };
  return command;
}

const Command& version_command() {
  static const Command command{
      .name = "version",
      .summary = "Print the version of hone.",
      .examples = "$ hone version\n$ hone --version",
      .run = run_version,
  };
  return command;
}

}  // namespace hone::cli
