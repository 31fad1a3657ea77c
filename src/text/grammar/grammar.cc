#include "text/grammar/grammar.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "text/grammar/automaton.h"

namespace hone {
namespace {

Status check_source(std::string_view text, const GrammarLimits& limits) {
  if (text.size() <= limits.source) return ok();
  return fail(ErrorId::over_size, fmt::format("a grammar of {} bytes; at most {} are read",
                                              text.size(), limits.source));
}

}  // namespace

Result<Grammar> Grammar::gbnf(std::string_view text, const GrammarLimits& limits) {
  TRY(check_source(text, limits));
  const grammar::Rules rules = TRY(grammar::parse_gbnf(text, limits));
  return Grammar(std::make_shared<const Automaton>(TRY(compile(rules))));
}

Result<Grammar> Grammar::json_schema(std::string_view text, const GrammarLimits& limits) {
  TRY(check_source(text, limits));
  const grammar::Rules rules = TRY(grammar::read_schema(text, limits));
  return Grammar(std::make_shared<const Automaton>(TRY(compile(rules))));
}

Result<Grammar> Grammar::named(std::string_view name) {
  constexpr std::array<std::string_view, 3> kNames = {"json", "json_object", "json_array"};
  for (const std::string_view known : kNames) {
    if (name != known) continue;
    const GrammarLimits limits;
    const auto rules = grammar::json_rules(name == "json" ? "value" : name.substr(5), limits);
    return Grammar(std::make_shared<const Automaton>(TRY(compile(rules))));
  }
  return grammar::grammar_error(
      fmt::format("there is no grammar `{}`; those with names are json, json_object and json_array",
                  printable(name)));
}

const std::string& Grammar::text() const { return automaton_->text; }

}  // namespace hone
