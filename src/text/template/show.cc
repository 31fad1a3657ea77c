// Values as text: Python's str() and repr(), and JSON as json.dumps() writes it.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "text/template/characters.h"
#include "text/template/evaluator.h"

namespace hone::jinja {

std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // The shortest digits, laid out as Python does.
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value),
                                 std::chars_format::scientific);
  const std::string_view all(buffer, static_cast<size_t>(end.ptr - buffer));
  const size_t mark = all.find('e');
  std::string digits(all.substr(0, mark));
  std::erase(digits, '.');
  int exponent = 0;
  const std::string_view power = all.substr(mark + (all[mark + 1] == '+' ? 2 : 1));
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  std::string made = std::signbit(value) ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    made += digits.substr(0, 1);
    if (digits.size() > 1) made += "." + digits.substr(1);
    return made + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return made + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return made + digits + std::string(whole - digits.size(), '0') + ".0";
  return made + digits.substr(0, whole) + "." + digits.substr(whole);
}

Result<Marked> Evaluator::show(const Value& value) {
  if (value.is(Value::Kind::text)) return value.text();
  if (value.is(Value::Kind::undefined)) return Marked();
  MarkedBuilder out;
  TRY(represent(value, out));
  return out.take();
}

namespace {

bool is_shown(char32_t c) {
  if (c < 0x80) return c >= 0x20 && c != 0x7f;
  return c != 0xad && !is_space(c) && !is_unprintable(c) && !(c >= 0xe000 && c <= 0xf8ff) &&
         c != 0xfeff && c < 0xe0000;
}

std::string escaped(char32_t c) {
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  if (c == '\r') return "\\r";
  const auto code = static_cast<uint32_t>(c);
  return c < 0x100     ? fmt::format("\\x{:02x}", code)
         : c < 0x10000 ? fmt::format("\\u{:04x}", code)
                       : fmt::format("\\U{:08x}", code);
}

}  // namespace

Status Evaluator::represent_text(const Marked& text, MarkedBuilder& out) {
  const std::string_view bytes = text.bytes();
  TRY(work(bytes.size()));
  const bool doubled =
      bytes.find('\'') != std::string_view::npos && bytes.find('"') == std::string_view::npos;
  const char quote = doubled ? '"' : '\'';
  out.add({&quote, 1}, true);
  for (size_t at = 0; at < bytes.size();) {
    const Character c = first_character(bytes.substr(at));
    if (c.value == static_cast<unsigned char>(quote) || c.value == '\\') {
      out.add("\\", text.trusted_at(at));
      out.add(text, at, c.bytes);
    } else if (is_shown(c.value)) {
      out.add(text, at, c.bytes);
    } else {
      out.add(escaped(c.value), text.trusted_at(at));
    }
    at += c.bytes;
  }
  out.add({&quote, 1}, true);
  return ok();
}

Status Evaluator::represent(const Value& value, MarkedBuilder& out) {
  TRY(enter());
  const Level level(*this);
  if (out.size() > limits_.output) TRY(work(out.size()));
  switch (value.kind()) {
    case Value::Kind::undefined: out.add("Undefined", true); break;
    case Value::Kind::none: out.add("None", true); break;
    case Value::Kind::boolean: out.add(value.boolean() ? "True" : "False", true); break;
    case Value::Kind::integer: out.add(std::to_string(value.integer()), true); break;
    case Value::Kind::real: out.add(real_text(value.real()), true); break;
    case Value::Kind::text: return represent_text(value.text(), out);
    case Value::Kind::list: {
      const List& list = value.list();
      if (list.form == List::Form::range) {
        out.add(list.step == 1 ? fmt::format("range({}, {})", list.start, list.stop)
                               : fmt::format("range({}, {}, {})", list.start, list.stop, list.step),
                true);
        break;
      }
      if (list.form == List::Form::generator) {
        out.add(fmt::format("<generator object {}>", list.shown_as), true);
        break;
      }
      const bool tuple = list.form == List::Form::tuple;
      if (list.form == List::Form::view) out.add(std::string(list.shown_as) + "(", true);
      out.add(tuple ? "(" : "[", true);
      for (size_t i = 0; i < list.items.size(); ++i) {
        if (i > 0) out.add(", ", true);
        TRY(represent(list.items[i], out));
      }
      out.add(tuple ? (list.items.size() == 1 ? ",)" : ")") : "]", true);
      if (list.form == List::Form::view) out.add(")", true);
      break;
    }
    case Value::Kind::map: {
      out.add("{", true);
      bool first = true;
      for (const auto& [key, inner] : value.map().items) {
        if (!std::exchange(first, false)) out.add(", ", true);
        TRY(represent(key, out));
        out.add(": ", true);
        TRY(represent(inner, out));
      }
      out.add("}", true);
      break;
    }
    case Value::Kind::space: out.add("<Namespace>", true); break;
    case Value::Kind::callable: out.add("<function>", true); break;
    case Value::Kind::loop: out.add("<LoopContext>", true); break;
  }
  return ok();
}

Status Evaluator::json_text(const Marked& text, const JsonStyle& style, MarkedBuilder& out) {
  const std::string_view bytes = text.bytes();
  TRY(work(bytes.size()));
  out.add("\"", true);
  size_t plain = 0;  // begins what is copied as it is
  for (size_t at = 0; at < bytes.size();) {
    const Character c = first_character(bytes.substr(at));
    constexpr std::string_view kPlain = "\"\\\n\r\t\f\b";
    constexpr std::string_view kLetters = "\"\\nrtfb";
    std::string escape;
    if (c.value >= 0x80 && style.ascii) {
      const auto code = static_cast<uint32_t>(c.value);
      escape = code < 0x10000 ? fmt::format("\\u{:04x}", code)
                              : fmt::format("\\u{:04x}\\u{:04x}", 0xd7c0 + (code >> 10),
                                            0xdc00 + (code & 0x3ff));
    } else if (c.value < 0x80) {
      const size_t letter = kPlain.find(static_cast<char>(c.value));
      if (letter != std::string_view::npos) {
        escape = {'\\', kLetters[letter]};
      } else if (c.value < 0x20) {
        escape = fmt::format("\\u{:04x}", static_cast<uint32_t>(c.value));
      }
    }
    if (!escape.empty()) {
      out.add(text, plain, at - plain);
      out.add(escape, text.trusted_at(at));
      plain = at + c.bytes;
    }
    at += c.bytes;
  }
  out.add(text, plain, bytes.size() - plain);
  out.add("\"", true);
  return ok();
}

namespace {

void new_line(const Evaluator::JsonStyle& style, size_t level, MarkedBuilder& out) {
  if (!style.indent) return;
  out.add("\n", true);
  for (size_t i = 0; i < level; ++i) out.add(*style.indent, true);
}

}  // namespace

Status Evaluator::json_list(const List& list, const JsonStyle& style, size_t level,
                            MarkedBuilder& out) {
  if (list.form != List::Form::list && list.form != List::Form::tuple) {
    return error("what filters give has no JSON; make it a list with `| list`");
  }
  out.add("[", true);
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out.add(style.comma, true);
    new_line(style, level + 1, out);
    TRY(to_json(list.items[i], style, level + 1, out));
  }
  if (!list.items.empty()) new_line(style, level, out);
  out.add("]", true);
  return ok();
}

Status Evaluator::json_map(const Map& map, const JsonStyle& style, size_t level,
                           MarkedBuilder& out) {
  std::vector<size_t> places(map.items.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = i;
  if (style.sorted) {
    for (const auto& [key, value] : map.items) {
      if (!key.is(Value::Kind::text)) return error("sort_keys needs strings as keys");
    }
    std::stable_sort(places.begin(), places.end(), [&](size_t a, size_t b) {
      return map.items[a].first.text().bytes() < map.items[b].first.text().bytes();
    });
  }
  out.add("{", true);
  bool first = true;
  for (const size_t place : places) {
    const auto& [key, value] = map.items[place];
    if (!std::exchange(first, false)) out.add(style.comma, true);
    new_line(style, level + 1, out);
    if (key.is(Value::Kind::text)) {
      TRY(json_text(key.text(), style, out));
    } else {
      out.add("\"", true);
      TRY(to_json(key, style, level, out));
      out.add("\"", true);
    }
    out.add(style.colon, true);
    TRY(to_json(value, style, level + 1, out));
  }
  if (!map.items.empty()) new_line(style, level, out);
  out.add("}", true);
  return ok();
}

Status Evaluator::to_json(const Value& value, const JsonStyle& style, size_t level,
                          MarkedBuilder& out) {
  TRY(enter());
  const Level guard(*this);
  if (out.size() > limits_.output) TRY(work(out.size()));
  switch (value.kind()) {
    case Value::Kind::undefined: return undefined_error(value);
    case Value::Kind::none: out.add("null", true); break;
    case Value::Kind::boolean: out.add(value.boolean() ? "true" : "false", true); break;
    case Value::Kind::integer: out.add(std::to_string(value.integer()), true); break;
    case Value::Kind::real:
      out.add(std::isnan(value.real())   ? "NaN"
              : std::isinf(value.real()) ? (value.real() < 0 ? "-Infinity" : "Infinity")
                                         : real_text(value.real()),
              true);
      break;
    case Value::Kind::text: return json_text(value.text(), style, out);
    case Value::Kind::list: return json_list(value.list(), style, level, out);
    case Value::Kind::map: return json_map(value.map(), style, level, out);
    default: return error("a {} has no JSON", type_name(value));
  }
  return ok();
}

}  // namespace hone::jinja
