// The keywords of JSON schemas that restrict values of one type.
#include <algorithm>
#include <cmath>

#include "text/grammar/number_ranges.h"
#include "text/grammar/pattern.h"
#include "text/grammar/schema_reader.h"

namespace hone::grammar {

// The tightest of a count; nothing where none is given.
Result<std::optional<uint64_t>> SchemaReader::limit(const Parts& parts, std::string_view name,
                                                    bool largest) const {
  std::optional<uint64_t> made;
  for (const Part& part : parts) {
    const auto value = part.json.find(name);
    if (!value) continue;
    const auto real = value->as_double();
    if (!real || *real < 0 || *real != std::floor(*real)) return wrong(name, "has to be a count");
    const auto count = static_cast<uint64_t>(std::min(*real, 1e18));
    made = made ? (largest ? std::max(*made, count) : std::min(*made, count)) : count;
  }
  if (largest && made && *made > rules_.limits.repeat) {
    return wrong(name, fmt::format("is more than {}", rules_.limits.repeat));
  }
  return made;
}

// The one value of a keyword that cannot be combined.
std::optional<Json> SchemaReader::only(const Parts& parts, std::string_view name) const {
  for (const Part& part : parts) {
    if (const auto value = part.json.find(name)) return value;
  }
  return std::nullopt;
}

ExpressionId SchemaReader::class_of(std::string_view ranges) {
  std::vector<CodeRange> made;
  for (size_t i = 0; i + 1 < ranges.size(); i += 2) {
    made.push_back({static_cast<char32_t>(ranges[i]), static_cast<char32_t>(ranges[i + 1])});
  }
  return rules_.set(std::move(made));
}

ExpressionId SchemaReader::texts(std::initializer_list<std::string_view> all) {
  std::vector<ExpressionId> kids;
  for (const std::string_view one : all) kids.push_back(rules_.literal(one));
  return rules_.choice(std::move(kids));
}

Result<ExpressionId> SchemaReader::build_format(std::string_view format) {
  const auto digits = [&](uint32_t count) { return rules_.repeat(class_of("09"), count, count); };
  const auto two = [&](std::string_view first, std::string_view second) {
    return rules_.sequence({class_of(first), class_of(second)});
  };
  const auto text = [&](std::string_view bytes) { return rules_.literal(bytes); };
  const auto date = [&] {
    const ExpressionId to28 = rules_.choice({two("00", "19"), two("11", "09"), two("22", "08")});
    const ExpressionId to30 = rules_.choice({two("00", "19"), two("12", "09"), text("30")});
    const ExpressionId to31 =
        rules_.choice({two("00", "19"), two("12", "09"), texts({"30", "31"})});
    const ExpressionId day = rules_.choice(
        {rules_.sequence({texts({"01", "03", "05", "07", "08", "10", "12"}), text("-"), to31}),
         rules_.sequence({texts({"04", "06", "09", "11"}), text("-"), to30}),
         rules_.sequence({text("02-"), to28})});
    return rules_.sequence({class_of("19"), digits(3), text("-"), day});
  };
  const auto hour = [&] { return rules_.choice({two("01", "09"), two("22", "03")}); };
  const auto minute = [&] { return two("05", "09"); };
  const auto time = [&] {
    const ExpressionId fraction =
        rules_.optional(rules_.sequence({text("."), rules_.repeat(class_of("09"), 1, 6)}));
    const ExpressionId zone = rules_.choice(
        {text("Z"), rules_.sequence({class_of("++--"), hour(), text(":"), minute()})});
    return rules_.sequence({hour(), text(":"), minute(), text(":"), minute(), fraction, zone});
  };
  if (format == "date") return date();
  if (format == "time") return time();
  if (format == "date-time") return rules_.sequence({date(), text("T"), time()});
  if (format == "uuid") {
    const auto hex = [&](uint32_t n) { return rules_.repeat(class_of("09af"), n, n); };
    return rules_.sequence(
        {hex(8), text("-"), hex(4), text("-"), hex(4), text("-"), hex(4), text("-"), hex(12)});
  }
  if (format == "ipv4") {
    const auto byte = [&] {
      return rules_.choice({rules_.sequence({text("25"), class_of("05")}),
                            rules_.sequence({text("2"), class_of("04"), class_of("09")}),
                            rules_.sequence({text("1"), digits(2)}), two("19", "09"), digits(1)});
    };
    return rules_.sequence({byte(), text("."), byte(), text("."), byte(), text("."), byte()});
  }
  return rules_.never();  // not known
}

Result<ExpressionId> SchemaReader::build_string(const Parts& parts) {
  const uint64_t least = TRY(limit(parts, "minLength", true)).value_or(0);
  const auto most = TRY(limit(parts, "maxLength", false));
  std::optional<ExpressionId> inside;
  std::string_view shaped;  // the keyword that says what it looks like
  std::string written;
  for (const Part& part : parts) {
    for (const std::string_view keyword : {"pattern", "format"}) {
      const auto value = part.json.find(keyword);
      if (!value) continue;
      const auto text = TRY(value->as_string().context("reading a JSON schema"));
      ExpressionId made = 0;
      if (keyword == "pattern") {
        made = TRY(read_pattern(text, rules_, texts_));
      } else {
        made = TRY(build_format(text));
        const Expression& e = rules_.expressions[made];
        // Formats that are not known are notes.
        if (e.kind == Expression::Kind::choice && e.kids.empty()) continue;
      }
      if (inside && written == text && shaped == keyword) continue;
      if (inside) return wrong(keyword, "beside another `pattern` or `format` is not supported");
      inside = made;
      shaped = keyword;
      written = text;
    }
  }
  if (inside && (least > 0 || most)) {
    return wrong(shaped,
                 "beside `minLength` or `maxLength` is not supported; say it in the pattern");
  }
  if (most && *most < least) return rules_.never();
  if (!inside && least == 0 && !most) return texts_.string();
  if (!inside) {
    const uint64_t bound = most ? std::min(*most, rules_.limits.repeat) : kUnlimited;
    inside = rules_.repeat(texts_.character(), static_cast<uint32_t>(least),
                           static_cast<uint32_t>(bound));
  }
  return rules_.sequence({rules_.literal("\""), *inside, rules_.literal("\"")});
}

Result<ExpressionId> SchemaReader::build_number(const Parts& parts, bool integer) {
  std::optional<double> least, most;
  bool above = false, below = false;
  for (const Part& part : parts) {
    for (const std::string_view name :
         {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}) {
      const auto value = part.json.find(name);
      if (!value) continue;
      if (value->is_bool())
        return wrong(name, "as a boolean is that of draft 4; give the bound itself");
      const double bound = TRY(value->as_double().context("reading a JSON schema"));
      const bool outside = name.starts_with("exclusive");
      if (name == "minimum" || name == "exclusiveMinimum") {
        if (!least || bound > *least || (bound == *least && outside)) {
          least = bound;
          above = outside;
        }
      } else if (!most || bound < *most || (bound == *most && outside)) {
        most = bound;
        below = outside;
      }
    }
  }
  if (!least && !most) return integer ? texts_.integer() : texts_.number();
  constexpr double kWhole = 9e15;  // doubles are integers up to here
  const auto far = [](const std::optional<double>& bound) {
    return bound && !(std::fabs(*bound) <= kWhole);
  };
  if (far(least) || far(most)) return wrong("minimum", "and `maximum` have to be at most 9e15");
  if (integer) {
    IntegerRange range;
    if (least)
      range.least = static_cast<int64_t>(above ? std::floor(*least) + 1 : std::ceil(*least));
    if (most) range.most = static_cast<int64_t>(below ? std::ceil(*most) - 1 : std::floor(*most));
    return integers_between(rules_, range);
  }
  const auto fractional = [](const std::optional<double>& bound) {
    return bound && *bound != std::floor(*bound);
  };
  if (fractional(least) || fractional(most)) {
    return wrong("minimum", "and `maximum` of a `number` have to be whole numbers");
  }
  NumberRange range;
  range.above = above;
  range.below = below;
  if (least) range.least = static_cast<int64_t>(*least);
  if (most) range.most = static_cast<int64_t>(*most);
  return numbers_between(rules_, range);
}

Result<ExpressionId> SchemaReader::build_array(const Parts& parts) {
  const uint64_t least = TRY(limit(parts, "minItems", true)).value_or(0);
  const auto most = TRY(limit(parts, "maxItems", false));
  Parts others;  // what all further elements are
  std::vector<Parts> prefix;
  size_t lists = 0;
  for (const Part& part : parts) {
    const auto items = part.json.find("items");
    auto first = part.json.find("prefixItems");
    std::optional<Json> rest = items;
    if (items && items->is_array()) {  // before draft 2020-12
      first = items;
      rest = part.json.find("additionalItems");
    }
    if (rest) others.push_back({*rest});
    if (!first) continue;
    if (!first->is_array()) return wrong("prefixItems", "has to be a list");
    if (++lists > 1) return wrong("prefixItems", "in several parts of one schema is not supported");
    for (const Json one : first->elements()) prefix.push_back({{one}});
  }
  if (lists > 0 && others.size() > 1) {
    return wrong("items", "in several parts of one schema, beside `prefixItems`, is not supported");
  }
  const uint64_t bound = most ? std::min(*most, rules_.limits.repeat) : kUnlimited;
  if (bound < least) return rules_.never();
  const ExpressionId item = others.empty() ? texts_.value() : TRY(build(others));
  const ExpressionId next = rules_.sequence({texts_.comma(), item});
  const auto count = [](uint64_t n) { return static_cast<uint32_t>(n); };
  // So many elements come before: how the list may go on, from the end.
  const size_t fixed = static_cast<size_t>(std::min<uint64_t>(prefix.size(), bound));
  const uint64_t before = std::max<uint64_t>(fixed, 1);
  ExpressionId tail = bound > before || bound == kUnlimited
                          ? rules_.repeat(next, count(least > before ? least - before : 0),
                                          bound == kUnlimited ? kUnlimited : count(bound - before))
                          : rules_.empty();
  for (size_t i = std::max<size_t>(fixed, 1); i-- > 0 && bound > 0;) {
    const ExpressionId element = i < fixed ? TRY(build(prefix[i])) : item;
    const RuleId rule = rules_.declare(fmt::format("items-{}", rules_.rules.size()));
    ExpressionId here = i == 0 ? rules_.sequence({element, tail})
                               : rules_.sequence({texts_.comma(), element, tail});
    if (i >= least) here = rules_.optional(here);
    rules_.define(rule, here);
    tail = rules_.call(rule);
  }
  if (bound == 0) tail = rules_.empty();
  return rules_.sequence({texts_.open('['), tail, texts_.close(']')});
}

// All that are named, in the order in which they come first.
Result<std::vector<SchemaReader::Property>> SchemaReader::properties(const Parts& parts,
                                                                     bool closed) {
  std::vector<Property> made;
  std::map<std::string_view, size_t> places;
  for (const Part& part : parts) {
    const auto all = part.json.find("properties");
    if (!all) continue;
    if (!all->is_object()) return wrong("properties", "has to be an object");
    for (const auto [name, schema] : all->members()) {
      const auto [found, added] = places.emplace(name, made.size());
      if (added) made.push_back({name, {}});
      made[found->second].parts.push_back({schema});
    }
  }
  for (const Part& part : parts) {
    const auto all = part.json.find("required");
    if (!all) continue;
    if (!all->is_array()) return wrong("required", "has to be a list of names");
    for (const Json one : all->elements()) {
      const auto name = TRY(one.as_string().context("reading `required` of a JSON schema"));
      const auto [found, added] = places.emplace(name, made.size());
      if (added) {
        made.push_back({name, {}});
        if (closed)
          return wrong("required", fmt::format("names \"{}\", which additionalProperties forbids",
                                               printable(name)));
      }
      made[found->second].required = true;
    }
  }
  return made;
}

Result<ExpressionId> SchemaReader::build_object(const Parts& parts) {
  std::optional<Json> additional;
  size_t named = 0;
  bool own = false;  // the part with additionalProperties has the properties
  for (const Part& part : parts) {
    const bool has = part.json.find("properties").has_value();
    named += has ? 1 : 0;
    const auto value = part.json.find("additionalProperties");
    if (!value || is_true(*value)) {
      if (value && !additional) additional = value;
      continue;
    }
    if (additional && !is_true(*additional) && json_text(*additional) != json_text(*value)) {
      return wrong("additionalProperties", "in several parts of one schema is not supported");
    }
    additional = value;
    own = has;
  }
  if (additional && !is_true(*additional) && named > (own ? 1 : 0)) {
    return wrong("additionalProperties",
                 "with properties in other parts of the schema is not supported");
  }
  const bool closed = additional && is_false(*additional);
  auto known = TRY(properties(parts, closed));
  // A schema that lists its properties is taken at its word.
  const bool open = additional ? !closed : named == 0;
  std::optional<ExpressionId> value;  // of properties that are not listed
  if (open) value = additional ? TRY(build({{*additional}})) : texts_.value();
  std::vector<ExpressionId> all;
  std::vector<bool> required;
  for (const Property& property : known) {
    const ExpressionId inner = !property.parts.empty() ? TRY(build(property.parts))
                               : value                 ? *value
                                                       : texts_.value();
    const RuleId rule = rules_.declare(fmt::format("member-{}", rules_.rules.size()));
    rules_.define(rule, rules_.sequence({texts_.quoted(property.name), texts_.colon(), inner}));
    all.push_back(rules_.call(rule));
    required.push_back(property.required);
  }
  std::optional<ExpressionId> extra;
  if (open) extra = TRY(extra_member(known, *value));
  const ExpressionId inside = members(all, required, extra);
  return rules_.sequence({texts_.open('{'), inside, texts_.close('}')});
}

// Members in order, with commas between those that are there. `first`: nothing is written yet.
ExpressionId SchemaReader::members(const std::vector<ExpressionId>& all,
                                   const std::vector<bool>& required,
                                   std::optional<ExpressionId> extra) {
  ExpressionId rest = rules_.empty(), first = rules_.empty();
  if (extra) {
    const RuleId more = rules_.declare(fmt::format("more-{}", rules_.rules.size()));
    rules_.define(more, rules_.repeat(rules_.sequence({texts_.comma(), *extra}), 0, kUnlimited));
    rest = rules_.call(more);
    first = rules_.optional(rules_.sequence({*extra, rest}));
  }
  for (size_t i = all.size(); i-- > 0;) {
    const RuleId rest_rule = rules_.declare(fmt::format("rest-{}", rules_.rules.size()));
    const RuleId first_rule = rules_.declare(fmt::format("first-{}", rules_.rules.size()));
    ExpressionId here = rules_.sequence({texts_.comma(), all[i]});
    if (!required[i]) here = rules_.optional(here);
    const ExpressionId begun = rules_.sequence({all[i], rest});
    rules_.define(first_rule, required[i] ? begun : rules_.choice({begun, first}));
    rules_.define(rest_rule, rules_.sequence({here, rest}));
    rest = rules_.call(rest_rule);
    first = rules_.call(first_rule);
  }
  return first;
}

// A member whose name is none of these. Its name is spelled without escapes, so that names are told
// apart by their characters.
Result<ExpressionId> SchemaReader::extra_member(const std::vector<Property>& known,
                                                ExpressionId value) {
  constexpr size_t kLongest = 200;
  std::vector<std::u32string> names;
  for (const Property& property : known) {
    std::u32string name;
    for (std::string_view rest = property.name; !rest.empty();) {
      const CodePoint c = decode_utf8(rest);
      name += c.value;
      rest.remove_prefix(std::max<size_t>(c.length, 1));
    }
    if (name.size() > kLongest) {
      return wrong("properties",
                   fmt::format("has a name of more than {} characters beside additionalProperties",
                               kLongest));
    }
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  const std::vector<CodeRange> special{{0, 0x1f}, {'"', '"'}, {'\\', '\\'}};
  const ExpressionId end = rules_.literal("\"");
  const ExpressionId any =
      rules_.sequence({rules_.repeat(rules_.set(complement(special)), 0, kUnlimited), end});
  const RuleId any_rule = rules_.declare(fmt::format("name-{}", rules_.rules.size()));
  rules_.define(any_rule, any);
  // Names [from, to) share their first `depth` characters.
  const auto other = [&](const auto& self, size_t from, size_t to, size_t depth) -> ExpressionId {
    std::vector<ExpressionId> kids;
    std::vector<CodeRange> taken = special;
    size_t at = from;
    if (at < to && names[at].size() == depth) {
      ++at;  // a whole name: may not end here
    } else {
      kids.push_back(end);
    }
    while (at < to) {
      const char32_t c = names[at][depth];
      size_t last = at;
      while (last < to && names[last][depth] == c) ++last;
      const bool plain = c >= 0x20 && c != '"' && c != '\\';
      if (plain) {
        taken.push_back({c, c});
        const ExpressionId deeper = self(self, at, last, depth + 1);
        kids.push_back(rules_.sequence({rules_.set({{c, c}}), deeper}));
      }
      at = last;
    }
    kids.push_back(rules_.sequence({rules_.set(complement(taken)), rules_.call(any_rule)}));
    return rules_.choice(std::move(kids));
  };
  const ExpressionId name = other(other, 0, names.size(), 0);
  return rules_.sequence({rules_.literal("\""), name, texts_.colon(), value});
}

}  // namespace hone::grammar
