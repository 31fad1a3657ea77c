// A command of the command line, declared as data: flags, examples, and what it does.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/limits.h"
#include "base/result.h"

namespace hone::cli {

struct Flag {
  // `optional_text` takes a value only after `=`.
  enum class Kind : uint8_t { on_off, text, integer, real, texts, optional_text };
  std::string_view name;  // "--bind"; short forms before a comma: "-o,--output"
  Kind kind;
  std::string_view value;  // what the help calls the value: "NAME=FILE"
  std::string_view doc;
  std::string_view fallback = {};   // shown in the help and used when not given
  std::string_view choices = {};    // "a|b|c": other values are refused, the shell completes them
  std::string_view proposals = {};  // "a|b|c": the shell completes them, other values may be right

  std::string_view long_name() const;  // "--output"
};

struct Positional {
  std::string_view name, doc;
  size_t least = 1, most = 1;  // how many
  bool is_model = false;       // its folder may hold a hone.yaml
};
inline constexpr size_t kAny = SIZE_MAX;  // for `most`

// What was given, by the long name of the flag.
class Arguments {
 public:
  bool on(std::string_view name) const;           // an on_off flag
  bool has(std::string_view name) const;          // given
  std::string text(std::string_view name) const;  // given or fallback; "" without
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;
  const std::vector<std::string>& positionals() const { return positionals_; }
  const std::string& positional(size_t i) const { return positionals_[i]; }

  // What every command shares, from configuration and the common flags.
  Config config;
  Limits limits;
  int threads = 0;
  bool json = false;

 private:
  friend Result<Arguments> parse_arguments(const struct Command& command,
                                           const std::vector<std::string>& words);
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::map<std::string, std::string, std::less<>> fallbacks_;
  std::vector<std::string> positionals_;
};

struct Command {
  std::string_view name, summary;
  std::string_view examples;  // shown first in `hone help NAME`, with the prompt `$ `
  std::string_view details = {};
  std::vector<Positional> positionals = {};
  std::vector<Flag> flags = {};
  // The exit code, or an error that decides it.
  Result<int> (*run)(const Arguments& arguments) = nullptr;
};

// As listed in commands.def.
std::span<const Command* const> all_commands();
// Fails with `usage` and the closest name.
Result<const Command*> command_named(std::string_view name);
// Flags that every command takes.
std::span<const Flag> common_flags();
// Of a command and of every command, in this order.
std::vector<Flag> flags_of(const Command& command);
// "a|b|c" as words.
std::vector<std::string_view> words_in(std::string_view choices);

// The words behind the verb. Fails with `usage`.
Result<Arguments> parse_arguments(const Command& command, const std::vector<std::string>& words);

// `hone help`, and `hone help VERB`.
std::string overview();
std::string help_of(const Command& command);

// The whole program: parses, runs, prints errors; the exit code.
int main(int argc, char** argv);

}  // namespace hone::cli
