// `hone completion`: scripts that complete commands and flags, made from the declarations.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

std::vector<Flag> flags_of(const Command& command) {
  std::vector<Flag> flags = command.flags;
  for (const Flag& flag : common_flags()) flags.push_back(flag);
  return flags;
}

std::string verbs() {
  std::string names;
  for (const Command* c : all_commands())
    names += (names.empty() ? "" : " ") + std::string(c->name);
  return names;
}

std::string spaced(std::string_view choices) {
  std::string text(choices);
  for (char& c : text)
    if (c == '|') c = ' ';
  return text;
}

// Words after the verb that are not files.
std::string words_of(const Command& command) {
  if (command.name == "config") return "show export template";
  if (command.name == "completion") return "bash zsh fish";
  if (command.name == "help") return verbs();
  return "";
}

std::string bash() {
  std::string cases, choices;
  for (const Command* c : all_commands()) {
    std::string flags;
    for (const Flag& flag : flags_of(*c)) {
      flags += " " + std::string(flag.long_name());
      if (!flag.choices.empty())
        choices +=
            fmt::format("    {}:{}) COMPREPLY=($(compgen -W \"{}\" -- \"$current\")); return ;;\n",
                        c->name, flag.long_name(), spaced(flag.choices));
    }
    cases += fmt::format("    {}) flags=\"{}\"; words=\"{}\" ;;\n", c->name, flags.substr(1),
                         words_of(*c));
  }
  return fmt::format(R"(# bash completion of hone; load it with: source <(hone completion bash)
_hone() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  local verb="${{COMP_WORDS[1]}}" flags="" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{}" -- "$current"))
    return
  fi
  case "$verb:$previous" in
{}  esac
  case "$verb" in
{}  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
    *)
      if [ -n "$words" ]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
      else
        COMPREPLY=($(compgen -f -- "$current"))
      fi ;;
  esac
}}
complete -o filenames -F _hone hone
)",
                     verbs(), choices, cases);
}

// Text inside single quotes, without what zsh's _arguments and _values give a meaning to.
std::string plain(std::string_view text) {
  std::string out;
  for (char c : text)
    if (c == '\'')
      out += "'\\''";
    else if (c == '[' || c == ']' || c == ':' || c == '\\')
      out += std::string("\\") + c;
    else
      out += c;
  return out;
}

std::string zsh() {
  std::string list, cases;
  for (const Command* c : all_commands()) {
    list += fmt::format("    '{}:{}'\n", c->name, plain(c->summary));
    std::string arguments;
    for (const Flag& flag : flags_of(*c)) {
      const bool many = flag.kind == Flag::Kind::texts;
      std::string value;
      if (flag.kind != Flag::Kind::on_off)
        value = flag.choices.empty()
                    ? fmt::format(":{}:_files", plain(flag.value))
                    : fmt::format(":{}:({})", plain(flag.value), spaced(flag.choices));
      arguments += fmt::format(" \\\n        '{}{}[{}]{}'", many ? "*" : "", flag.long_name(),
                               plain(flag.doc), value);
    }
    const std::string words = words_of(*c);
    arguments += words.empty() ? " \\\n        '*:file:_files'"
                               : fmt::format(" \\\n        '*:word:({})'", words);
    cases += fmt::format("      {})\n        _arguments{} ;;\n", c->name, arguments);
  }
  return fmt::format(R"(#compdef hone
# zsh completion of hone; put it into a folder of $fpath as _hone
_hone() {{
  local -a verbs
  verbs=(
{}  )
  if (( CURRENT == 2 )); then
    _describe 'command' verbs
    return
  fi
  local verb="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$verb" in
{}  esac
}}
compdef _hone hone
)",
                     list, cases);
}

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "'";
}

std::string fish() {
  std::string text = "# fish completion of hone; load it with: hone completion fish | source\n";
  for (const Command* c : all_commands()) {
    text += fmt::format("complete -c hone -n __fish_use_subcommand -f -a {} -d {}\n", c->name,
                        fish_quoted(c->summary));
    const std::string when = fmt::format("'__fish_seen_subcommand_from {}'", c->name);
    for (const Flag& flag : flags_of(*c)) {
      text += fmt::format("complete -c hone -n {}", when);
      if (flag.long_name().starts_with("--"))
        text += fmt::format(" -l {}", flag.long_name().substr(2));
      if (!flag.name.starts_with("--")) text += fmt::format(" -s {}", flag.name[1]);
      if (flag.kind != Flag::Kind::on_off) text += " -r";
      if (!flag.choices.empty()) text += fmt::format(" -f -a '{}'", spaced(flag.choices));
      text += fmt::format(" -d {}\n", fish_quoted(flag.doc));
    }
    if (const std::string words = words_of(*c); !words.empty())
      text += fmt::format("complete -c hone -n {} -f -a '{}'\n", when, words);
  }
  return text;
}

Result<int> run(const Arguments& arguments) {
  const std::string& shell = arguments.positional(0);
  if (shell != "bash" && shell != "zsh" && shell != "fish")
    return fail(ErrorId::usage,
                "there is no completion for '" + printable(shell) + "': choose bash, zsh or fish");
  const std::string script = shell == "bash" ? bash() : shell == "zsh" ? zsh() : fish();
  if (!arguments.json) {
    put(script);
    return 0;
  }
  put_json([&](JsonWriter& json) {
    json.begin_object();
    json.member("shell", shell);
    json.member("script", script);
    json.end_object();
  });
  return 0;
}

}  // namespace

const Command& completion_command() {
  static const Command command{
      .name = "completion",
      .summary = "Print a script that completes commands and flags in a shell.",
      .examples =
          "$ source <(hone completion bash)\n"
          "$ hone completion zsh > ~/.zfunc/_hone\n"
          "$ hone completion fish | source",
      .positionals = {{"SHELL", "bash, zsh or fish"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
