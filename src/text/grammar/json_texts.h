// The parts of JSON as expressions: strings, numbers, white space, any value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "formats/json.h"
#include "text/grammar/expressions.h"

namespace hone::grammar {

// Rules of JSON in a grammar, each made when it is first used.
class JsonTexts {
 public:
  explicit JsonTexts(Rules& rules) : rules_(rules) {}

  ExpressionId space();      // what may stand between the parts of a value
  ExpressionId character();  // inside of a string
  ExpressionId string();
  ExpressionId integer();
  ExpressionId number();
  ExpressionId boolean();
  ExpressionId null() { return rules_.literal("null"); }
  ExpressionId object();
  ExpressionId array();
  ExpressionId value();
  // The pieces that structures have between their parts.
  ExpressionId open(char bracket);   // { or [, and space
  ExpressionId close(char bracket);  // space, and } or ]
  ExpressionId comma();
  ExpressionId colon();
  // This text as a JSON string.
  ExpressionId quoted(std::string_view text);
  // Characters of these ranges as they stand in a string; escaped where they have to be.
  ExpressionId characters(const std::vector<CodeRange>& ranges);
  // This very value, without white space.
  ExpressionId constant(Json json);

 private:
  // The rule of this name, and whether it has yet to be defined.
  RuleId rule(std::string_view name, std::optional<RuleId>& known, bool& fresh);
  ExpressionId digits(uint32_t least, uint32_t most);

  Rules& rules_;
  std::optional<RuleId> space_, character_, string_, integer_, number_, object_, array_, value_;
};

// JSON text of a value, without white space.
std::string json_text(Json json);
std::string json_string(std::string_view text);

}  // namespace hone::grammar
