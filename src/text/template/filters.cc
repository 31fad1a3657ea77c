// The filters on single values: text, numbers, JSON. Those on lists are in list_filters.cc.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/template/characters.h"
#include "text/template/list_filters.h"
#include "text/template/text_operations.h"

namespace hone::jinja {
namespace {

using Kind = Value::Kind;

template <Letters kLetters>
Result<Value> with_case(Call& c) {
  TRY(c.no_arguments());
  return change_case(c.run, TRY(c.run.show(c.self)), kLetters);
}

// Words begin after white space, '-', '(', '{', '[' and '<'.
Result<Value> title(Call& c) {
  TRY(c.no_arguments());
  const Marked text = TRY(c.run.show(c.self));
  const auto cuts = [&](const Character& one) {
    return is_space(one.value) || one.value == '-' || one.value == '(' || one.value == '{' ||
           one.value == '[' || one.value == '<';
  };
  TRY(c.run.work(text.size()));
  MarkedBuilder made;
  size_t begin = 0;
  const auto flush = [&](size_t end) -> Status {
    const Value word = TRY(change_case(c.run, text.part(begin, end - begin), Letters::initial));
    made.add(word.text());
    begin = end;
    return ok();
  };
  for (size_t at = 0; at < text.size();) {
    const Character one = first_character(text.bytes().substr(at));
    at += one.bytes;
    if (cuts(one)) TRY(flush(at));
  }
  TRY(flush(text.size()));
  return c.run.text(made);
}

Result<Value> trim(Call& c) {
  constexpr std::string_view kNames[] = {"chars"};
  const auto given = TRY(c.bind(kNames));
  const Marked text = TRY(c.run.show(c.self));
  std::optional<Marked> characters;
  if (given[0] && !given[0]->is(Kind::none)) characters = TRY(text_argument(c, given[0], "chars"));
  TRY(c.run.work(text.size()));
  return Value(stripped(text, characters, true, true));
}

Result<Value> replace(Call& c) {
  constexpr std::string_view kNames[] = {"old", "new", "count"};
  const auto given = TRY(c.bind(kNames));
  if (!given[0] || !given[1]) return c.run.error("`replace` needs what to replace, and by what");
  const int64_t count =
      given[2] && !given[2]->is(Kind::none) ? TRY(integer_argument(c, given[2], "count", -1)) : -1;
  const Marked text = TRY(c.run.show(c.self));
  const Marked from = TRY(c.run.show(*given[0]));
  const Marked to = TRY(c.run.show(*given[1]));
  return replaced(c.run, text, from, to, count);
}

Result<Value> indent(Call& c) {
  constexpr std::string_view kNames[] = {"width", "first", "blank"};
  const auto given = TRY(c.bind(kNames));
  Marked margin("    ", true);
  if (given[0] && given[0]->is(Kind::text)) {
    margin = given[0]->text();
  } else if (given[0]) {
    const int64_t width = TRY(integer_argument(c, given[0], "width", 4));
    margin = TRY(padded(c.run, Marked(), width, Place::left, Marked(" ", true))).text();
  }
  const bool first = given[1] && Evaluator::truth(*given[1]);
  const bool blank = given[2] && Evaluator::truth(*given[2]);
  if (!c.self.is(Kind::text))
    return c.run.error("`indent` needs a string, not a {}", type_name(c.self));
  MarkedBuilder text_and_end;
  text_and_end.add(c.self.text());
  TRY(c.run.work(text_and_end.size()));
  text_and_end.add("\n", true);  // so that a newline at the end counts
  MarkedBuilder made;
  bool begins = true;
  for (const Marked& line : lines_of(text_and_end.take(), false)) {
    if (!begins) made.add("\n", true);
    if (begins ? first : blank || !line.empty()) made.add(margin);
    made.add(line);
    begins = false;
    TRY(c.run.work(line.size() + margin.size()));
    if (made.size() > c.run.options().limits.output) TRY(c.run.work(made.size()));
  }
  return c.run.text(made);
}

Result<Value> center(Call& c) {
  constexpr std::string_view kNames[] = {"width"};
  const auto given = TRY(c.bind(kNames));
  return padded(c.run, TRY(c.run.show(c.self)), TRY(integer_argument(c, given[0], "width", 80)),
                Place::center, Marked(" ", true));
}

Result<Value> truncate(Call& c) {
  constexpr std::string_view kNames[] = {"length", "killwords", "end", "leeway"};
  const auto given = TRY(c.bind(kNames));
  const int64_t length = TRY(integer_argument(c, given[0], "length", 255));
  const Marked end = given[2] ? TRY(text_argument(c, given[2], "end")) : Marked("...", true);
  const int64_t leeway =
      given[3] && !given[3]->is(Kind::none) ? TRY(integer_argument(c, given[3], "leeway", 5)) : 5;
  const auto room = length - static_cast<int64_t>(end.length());
  if (room < 0 || leeway < 0) return c.run.error("`truncate` to less than its own end");
  const auto count = TRY(c.run.length(c.self));
  if (!count) return c.run.error("a {} has no length", type_name(c.self));
  if (static_cast<int64_t>(*count) - leeway <= length) return c.self;
  if (!c.self.is(Kind::text)) return c.run.error("a {} cannot be truncated", type_name(c.self));
  const Marked& text = c.self.text();
  Marked kept = text.part(0, text.offset_of(static_cast<size_t>(room)));
  if (!given[1] || !Evaluator::truth(*given[1])) {
    const size_t blank = kept.bytes().rfind(' ');
    if (blank != std::string_view::npos) kept = kept.part(0, blank);
  }
  MarkedBuilder made;
  made.add(kept);
  made.add(end);
  return c.run.text(made);
}

Result<Value> to_text(Call& c) {
  TRY(c.no_arguments());
  return Value(TRY(c.run.show(c.self)));
}

Result<Value> same(Call& c) {
  TRY(c.no_arguments());
  return Value(TRY(c.run.show(c.self)));
}

Result<Value> escape(Call& c) {
  TRY(c.no_arguments());
  const Marked text = TRY(c.run.show(c.self));
  TRY(c.run.work(text.size() * 5));
  MarkedBuilder made;
  for (size_t at = 0; at < text.size(); ++at) {
    const char one = text.bytes()[at];
    const std::string_view named = one == '&'    ? "&amp;"
                                   : one == '<'  ? "&lt;"
                                   : one == '>'  ? "&gt;"
                                   : one == '"'  ? "&#34;"
                                   : one == '\'' ? "&#39;"
                                                 : "";
    made.add(named.empty() ? text.bytes().substr(at, 1) : named, text.trusted_at(at));
  }
  return c.run.text(made);
}

Result<Value> url_encode(Call& c) {
  TRY(c.no_arguments());
  const Marked text = TRY(c.run.show(c.self));
  TRY(c.run.work(text.size() * 3));
  constexpr std::string_view kPlain = "_.-~/";
  MarkedBuilder made;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto one = static_cast<unsigned char>(text.bytes()[at]);
    const bool plain =
        one < 0x80 && (is_letter(one) || is_digit(one) ||
                       kPlain.find(static_cast<char>(one)) != std::string_view::npos);
    made.add(plain ? std::string(1, static_cast<char>(one)) : fmt::format("%{:02X}", one),
             text.trusted_at(at));
  }
  return c.run.text(made);
}

Result<Value> word_count(Call& c) {
  TRY(c.no_arguments());
  const Marked text = TRY(c.run.show(c.self));
  int64_t count = 0;
  bool inside = false;
  for (std::string_view rest = text.bytes(); !rest.empty();) {
    const Character one = first_character(rest);
    const bool word = is_letter(one.value) || is_digit(one.value) || one.value == '_';
    count += word && !inside ? 1 : 0;
    inside = word;
    rest.remove_prefix(one.bytes);
  }
  return Value(count);
}

Result<Value> default_value(Call& c) {
  constexpr std::string_view kNames[] = {"default_value", "boolean"};
  const auto given = TRY(c.bind(kNames));
  const bool by_truth = given[1] && Evaluator::truth(*given[1]);
  if (!c.self.is(Kind::undefined) && (!by_truth || Evaluator::truth(c.self))) return c.self;
  return given[0] ? *given[0] : Value(Marked());
}

Result<Value> absolute(Call& c) {
  TRY(c.no_arguments());
  if (c.self.is(Kind::undefined)) return c.run.undefined_error(c.self);
  if (c.self.is(Kind::real)) return Value(std::fabs(c.self.real()));
  if (!c.self.is_integral()) return c.run.error("a {} has no absolute value", type_name(c.self));
  if (c.self.integer() >= 0) return Value(c.self.integer());
  return c.run.arithmetic(Node::Kind::subtract, Value(int64_t{0}), c.self);
}

// What int() and float() of Python make of a text, as far as templates need it.
std::string without_underscores(std::string_view text) {
  std::string made;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool between =
        text[i] == '_' && i > 0 && i + 1 < text.size() && text[i - 1] != '_' && text[i + 1] != '_';
    if (!between) made += text[i];
  }
  return made;
}

std::optional<double> parse_real(std::string_view text) {
  std::string spelled = without_underscores(strip(text));
  std::string_view rest = spelled;
  if (rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.empty() || rest.starts_with('+')) return std::nullopt;
  double value = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (parsed.ptr != rest.data() + rest.size()) return std::nullopt;
  if (parsed.ec == std::errc()) return value;
  if (parsed.ec != std::errc::result_out_of_range) return std::nullopt;
  const bool tiny =
      rest.find("e-") != std::string_view::npos || rest.find("E-") != std::string_view::npos;
  return tiny ? 0.0 : rest.starts_with('-') ? -HUGE_VAL : HUGE_VAL;
}

std::optional<int64_t> parse_integer(std::string_view text, int base) {
  std::string spelled = without_underscores(strip(text));
  std::string_view rest = spelled;
  const bool minus = rest.starts_with('-');
  if (minus || rest.starts_with('+')) rest.remove_prefix(1);
  const auto prefixed = [&](std::string_view lower, std::string_view upper) {
    return rest.starts_with(lower) || rest.starts_with(upper);
  };
  if ((base == 16 && prefixed("0x", "0X")) || (base == 8 && prefixed("0o", "0O")) ||
      (base == 2 && prefixed("0b", "0B"))) {
    rest.remove_prefix(2);
  }
  if (rest.empty() || rest[0] == '-' || rest[0] == '+') return std::nullopt;
  const std::string digits = (minus ? "-" : "") + std::string(rest);
  int64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

Result<std::optional<int64_t>> truncated(Call& c, double value) {
  if (std::isnan(value) || std::isinf(value)) return std::optional<int64_t>();
  if (std::fabs(value) >= 0x1p63) return c.run.error("an integer does not fit in 64 bits");
  return std::optional(static_cast<int64_t>(value));
}

Result<Value> to_integer(Call& c) {
  constexpr std::string_view kNames[] = {"default", "base"};
  const auto given = TRY(c.bind(kNames));
  const Value otherwise = given[0] ? *given[0] : Value(int64_t{0});
  const int64_t base = TRY(integer_argument(c, given[1], "base", 10));
  if (base < 2 || base > 36) return c.run.error("`int` needs a base from 2 to 36");
  if (c.self.is(Kind::undefined)) return c.run.undefined_error(c.self);
  if (c.self.is_integral()) return Value(c.self.integer());
  std::optional<double> real;
  if (c.self.is(Kind::real)) real = c.self.real();
  if (c.self.is(Kind::text)) {
    if (const auto value = parse_integer(c.self.text().bytes(), static_cast<int>(base))) {
      return Value(*value);
    }
    real = parse_real(c.self.text().bytes());
  }
  if (!real) return otherwise;
  const auto whole = TRY(truncated(c, *real));
  return whole ? Value(*whole) : otherwise;
}

Result<Value> to_real(Call& c) {
  constexpr std::string_view kNames[] = {"default"};
  const auto given = TRY(c.bind(kNames));
  if (c.self.is(Kind::undefined)) return c.run.undefined_error(c.self);
  if (c.self.is_number()) return Value(c.self.real());
  if (c.self.is(Kind::text)) {
    if (const auto value = parse_real(c.self.text().bytes())) return Value(*value);
  }
  return given[0] ? *given[0] : Value(0.0);
}

Result<Value> round_number(Call& c) {
  constexpr std::string_view kNames[] = {"precision", "method"};
  const auto given = TRY(c.bind(kNames));
  const int64_t precision = TRY(integer_argument(c, given[0], "precision", 0));
  const Marked method =
      given[1] ? TRY(text_argument(c, given[1], "method")) : Marked("common", true);
  if (c.self.is(Kind::undefined)) return c.run.undefined_error(c.self);
  if (!c.self.is_number()) return c.run.error("a {} cannot be rounded", type_name(c.self));
  if (precision < -300 || precision > 300) return c.run.error("`round` to {} digits", precision);
  if (method.bytes() == "common") {
    if (c.self.is_integral() && precision >= 0) return Value(c.self.integer());
    if (precision >= 0) {
      // Exact decimals, as Python: printf rounds the binary value correctly.
      const std::string exact = fmt::format("{:.{}f}", c.self.real(), precision);
      return Value(parse_real(exact).value_or(c.self.real()));
    }
    const double unit = std::pow(10.0, static_cast<double>(-precision));
    const double rounded = std::nearbyint(c.self.real() / unit) * unit;
    if (!c.self.is_integral()) return Value(rounded);
    return Value(TRY(truncated(c, rounded)).value_or(0));
  }
  if (method.bytes() != "ceil" && method.bytes() != "floor") {
    return c.run.error("`round` knows the methods common, ceil and floor");
  }
  const double unit = std::pow(10.0, static_cast<double>(precision));
  const double scaled = c.self.real() * unit;
  const double whole = method.bytes() == "ceil" ? std::ceil(scaled) : std::floor(scaled);
  return Value((whole + 0.0) / unit);  // a zero without sign
}

Result<Value> to_json(Call& c) {
  constexpr std::string_view kNames[] = {"ensure_ascii", "indent", "separators", "sort_keys"};
  const auto given = TRY(c.bind(kNames));
  Evaluator::JsonStyle style;
  style.ascii = given[0] && Evaluator::truth(*given[0]);
  style.sorted = given[3] && Evaluator::truth(*given[3]);
  if (given[1] && given[1]->is(Kind::text)) {
    style.indent = std::string(given[1]->text().bytes());
  } else if (given[1] && !given[1]->is(Kind::none)) {
    const int64_t width = TRY(integer_argument(c, given[1], "indent", 0));
    style.indent = std::string(static_cast<size_t>(std::clamp<int64_t>(width, 0, 64)), ' ');
  }
  style.comma = style.indent ? "," : ", ";
  style.colon = ": ";
  if (given[2] && !given[2]->is(Kind::none)) {
    const std::vector<Value> parts = TRY(c.run.iterate(*given[2]));
    if (parts.size() != 2) return c.run.error("`tojson` needs two separators");
    style.comma = std::string(TRY(text_argument(c, parts[0], "separators")).bytes());
    style.colon = std::string(TRY(text_argument(c, parts[1], "separators")).bytes());
  }
  MarkedBuilder made;
  TRY(c.run.to_json(c.self, style, 0, made));
  return c.run.text(made);
}

Result<Value> format(Call& c) {
  if (!c.arguments.named.empty() && !c.arguments.positional.empty()) {
    return c.run.error("`format` takes values by place or by name, not both");
  }
  const Marked pattern = TRY(c.run.show(c.self));
  if (c.arguments.named.empty()) {
    const Value values = TRY(c.run.list(c.arguments.positional, List::Form::tuple));
    return format_text(c.run, pattern, values);
  }
  Map* values = TRY(c.run.map());
  for (const auto& [key, value] : c.arguments.named) {
    TRY(c.run.set(*values, Marked(key, true), value));
  }
  return format_text(c.run, pattern, Value(values));
}

Result<Value> attribute(Call& c) {
  constexpr std::string_view kNames[] = {"name"};
  const auto given = TRY(c.bind(kNames));
  const Marked name = TRY(text_argument(c, given[0], "name"));
  // Attributes only, so that the items of a map are not seen.
  if (c.self.is(Kind::undefined)) return c.run.undefined_error(c.self);
  if (!c.self.is(Kind::map)) return c.run.attribute(c.self, name.bytes());
  if (find_map_method(name.bytes()) != nullptr) return c.run.attribute(c.self, name.bytes());
  return Value();
}

constexpr Named kFilters[] = {
    {"tojson", to_json},
    {"trim", trim},
    {"default", default_value},
    {"d", default_value},
    {"string", to_text},
    {"safe", same},
    {"upper", with_case<Letters::upper>},
    {"lower", with_case<Letters::lower>},
    {"capitalize", with_case<Letters::capitalized>},
    {"title", title},
    {"replace", replace},
    {"indent", indent},
    {"center", center},
    {"truncate", truncate},
    {"escape", escape},
    {"e", escape},
    {"urlencode", url_encode},
    {"wordcount", word_count},
    {"format", format},
    {"abs", absolute},
    {"int", to_integer},
    {"float", to_real},
    {"round", round_number},
    {"attr", attribute},
};

}  // namespace

Builtin find_filter(std::string_view name) {
  const Builtin found = find_in(kFilters, std::size(kFilters), name);
  return found != nullptr ? found : find_list_filter(name);
}

}  // namespace hone::jinja
