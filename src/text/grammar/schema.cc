// The structure of JSON schemas: references, conjunctions, alternatives, types, constants.
#include <algorithm>
#include <cmath>

#include "text/grammar/schema_reader.h"

namespace hone::grammar {
namespace {

constexpr std::string_view kTypes[] = {"object",  "array",   "string", "number",
                                       "integer", "boolean", "null"};
// Keywords that a text cannot be held to while it is written, or that nobody needed yet.
constexpr std::string_view kRefused[] = {"not",
                                         "if",
                                         "then",
                                         "else",
                                         "dependentSchemas",
                                         "dependencies",
                                         "contains",
                                         "minContains",
                                         "maxContains",
                                         "dependentRequired",
                                         "minProperties",
                                         "multipleOf",
                                         "propertyNames",
                                         "maxProperties",
                                         "unevaluatedProperties",
                                         "uniqueItems",
                                         "$dynamicRef",
                                         "$recursiveRef",
                                         "unevaluatedItems",
                                         "patternProperties"};
// What restricts values of one type; `enum` and `const` do not go with them.
struct TypedKeyword {
  std::string_view name, type;
};
constexpr TypedKeyword kTyped[] = {{"minLength", "string"},
                                   {"maxLength", "string"},
                                   {"pattern", "string"},
                                   {"format", "string"},
                                   {"minimum", "number"},
                                   {"maximum", "number"},
                                   {"exclusiveMinimum", "number"},
                                   {"exclusiveMaximum", "number"},
                                   {"items", "array"},
                                   {"prefixItems", "array"},
                                   {"additionalItems", "array"},
                                   {"minItems", "array"},
                                   {"maxItems", "array"},
                                   {"properties", "object"},
                                   {"required", "object"},
                                   {"additionalProperties", "object"}};

}  // namespace

Status SchemaReader::refuse_unknown(Json json) const {
  for (const auto [key, value] : json.members()) {
    if (std::find(std::begin(kRefused), std::end(kRefused), key) == std::end(kRefused)) continue;
    if (is_false(value) && key == "uniqueItems") continue;
    if (is_true(value) && key.starts_with("unevaluated")) continue;
    return wrong(key, "is not supported: a text cannot be held to it while it is written");
  }
  return ok();
}

// "#/a/b" inside of the document.
Result<Json> SchemaReader::target(std::string_view reference) const {
  const auto refuse = [&](std::string_view what) {
    return grammar_error(
        fmt::format("JSON schema: the $ref \"{}\" {}", printable(reference), what));
  };
  if (!reference.starts_with('#')) return refuse("leads out of the schema");
  std::string_view rest = reference.substr(1);
  Json at = root_;
  if (!rest.empty() && rest[0] != '/') return refuse("is no path of the form #/$defs/name");
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('/'), rest.size());
    std::string key;
    for (size_t i = 0; i < end; ++i) {
      if (rest[i] == '~' && i + 1 < end && (rest[i + 1] == '0' || rest[i + 1] == '1')) {
        key += rest[++i] == '0' ? '~' : '/';
      } else {
        key += rest[i];
      }
    }
    rest.remove_prefix(end);
    std::optional<Json> found = at.find(key);
    if (!found && at.is_array()) {
      size_t index = 0;
      for (const Json element : at.elements()) {
        if (std::to_string(index++) == key) found = element;
      }
    }
    if (!found) return refuse("leads nowhere");
    at = *found;
  }
  return at;
}

// Adds the schema and what it refers to.
Result<bool> SchemaReader::flatten(const Part& part, Parts& parts) {
  const Json json = part.json;
  if (is_true(json)) return true;
  if (is_false(json)) return false;
  if (!json.is_object()) {
    return grammar_error(
        fmt::format("JSON schema: a schema is an object or a boolean, not {}", json.kind_name()));
  }
  if (parts.size() > rules_.limits.depth) {
    return grammar_error("JSON schema: `$ref` and `allOf` lead in a circle, or nest too deeply");
  }
  parts.push_back({json, true, part.choices_done});
  if (part.flat) return true;
  TRY(refuse_unknown(json));
  if (const auto reference = json.find("$ref")) {
    const auto path = TRY(reference->as_string().context("reading $ref"));
    const Json reached = TRY(target(path));
    if (!TRY(flatten({reached}, parts))) return false;
  }
  if (const auto all = json.find("allOf")) {
    if (!all->is_array()) return wrong("allOf", "has to be a list");
    for (const Json one : all->elements()) {
      if (!TRY(flatten({one}, parts))) return false;
    }
  }
  return true;
}

// References become rules, so that schemas may contain themselves.
Result<ExpressionId> SchemaReader::build_reference(std::string_view reference) {
  const auto found = references_.find(reference);
  if (found != references_.end()) return rules_.call(found->second);
  const Json json = TRY(target(reference));
  const RuleId rule = rules_.declare(fmt::format("ref-{}", references_.size()));
  references_.emplace(reference, rule);
  const ExpressionId body = TRY(build({{json}}).context("reading $ref " + printable(reference)));
  rules_.define(rule, body);
  return rules_.call(rule);
}

static bool is_annotation(std::string_view key) {
  constexpr std::string_view kAssertions[] = {"type", "enum", "const", "anyOf", "oneOf", "allOf"};
  const bool typed = std::any_of(std::begin(kTyped), std::end(kTyped),
                                 [&](const TypedKeyword& k) { return k.name == key; });
  return !typed &&
         std::find(std::begin(kAssertions), std::end(kAssertions), key) == std::end(kAssertions) &&
         std::find(std::begin(kRefused), std::end(kRefused), key) == std::end(kRefused);
}

// Does a part whose references are among the parts restrict anything itself?
static bool asserts(const Part& part) {
  for (const auto [key, value] : part.json.members()) {
    const bool choice = key == "anyOf" || key == "oneOf";
    if (key != "allOf" && !(choice && part.choices_done) && !is_annotation(key)) return true;
  }
  return false;
}

// The one schema of an `allOf` that stands alone.
static std::optional<Json> single(Json json) {
  const auto all = json.find("allOf");
  if (!all || all->size() != 1 || json.find("$ref")) return std::nullopt;
  for (const auto [key, value] : json.members()) {
    if (key != "allOf" && !is_annotation(key)) return std::nullopt;
  }
  return *all->elements().begin();
}

Result<ExpressionId> SchemaReader::build(const Parts& given) {
  if (++depth_ > rules_.limits.depth) {
    Error deep = fail(ErrorId::over_depth,
                      fmt::format("the JSON schema nests deeper than {}", rules_.limits.depth));
    deep.hint = "put inner schemas into $defs";
    return deep;
  }
  struct Leave {
    uint64_t& depth;
    ~Leave() { --depth; }
  } leave{depth_};
  // Each schema that is built costs memory even where it makes few expressions.
  constexpr uint64_t kMostSchemas = 20'000;
  if (++schemas_ > kMostSchemas) {
    return fail(ErrorId::over_size, "the JSON schema has too many combinations of its parts");
  }
  TRY(rules_.check_size());
  if (given.size() == 1 && !given[0].flat) {
    if (const auto inner = single(given[0].json)) return build({{*inner}});
  }
  if (given.size() == 1 && given[0].json.is_object() && !given[0].flat) {
    const auto reference = given[0].json.find("$ref");
    bool alone = reference.has_value();
    for (const auto [key, value] : given[0].json.members()) {
      alone &= key == "$ref" || is_annotation(key);
    }
    if (alone) return build_reference(TRY(reference->as_string().context("reading $ref")));
  }
  Parts parts;
  for (const Part& part : given) {
    if (!TRY(flatten(part, parts))) return rules_.never();
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].choices_done) continue;
    const bool any = parts[i].json.find("anyOf").has_value();
    const bool one = parts[i].json.find("oneOf").has_value();
    if (any && one) return wrong("anyOf", "beside `oneOf` is not supported");
    if (any) return build_choices(parts, i, "anyOf");
    if (one) return build_choices(parts, i, "oneOf");
  }
  const Types types = TRY(types_of(parts));
  for (const Part& part : parts) {
    if (part.json.find("enum") || part.json.find("const")) return build_constants(parts, types);
  }
  std::vector<std::string_view> names = types.names;
  if (!types.restricted) {
    // Keywords of types say which are meant.
    for (const std::string_view type : kTypes) {
      const bool meant =
          std::any_of(std::begin(kTyped), std::end(kTyped), [&](const TypedKeyword& k) {
            return k.type == type && std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
                     return part.json.find(k.name).has_value();
                   });
          });
      if (meant) names.push_back(type);
    }
    if (names.empty()) return texts_.value();
  }
  std::vector<ExpressionId> kids;
  for (const std::string_view name : names) kids.push_back(TRY(build_type(parts, name)));
  return rules_.choice(std::move(kids));
}

// The alternatives of `anyOf`, each together with all else. `oneOf` is taken for it: that no two
// hold is up to the schema.
Result<ExpressionId> SchemaReader::build_choices(const Parts& parts, size_t which,
                                                 std::string_view keyword) {
  const Json choices = *parts[which].json.find(keyword);
  if (!choices.is_array() || choices.size() == 0) return wrong(keyword, "has to be a list");
  std::vector<ExpressionId> kids;
  // Parts that say nothing else are dealt with, so that a reference stays alone, and a rule.
  Parts others;
  for (size_t i = 0; i < parts.size(); ++i) {
    Part part = parts[i];
    part.choices_done |= i == which;
    if (asserts(part)) others.push_back(part);
  }
  for (const Json choice : choices.elements()) {
    Parts all = others;
    all.push_back({choice});
    kids.push_back(TRY(build(all)));
  }
  return rules_.choice(std::move(kids));
}

static std::string_view type_of(Json value) {
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  if (value.is_string()) return "string";
  if (value.is_bool()) return "boolean";
  if (value.is_null()) return "null";
  const auto real = value.as_double();
  return value.is_integer() || (real && *real == std::floor(*real)) ? "integer" : "number";
}

Result<SchemaReader::Types> SchemaReader::types_of(const Parts& parts) const {
  Types made;
  for (const Part& part : parts) {
    const auto type = part.json.find("type");
    if (!type) continue;
    std::vector<std::string_view> names;
    if (type->is_string()) names.push_back(*type->as_string());
    for (const Json one : type->elements()) {
      names.push_back(TRY(one.as_string().context("reading the types of a JSON schema")));
    }
    for (const std::string_view name : names) {
      if (std::find(std::begin(kTypes), std::end(kTypes), name) == std::end(kTypes)) {
        return wrong("type", fmt::format("\"{}\" is no type of JSON", printable(name)));
      }
    }
    if (names.empty()) return wrong("type", "has to be a name, or a list of names");
    if (!std::exchange(made.restricted, true)) {
      made.names = std::move(names);
      continue;
    }
    const auto has = [&](std::string_view name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    std::vector<std::string_view> both;
    for (const std::string_view name : made.names) {
      if (has(name) || (name == "integer" && has("number"))) both.push_back(name);
      if (name == "number" && !has("number") && has("integer")) both.emplace_back("integer");
    }
    made.names = std::move(both);
  }
  // An integer is a number: said once.
  const auto number = std::find(made.names.begin(), made.names.end(), "number");
  if (number != made.names.end()) std::erase(made.names, "integer");
  return made;
}

// The values that all `enum` and `const` have.
Result<ExpressionId> SchemaReader::build_constants(const Parts& parts, const Types& types) {
  std::optional<std::vector<Json>> values;
  const auto keep = [&](const std::vector<Json>& allowed) {
    if (!values) {
      values = allowed;
      return;
    }
    std::erase_if(*values, [&](Json value) {
      return std::none_of(allowed.begin(), allowed.end(),
                          [&](Json one) { return json_text(one) == json_text(value); });
    });
  };
  for (const Part& part : parts) {
    for (const TypedKeyword& keyword : kTyped) {
      if (part.json.find(keyword.name)) {
        return wrong(keyword.name, "beside `enum` or `const` is not supported");
      }
    }
    if (const auto one = part.json.find("const")) keep({*one});
    if (const auto list = part.json.find("enum")) {
      if (!list->is_array()) return wrong("enum", "has to be a list");
      std::vector<Json> all;
      for (const Json value : list->elements()) all.push_back(value);
      keep(all);
    }
  }
  std::vector<ExpressionId> kids;
  for (const Json value : *values) {
    const std::string_view type = type_of(value);
    const auto has = [&](std::string_view name) {
      return std::find(types.names.begin(), types.names.end(), name) != types.names.end();
    };
    if (types.restricted && !has(type) && !(type == "integer" && has("number"))) continue;
    kids.push_back(texts_.constant(value));
  }
  return rules_.choice(std::move(kids));
}

Result<ExpressionId> SchemaReader::build_type(const Parts& parts, std::string_view type) {
  if (type == "string") return build_string(parts);
  if (type == "number" || type == "integer") return build_number(parts, type == "integer");
  if (type == "array") return build_array(parts);
  if (type == "object") return build_object(parts);
  return type == "boolean" ? texts_.boolean() : texts_.null();
}

Result<Rules> read_schema(std::string_view text, const GrammarLimits& limits) {
  Ledger ledger{Limits()};
  const JsonDocument document =
      TRY(JsonDocument::parse(text, ledger).context("reading a JSON schema"));
  Rules rules(limits);
  const RuleId root = rules.declare("root");
  SchemaReader reader(document.root(), rules);
  const ExpressionId body = TRY(reader.read());
  rules.define(root, body);
  TRY(rules.check_size());
  return rules;
}

}  // namespace hone::grammar
