// Grammars as they are written: rules of expressions over characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/grammar/grammar.h"

namespace hone::grammar {

using ExpressionId = uint32_t;
using RuleId = uint32_t;
constexpr uint32_t kUnlimited = UINT32_MAX;

struct CodeRange {
  char32_t low, high;  // both inside
  bool operator==(const CodeRange&) const = default;
};

struct Expression {
  enum class Kind : uint8_t {
    literal,   // bytes
    set,       // one character of ranges
    sequence,  // kids, one after the other
    choice,    // one of the kids; of none: nothing ever
    repeat,    // the kid, least to most times
    rule,
  };
  Kind kind;
  std::string bytes = {};
  std::vector<CodeRange> ranges = {};
  std::vector<ExpressionId> kids = {};
  uint32_t least = 0, most = 0;
  RuleId rule = 0;
};

struct Rule {
  std::string name;
  ExpressionId body = 0;
  bool defined = false;
};

// Puts a grammar together. The first rule is the root.
class Rules {
 public:
  explicit Rules(const GrammarLimits& limits) : limits(limits) {}

  ExpressionId literal(std::string_view bytes);
  ExpressionId set(std::vector<CodeRange> ranges);  // any order
  ExpressionId sequence(std::vector<ExpressionId> kids);
  ExpressionId choice(std::vector<ExpressionId> kids);
  ExpressionId repeat(ExpressionId kid, uint32_t least, uint32_t most);
  ExpressionId optional(ExpressionId kid) { return repeat(kid, 0, 1); }
  ExpressionId call(RuleId rule);
  ExpressionId empty() { return literal(""); }
  ExpressionId never() { return choice({}); }

  RuleId declare(std::string_view name);  // a new one
  void define(RuleId rule, ExpressionId body);

  // There are too many expressions; checked now and then by who makes them.
  Status check_size() const;

  const GrammarLimits& limits;
  std::vector<Expression> expressions;
  std::vector<Rule> rules;

 private:
  ExpressionId add(Expression expression);
};

// Sorted, without overlaps and neighbours that touch.
std::vector<CodeRange> normalized(std::vector<CodeRange> ranges);
// All other characters: Unicode scalar values.
std::vector<CodeRange> complement(std::vector<CodeRange> ranges);

// As GBNF.
std::string print(const Rules& rules);

Result<Rules> parse_gbnf(std::string_view text, const GrammarLimits& limits);
Result<Rules> read_schema(std::string_view text, const GrammarLimits& limits);
// Any JSON value; "object" and "array" those alone.
Rules json_rules(std::string_view root, const GrammarLimits& limits);

// Error of a grammar.
Error grammar_error(std::string message);

}  // namespace hone::grammar
