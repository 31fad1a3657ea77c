// A command of the command line, declared as data: flags, examples, and what it does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/limits.h"
#include "base/result.h"

namespace hone::cli {

struct Flag {
  enum class Kind : uint8_t { on_off, text, integer, real, texts };
  std::string_view name;  // "--bind"; short forms after a comma: "-o,--output"
  Kind kind;
  std::string_view doc;
  std::string_view fallback = {};  // shown in the help and used when not given
};

struct Positional {
  std::string_view name, doc;
  size_t least = 1, most = 1;  // how many
};

// What was given, by the long name of the flag.
class Arguments {
 public:
  bool on(std::string_view name) const;                       // an on_off flag
  bool has(std::string_view name) const;
  std::string text(std::string_view name) const;              // given or fallback; "" without
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;
  const std::vector<std::string>& positionals() const { return positionals_; }
  const std::string& positional(size_t i) const { return positionals_[i]; }

  // What every command shares, from configuration and the common flags.
  Config config;
  Limits limits;
  int threads = 1;
  bool json = false;
  bool color = false;

 private:
  friend class CommandLine;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> positionals_;
};

struct Command {
  std::string_view name, summary;
  std::string_view examples;  // shown first in `hone help NAME`, with the prompt `$ `
  std::string_view details = {};
  std::vector<Positional> positionals;
  std::vector<Flag> flags;
  // The exit code, or an error that decides it.
  Result<int> (*run)(const Arguments& arguments);
};

// As listed in commands.def.
const std::vector<const Command*>& all_commands();

// The whole program: parses, runs, prints errors; the exit code.
int main(int argc, char** argv);

}  // namespace hone::cli
