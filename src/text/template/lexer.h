// Cuts the source of a template into tokens; white space control is done here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone::jinja {

struct Token {
  enum class Kind : uint8_t {
    data,            // text outside of tags, as it is to appear
    block_begin,     // {%
    block_end,       // %}
    variable_begin,  // {{
    variable_end,    // }}
    name,
    text,  // a string, unescaped
    integer,
    real,
    symbol,  // an operator or bracket
    end
  };
  Kind kind = Kind::end;
  uint32_t line = 0;
  std::string text = {};
  int64_t integer = 0;
  double real = 0;
};

// A source that is UTF-8, with newlines as they come.
Result<std::vector<Token>> lex(std::string_view source);

// An error of the template at a line.
Error template_error(uint32_t line, std::string_view what);

}  // namespace hone::jinja
