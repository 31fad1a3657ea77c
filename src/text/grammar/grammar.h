// What a text may be: context-free grammars over bytes, from GBNF text or a JSON schema.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone {

struct GrammarLimits {
  uint64_t source = 1 << 20;       // bytes of a grammar or schema
  uint64_t depth = 100;            // nested groups, schemas
  uint64_t expressions = 1 << 20;  // of a grammar, as it is written
  uint64_t nodes = 1 << 20;        // of its automaton
  uint64_t repeat = 10'000;        // the largest count in {m,n}
  // While it is matched:
  uint64_t stack = 1000;        // open rules, so levels of nesting; deeper texts are not allowed
  uint64_t states = 200'000;    // sets of places that matching has seen
  uint64_t ambiguity = 10'000;  // places at a time
  uint64_t memory = 1 << 30;    // bytes of all states
};

struct Automaton;

// Compiled; immutable; copies share.
class Grammar {
 public:
  // `root ::= …`: strings, [classes], rules, groups, |, *, +, ?, {m,n}, comments after #. A grammar
  // where a rule begins with itself is refused.
  static Result<Grammar> gbnf(std::string_view text, const GrammarLimits& limits = {});
  // Texts of the grammar are valid under the schema; keywords that it cannot hold to are refused.
  static Result<Grammar> json_schema(std::string_view text, const GrammarLimits& limits = {});
  // By name: "json" (any JSON value), "json_object", "json_array".
  static Result<Grammar> named(std::string_view name);

  // The grammar as GBNF.
  const std::string& text() const;

 private:
  friend class Constraint;
  explicit Grammar(std::shared_ptr<const Automaton> automaton) : automaton_(std::move(automaton)) {}
  std::shared_ptr<const Automaton> automaton_;
};

}  // namespace hone
