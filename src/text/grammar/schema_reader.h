// Reads JSON schemas into grammars. A schema is taken as a conjunction of parts, so that `allOf`,
// `$ref` and `anyOf` beside other keywords need no rules of their own.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "text/grammar/json_texts.h"

namespace hone::grammar {

// One schema of the conjunction, less the keywords that were dealt with.
struct Part {
  Json json;
  bool flat = false;          // what it refers to is among the parts
  bool choices_done = false;  // its anyOf or oneOf is dealt with
};
using Parts = std::vector<Part>;

class SchemaReader {
 public:
  SchemaReader(Json root, Rules& rules) : root_(root), rules_(rules), texts_(rules) {}
  Result<ExpressionId> read() { return build({{root_}}); }

 private:
  struct Types {
    bool restricted = false;
    std::vector<std::string_view> names;
  };
  struct Property {
    std::string_view name;
    Parts parts;
    bool required = false;
  };

  Result<ExpressionId> build(const Parts& given);
  Result<bool> flatten(const Part& part, Parts& parts);  // false: nothing satisfies it
  Result<Json> target(std::string_view reference) const;
  Result<ExpressionId> build_reference(std::string_view reference);
  Result<ExpressionId> build_choices(const Parts& parts, size_t which, std::string_view keyword);
  Result<ExpressionId> build_constants(const Parts& parts, const Types& types);
  Result<ExpressionId> build_type(const Parts& parts, std::string_view type);
  Result<ExpressionId> build_string(const Parts& parts);
  Result<ExpressionId> build_format(std::string_view format);
  Result<ExpressionId> build_number(const Parts& parts, bool integer);
  Result<ExpressionId> build_array(const Parts& parts);
  Result<ExpressionId> build_object(const Parts& parts);
  Result<std::vector<Property>> properties(const Parts& parts, bool closed);
  ExpressionId members(const std::vector<ExpressionId>& all, const std::vector<bool>& required,
                       std::optional<ExpressionId> extra);
  Result<ExpressionId> extra_member(const std::vector<Property>& known, ExpressionId value);
  Result<Types> types_of(const Parts& parts) const;
  Status refuse_unknown(Json json) const;
  Result<std::optional<uint64_t>> limit(const Parts& parts, std::string_view name,
                                        bool largest) const;
  std::optional<Json> only(const Parts& parts, std::string_view name) const;
  ExpressionId class_of(std::string_view ranges);  // "09af": pairs of bounds
  ExpressionId texts(std::initializer_list<std::string_view> all);

  Json root_;
  Rules& rules_;
  JsonTexts texts_;
  std::map<std::string, RuleId, std::less<>> references_;
  uint64_t depth_ = 0;
  uint64_t schemas_ = 0;  // built
};

inline bool is_false(Json json) { return json.is_bool() && !*json.as_bool(); }
inline bool is_true(Json json) { return json.is_bool() && *json.as_bool(); }

inline Error wrong(std::string_view keyword, std::string_view what) {
  return grammar_error(fmt::format("JSON schema: `{}` {}", printable(keyword), what));
}

}  // namespace hone::grammar
