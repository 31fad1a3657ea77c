#include "text/grammar/json_texts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace hone::grammar {

std::string json_string(std::string_view text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      made += '\\';
      made += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      made += c == '\n'   ? "\\n"
              : c == '\t' ? "\\t"
              : c == '\r' ? "\\r"
                          : fmt::format("\\u{:04x}", c);
    } else {
      made += c;
    }
  }
  return made + "\"";
}

std::string json_text(Json json) {
  if (json.is_null()) return "null";
  if (json.is_bool()) return *json.as_bool() ? "true" : "false";
  if (json.is_string()) return json_string(*json.as_string());
  if (json.is_number()) {
    if (const auto integer = json.as_int64()) return std::to_string(*integer);
    if (const auto large = json.as_uint64()) return std::to_string(*large);
    return exact(*json.as_double());
  }
  std::string made(1, json.is_array() ? '[' : '{');
  for (const Json element : json.elements()) {
    if (made.size() > 1) made += ',';
    made += json_text(element);
  }
  for (const auto [key, value] : json.members()) {
    if (made.size() > 1) made += ',';
    made += json_string(key) + ":" + json_text(value);
  }
  return made + (json.is_array() ? ']' : '}');
}

RuleId JsonTexts::rule(std::string_view name, std::optional<RuleId>& known, bool& fresh) {
  fresh = !known;
  if (!known) known = rules_.declare(name);
  return *known;
}

ExpressionId JsonTexts::digits(uint32_t least, uint32_t most) {
  return rules_.repeat(rules_.set({{'0', '9'}}), least, most);
}

// One blank, or a line of its own with an indent: models would go on with white space for ever.
ExpressionId JsonTexts::space() {
  bool fresh = false;
  const RuleId id = rule("space", space_, fresh);
  if (fresh) {
    const ExpressionId indent = rules_.repeat(rules_.set({{' ', ' '}, {'\t', '\t'}}), 0, 20);
    const ExpressionId line = rules_.sequence({rules_.literal("\n"), indent});
    rules_.define(id, rules_.optional(rules_.choice({rules_.literal(" "), line})));
  }
  return rules_.call(id);
}

ExpressionId JsonTexts::character() {
  bool fresh = false;
  const RuleId id = rule("character", character_, fresh);
  if (fresh) {
    const auto hex = [&](uint32_t count) {
      return rules_.repeat(rules_.set({{'0', '9'}, {'a', 'f'}, {'A', 'F'}}), count, count);
    };
    const ExpressionId d = rules_.set({{'d', 'd'}, {'D', 'D'}});
    const ExpressionId plain = rules_.set(complement({{0, 0x1f}, {'"', '"'}, {'\\', '\\'}}));
    const ExpressionId letter = rules_.set({{'"', '"'},
                                            {'\\', '\\'},
                                            {'/', '/'},
                                            {'b', 'b'},
                                            {'f', 'f'},
                                            {'n', 'n'},
                                            {'r', 'r'},
                                            {'t', 't'}});
    // Halves of surrogate pairs come together.
    const ExpressionId other = rules_.sequence(
        {rules_.set({{'0', '9'}, {'a', 'c'}, {'A', 'C'}, {'e', 'f'}, {'E', 'F'}}), hex(3)});
    const ExpressionId before = rules_.sequence({d, rules_.set({{'0', '7'}}), hex(2)});
    const ExpressionId high =
        rules_.sequence({d, rules_.set({{'8', '9'}, {'a', 'b'}, {'A', 'B'}}), hex(2),
                         rules_.literal("\\u"), d, rules_.set({{'c', 'f'}, {'C', 'F'}}), hex(2)});
    const ExpressionId code =
        rules_.sequence({rules_.literal("u"), rules_.choice({other, before, high})});
    const ExpressionId escape =
        rules_.sequence({rules_.literal("\\"), rules_.choice({letter, code})});
    rules_.define(id, rules_.choice({plain, escape}));
  }
  return rules_.call(id);
}

ExpressionId JsonTexts::string() {
  bool fresh = false;
  const RuleId id = rule("string", string_, fresh);
  if (fresh) {
    const ExpressionId inside = rules_.repeat(character(), 0, kUnlimited);
    rules_.define(id, rules_.sequence({rules_.literal("\""), inside, rules_.literal("\"")}));
  }
  return rules_.call(id);
}

// Of as many digits as doubles keep.
ExpressionId JsonTexts::integer() {
  bool fresh = false;
  const RuleId id = rule("integer", integer_, fresh);
  if (fresh) {
    const ExpressionId positive = rules_.sequence({rules_.set({{'1', '9'}}), digits(0, 14)});
    const ExpressionId negative = rules_.sequence({rules_.literal("-"), positive});
    rules_.define(id, rules_.choice({rules_.literal("0"), positive, negative}));
  }
  return rules_.call(id);
}

ExpressionId JsonTexts::number() {
  bool fresh = false;
  const RuleId id = rule("number", number_, fresh);
  if (fresh) {
    const ExpressionId positive = rules_.sequence({rules_.set({{'1', '9'}}), digits(0, 14)});
    const ExpressionId whole = rules_.choice({rules_.literal("0"), positive});
    const ExpressionId fraction = rules_.sequence({rules_.literal("."), digits(1, 16)});
    const ExpressionId exponent =
        rules_.sequence({rules_.set({{'e', 'e'}, {'E', 'E'}}),
                         rules_.optional(rules_.set({{'+', '+'}, {'-', '-'}})), digits(1, 2)});
    rules_.define(id, rules_.sequence({rules_.optional(rules_.literal("-")), whole,
                                       rules_.optional(fraction), rules_.optional(exponent)}));
  }
  return rules_.call(id);
}

ExpressionId JsonTexts::boolean() {
  return rules_.choice({rules_.literal("true"), rules_.literal("false")});
}

ExpressionId JsonTexts::open(char bracket) {
  return rules_.sequence({rules_.literal({&bracket, 1}), space()});
}
ExpressionId JsonTexts::close(char bracket) {
  return rules_.sequence({space(), rules_.literal({&bracket, 1})});
}
ExpressionId JsonTexts::comma() { return rules_.sequence({rules_.literal(","), space()}); }
ExpressionId JsonTexts::colon() { return rules_.sequence({rules_.literal(":"), space()}); }

ExpressionId JsonTexts::object() {
  bool fresh = false;
  const RuleId id = rule("object", object_, fresh);
  if (fresh) {
    const ExpressionId member = rules_.sequence({string(), colon(), value()});
    const ExpressionId more = rules_.repeat(rules_.sequence({comma(), member}), 0, kUnlimited);
    const ExpressionId members = rules_.optional(rules_.sequence({member, more}));
    rules_.define(id, rules_.sequence({open('{'), members, close('}')}));
  }
  return rules_.call(id);
}

ExpressionId JsonTexts::array() {
  bool fresh = false;
  const RuleId id = rule("array", array_, fresh);
  if (fresh) {
    const ExpressionId more = rules_.repeat(rules_.sequence({comma(), value()}), 0, kUnlimited);
    const ExpressionId elements = rules_.optional(rules_.sequence({value(), more}));
    rules_.define(id, rules_.sequence({open('['), elements, close(']')}));
  }
  return rules_.call(id);
}

ExpressionId JsonTexts::value() {
  bool fresh = false;
  const RuleId id = rule("value", value_, fresh);
  if (fresh) {
    const ExpressionId parts[] = {object(), array(), string(), number(), boolean(), null()};
    rules_.define(id, rules_.choice({std::begin(parts), std::end(parts)}));
  }
  return rules_.call(id);
}

ExpressionId JsonTexts::quoted(std::string_view text) { return rules_.literal(json_string(text)); }

ExpressionId JsonTexts::constant(Json json) { return rules_.literal(json_text(json)); }

ExpressionId JsonTexts::characters(const std::vector<CodeRange>& ranges) {
  std::vector<CodeRange> plain;
  std::vector<ExpressionId> kids;
  for (const CodeRange& r : normalized(ranges)) {
    for (char32_t c = r.low; c <= r.high && c <= '\\'; ++c) {
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      const std::string spelled = json_string(std::string(1, static_cast<char>(c)));
      kids.push_back(rules_.literal(std::string_view(spelled).substr(1, spelled.size() - 2)));
    }
    for (const CodeRange& allowed :
         {CodeRange{0x20, '!'}, CodeRange{'#', '['}, CodeRange{']', 0x10ffff}}) {
      plain.push_back({std::max(r.low, allowed.low), std::min(r.high, allowed.high)});
    }
  }
  plain = normalized(std::move(plain));
  if (!plain.empty()) kids.push_back(rules_.set(std::move(plain)));
  return rules_.choice(std::move(kids));
}

Rules json_rules(std::string_view root, const GrammarLimits& limits) {
  Rules rules(limits);
  const RuleId id = rules.declare("root");
  JsonTexts texts(rules);
  rules.define(id, root == "object"  ? texts.object()
                   : root == "array" ? texts.array()
                                     : texts.value());
  return rules;
}

}  // namespace hone::grammar
