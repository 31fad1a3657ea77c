#include "text/template/text_operations.h"

#include <algorithm>
#include <cstring>

#include "text/template/characters.h"

namespace hone::jinja {

Result<Marked> text_argument(Call& c, const std::optional<Value>& value, std::string_view name) {
  if (value && value->is(Value::Kind::text)) return value->text();
  if (value && value->is(Value::Kind::undefined)) return c.run.undefined_error(*value);
  return c.run.error("`{}` needs a string as `{}`{}{}", c.name, name, value ? ", not a " : "",
                     value ? type_name(*value) : "");
}

Result<int64_t> integer_argument(Call& c, const std::optional<Value>& value, std::string_view name,
                                 int64_t otherwise) {
  if (!value) return otherwise;
  if (value->is_integral()) return value->integer();
  if (value->is(Value::Kind::undefined)) return c.run.undefined_error(*value);
  return c.run.error("`{}` needs an integer as `{}`, not a {}", c.name, name, type_name(*value));
}

Result<Value> change_case(Evaluator& run, const Marked& text, Letters letters) {
  TRY(run.work(text.size() * 2));
  MarkedBuilder made;
  bool begins = true;  // a text, or a word
  const bool title_case = letters == Letters::capitalized || letters == Letters::title;
  for (size_t at = 0; at < text.size();) {
    const Character c = first_character(text.bytes().substr(at));
    std::string changed;
    const bool up = letters == Letters::upper ||
                    (letters == Letters::swapped && is_lower(c.value)) ||
                    ((title_case || letters == Letters::initial) && begins);
    if (c.value >= 0x80 && c.bytes == 1) {
      changed = text.bytes().substr(at, 1);  // not UTF-8
    } else if (up && c.value == 0xdf && title_case) {
      changed = "Ss";
    } else if (up) {
      append_upper(changed, c.value);
    } else {
      append_lower(changed, c.value);
    }
    made.add(changed, text.trusted_at(at));
    begins = letters == Letters::title && !is_upper(c.value) && !is_lower(c.value);
    at += c.bytes;
  }
  return run.text(made);
}

namespace {

bool holds(const Marked& characters, std::string_view one) {
  return characters.bytes().find(one) != std::string_view::npos;
}

}  // namespace

Marked stripped(const Marked& text, const std::optional<Marked>& characters, bool left,
                bool right) {
  const auto goes = [&](std::string_view bytes, const Character& c, size_t at) {
    return characters ? holds(*characters, bytes.substr(at, c.bytes)) : is_space(c.value);
  };
  const std::string_view bytes = text.bytes();
  size_t begin = 0, end = bytes.size();
  while (left && begin < end) {
    const Character c = first_character(bytes.substr(begin, end - begin));
    if (!goes(bytes, c, begin)) break;
    begin += c.bytes;
  }
  while (right && begin < end) {
    const Character c = last_character(bytes.substr(begin, end - begin));
    if (!goes(bytes, c, end - c.bytes)) break;
    end -= c.bytes;
  }
  return text.part(begin, end - begin);
}

// The C library's search is linear, the C++ one is not.
size_t find_text(std::string_view text, std::string_view wanted, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  const std::string_view rest = text.substr(from);
  const void* found = memmem(rest.data(), rest.size(), wanted.data(), wanted.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

size_t find_last_text(std::string_view text, std::string_view wanted) {
  constexpr size_t kShort = 16;  // where going back at every place costs little
  if (wanted.size() <= kShort) return text.rfind(wanted);
  const std::string backward(text.rbegin(), text.rend());
  const std::string wanted_backward(wanted.rbegin(), wanted.rend());
  const size_t found = find_text(backward, wanted_backward);
  return found == std::string_view::npos ? found : text.size() - found - wanted.size();
}

Result<Value> replaced(Evaluator& run, const Marked& text, const Marked& from, const Marked& to,
                       int64_t count) {
  MarkedBuilder made;
  const std::string_view bytes = text.bytes();
  size_t at = 0;
  int64_t left = count < 0 ? INT64_MAX : count;
  if (from.empty()) {  // between all characters, as Python
    while (left > 0) {
      made.add(to);
      --left;
      if (at >= bytes.size()) break;
      const size_t length = code_point_bytes(bytes, at);
      made.add(text, at, length);
      at += length;
      if (made.size() > run.options().limits.output) TRY(run.work(made.size()));
    }
    if (at < bytes.size()) made.add(text, at, bytes.size() - at);
    return run.text(made);
  }
  TRY(run.work(bytes.size()));
  while (left-- > 0) {
    const size_t found = find_text(bytes, from.bytes(), at);
    if (found == std::string_view::npos) break;
    made.add(text, at, found - at);
    made.add(to);
    at = found + from.size();
    if (made.size() > run.options().limits.output) TRY(run.work(made.size()));
  }
  if (at == 0) return Value(text);
  made.add(text, at, bytes.size() - at);
  return run.text(made);
}

Result<Value> padded(Evaluator& run, const Marked& text, int64_t width, Place place,
                     const Marked& fill) {
  const auto length = static_cast<int64_t>(text.length());
  if (width <= length) return Value(text);
  const auto missing = static_cast<uint64_t>(width - length);
  TRY(run.work(missing > run.options().limits.output ? UINT64_MAX
                                                     : text.size() + missing * fill.size()));
  uint64_t front = place == Place::left ? missing : 0;
  if (place == Place::center) front = missing / 2 + (missing & static_cast<uint64_t>(width) & 1);
  MarkedBuilder made;
  for (uint64_t i = 0; i < front; ++i) made.add(fill);
  made.add(text);
  for (uint64_t i = front; i < missing; ++i) made.add(fill);
  return Value(made.take());
}

namespace {

// Pieces with white space between them; at most so many splits.
std::vector<Marked> words(const Marked& text, uint64_t most) {
  std::vector<Marked> made;
  std::string_view rest = strip_left(text.bytes());
  while (!rest.empty()) {
    const size_t begin = text.size() - rest.size();
    if (made.size() == most) {
      made.push_back(text.part(begin, rest.size()));
      break;
    }
    size_t end = 0;
    while (end < rest.size()) {
      const Character c = first_character(rest.substr(end));
      if (is_space(c.value)) break;
      end += c.bytes;
    }
    made.push_back(text.part(begin, end));
    rest = strip_left(rest.substr(end));
  }
  return made;
}

std::vector<Marked> words_from_right(const Marked& text, uint64_t most) {
  std::vector<Marked> made;
  std::string_view rest = strip_right(text.bytes());
  while (!rest.empty()) {
    if (made.size() == most) {
      made.push_back(text.part(0, rest.size()));
      break;
    }
    size_t begin = rest.size();
    while (begin > 0) {
      const Character c = last_character(rest.substr(0, begin));
      if (is_space(c.value)) break;
      begin -= c.bytes;
    }
    made.push_back(text.part(begin, rest.size() - begin));
    rest = strip_right(rest.substr(0, begin));
  }
  std::reverse(made.begin(), made.end());
  return made;
}

std::vector<Marked> pieces(const Marked& text, const Marked& separator, uint64_t most) {
  std::vector<Marked> made;
  size_t at = 0;
  while (made.size() < most) {
    const size_t found = find_text(text.bytes(), separator.bytes(), at);
    if (found == std::string_view::npos) break;
    made.push_back(text.part(at, found - at));
    at = found + separator.size();
  }
  made.push_back(text.part(at, text.size() - at));
  return made;
}

std::vector<Marked> pieces_from_right(const Marked& text, const Marked& separator, uint64_t most) {
  std::vector<Marked> made;
  const std::string backward(text.bytes().rbegin(), text.bytes().rend());
  const std::string wanted(separator.bytes().rbegin(), separator.bytes().rend());
  size_t at = 0;  // from the end
  while (made.size() < most) {
    const size_t found = find_text(backward, wanted, at);
    if (found == std::string_view::npos) break;
    made.push_back(text.part(text.size() - found, found - at));
    at = found + wanted.size();
  }
  made.push_back(text.part(0, text.size() - at));
  std::reverse(made.begin(), made.end());
  return made;
}

}  // namespace

Result<Value> split(Evaluator& run, const Marked& text, const std::optional<Marked>& separator,
                    int64_t most, bool from_right) {
  if (separator && separator->empty()) return run.error("an empty separator splits nothing");
  TRY(run.charge_memory(text.size()));
  const uint64_t limit = most < 0 ? UINT64_MAX : static_cast<uint64_t>(most);
  std::vector<Marked> parts =
      separator ? (from_right ? pieces_from_right(text, *separator, limit)
                              : pieces(text, *separator, limit))
                : (from_right ? words_from_right(text, limit) : words(text, limit));
  TRY(run.charge_memory(parts.size() * 64));
  std::vector<Value> values;
  values.reserve(parts.size());
  for (Marked& part : parts) values.emplace_back(std::move(part));
  return run.list(std::move(values));
}

// Separators are those of str.splitlines() that are ASCII, and the separators of Unicode.
std::vector<Marked> lines_of(const Marked& text, bool keep_ends) {
  std::vector<Marked> made;
  const std::string_view bytes = text.bytes();
  size_t begin = 0;
  for (size_t at = 0; at < bytes.size();) {
    const Character c = first_character(bytes.substr(at));
    size_t next = at + c.bytes;
    const bool ends = (c.value >= 10 && c.value <= 13) || (c.value >= 28 && c.value <= 30) ||
                      c.value == 0x85 || c.value == 0x2028 || c.value == 0x2029;
    if (ends) {
      if (c.value == '\r' && next < bytes.size() && bytes[next] == '\n') ++next;
      made.push_back(text.part(begin, (keep_ends ? next : at) - begin));
      begin = next;
    }
    at = next;
  }
  if (begin < bytes.size()) made.push_back(text.part(begin, bytes.size() - begin));
  return made;
}

}  // namespace hone::jinja
