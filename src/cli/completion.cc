// `hone completion`: scripts that complete commands, flags and their values, made from the
// declarations.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "hardware/registry.h"

namespace hone::cli {
namespace {

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

// What the value of a flag may be.
std::string_view values_of(const Flag& flag) {
  return flag.choices.empty() ? flag.proposals : flag.choices;
}
bool is_number(const Flag& flag) {
  return flag.kind == Flag::Kind::integer || flag.kind == Flag::Kind::real;
}

// Words after the verb that are not files.
std::string words_of(const Command& command) {
  if (command.name == "config") return "show export template";
  if (command.name == "completion") return "bash zsh fish";
  if (command.name == "help") return verbs();
  if (command.name == "devices") {
    std::string ids("host");
    for (const BuiltInDevice& device : built_in_devices()) ids += " " + std::string(device.id);
    return ids;
  }
  return "";
}

// Branches of a `case` over the flag in front: what its value may be, or a file.
std::string bash_values(std::string_view verb, std::span<const Flag> flags) {
  std::string cases;
  for (const Flag& flag : flags) {
    if (flag.kind == Flag::Kind::on_off) continue;
    std::string names = fmt::format("{}:{}", verb, flag.long_name());
    if (const size_t comma = flag.name.find(','); comma != std::string_view::npos)
      names += fmt::format("|{}:{}", verb, flag.name.substr(0, comma));
    const std::string_view values = values_of(flag);
    cases += fmt::format("    {}) ", names);
    if (!values.empty())
      cases += fmt::format("COMPREPLY=($(compgen -W \"{}\" -- \"$current\")); ", spaced(values));
    else if (!is_number(flag))
      cases += "COMPREPLY=($(compgen -f -- \"$current\")); ";
    if (values.ends_with('=')) cases += "compopt -o nospace 2>/dev/null; ";
    cases += "return ;;\n";
  }
  return cases;
}

std::string bash() {
  std::string cases, values, common, with_value;
  for (const Flag& flag : common_flags()) {
    common += (common.empty() ? "" : " ") + std::string(flag.long_name());
    if (flag.kind != Flag::Kind::on_off)
      with_value += (with_value.empty() ? "" : "|") + std::string(flag.long_name());
  }
  for (const Command* c : all_commands()) {
    std::string flags;
    for (const Flag& flag : c->flags) flags += std::string(flag.long_name()) + " ";
    values += bash_values(c->name, c->flags);
    cases += fmt::format("    {}) flags=\"{}{}\"; words=\"{}\" ;;\n", c->name, flags, common,
                         words_of(*c));
  }
  values += bash_values("*", common_flags());
  // Readline cuts --flag=value into three words.
  return fmt::format(R"(# bash completion of hone; load it with: source <(hone completion bash)
_hone() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  local verb="" flags="{2}" words="{3}" i=1
  if [ "$current" = "=" ]; then
    current=""
  elif [ "$previous" = "=" ]; then
    previous="${{COMP_WORDS[COMP_CWORD-2]}}"
  fi
  while [ "$i" -lt "$COMP_CWORD" ]; do
    case "${{COMP_WORDS[i]}}" in
      {4}) if [ "${{COMP_WORDS[i+1]}}" = "=" ]; then ((i++)); fi; ((i++)) ;;
      -*) ;;
      *) verb="${{COMP_WORDS[i]}}"; break ;;
    esac
    ((i++))
  done
  case "$verb:$previous" in
{0}  esac
  case "$verb" in
{1}  esac
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
                     values, cases, common, verbs(), with_value);
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
      // A value that may be left out stands behind an equals sign: `--flag=-`, and two colons.
      const bool optional = flag.kind == Flag::Kind::optional_text;
      std::string value;
      if (flag.kind != Flag::Kind::on_off) {
        const std::string_view values = values_of(flag);
        value = fmt::format("{}:{}:{}", optional ? ":" : "", plain(flag.value),
                            !values.empty()   ? "(" + spaced(values) + ")"
                            : is_number(flag) ? " "
                                              : "_files");
      }
      arguments += fmt::format(" \\\n        '{}{}{}[{}]{}'", many ? "*" : "", flag.long_name(),
                               optional ? "=-" : "", plain(flag.doc), value);
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
      const std::string_view values = values_of(flag);
      if (flag.kind != Flag::Kind::on_off && flag.kind != Flag::Kind::optional_text) text += " -r";
      if (!values.empty() || is_number(flag)) text += " -f";
      if (!values.empty()) text += fmt::format(" -a '{}'", spaced(values));
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
      .summary = "Print a script that completes commands, flags and values in a shell.",
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
