// The methods of strings, dicts and lists.
#include <algorithm>

#include "text/template/characters.h"
#include "text/template/evaluator.h"
#include "text/template/text_operations.h"

namespace hone::jinja {
namespace {

using Kind = Value::Kind;

std::optional<Value> unless_none(const std::optional<Value>& value) {
  return value && value->is(Kind::none) ? std::nullopt : value;
}

template <Letters kLetters>
Result<Value> with_case(Call& c) {
  TRY(c.no_arguments());
  return change_case(c.run, c.self.text(), kLetters);
}

template <bool kLeft, bool kRight>
Result<Value> strip_method(Call& c) {
  constexpr std::string_view kNames[] = {"chars"};
  const auto given = unless_none(TRY(c.bind(kNames))[0]);
  std::optional<Marked> characters;
  if (given) characters = TRY(text_argument(c, given, "chars"));
  TRY(c.run.work(c.self.text().size()));
  return Value(stripped(c.self.text(), characters, kLeft, kRight));
}

template <bool kFromRight>
Result<Value> split_method(Call& c) {
  constexpr std::string_view kNames[] = {"sep", "maxsplit"};
  const auto given = TRY(c.bind(kNames));
  std::optional<Marked> separator;
  if (unless_none(given[0])) separator = TRY(text_argument(c, given[0], "sep"));
  const int64_t most = TRY(integer_argument(c, given[1], "maxsplit", -1));
  return split(c.run, c.self.text(), separator, most, kFromRight);
}

Result<Value> split_lines(Call& c) {
  constexpr std::string_view kNames[] = {"keepends"};
  const auto given = TRY(c.bind(kNames));
  TRY(c.run.charge_memory(c.self.text().size()));
  std::vector<Value> made;
  for (Marked& line : lines_of(c.self.text(), given[0] && Evaluator::truth(*given[0]))) {
    TRY(c.run.charge_memory(64));
    made.emplace_back(std::move(line));
  }
  return c.run.list(std::move(made));
}

template <bool kFromRight>
Result<Value> partition(Call& c) {
  constexpr std::string_view kNames[] = {"sep"};
  const auto given = TRY(c.bind(kNames));
  const Marked separator = TRY(text_argument(c, given[0], "sep"));
  if (separator.empty()) return c.run.error("an empty separator splits nothing");
  const Marked& text = c.self.text();
  TRY(c.run.work(text.size()));
  const size_t found = kFromRight ? find_last_text(text.bytes(), separator.bytes())
                                  : find_text(text.bytes(), separator.bytes());
  std::vector<Value> made;
  if (found == std::string_view::npos) {
    made = {Value(text), Value(Marked()), Value(Marked())};
    if (kFromRight) std::swap(made[0], made[2]);
  } else {
    const size_t after = found + separator.size();
    made = {Value(text.part(0, found)), Value(text.part(found, separator.size())),
            Value(text.part(after, text.size() - after))};
  }
  return c.run.list(std::move(made), List::Form::tuple);
}

// Between optional bounds in code points; nothing where they hold no such place.
struct Window {
  size_t begin, end;  // bytes
};
Result<std::optional<Window>> window(Call& c, const std::optional<Value>& from,
                                     const std::optional<Value>& to) {
  const Marked& text = c.self.text();
  const auto length = static_cast<int64_t>(text.length());
  int64_t begin = TRY(integer_argument(c, unless_none(from), "start", 0));
  int64_t end = TRY(integer_argument(c, unless_none(to), "end", length));
  if (begin < 0) begin = std::max<int64_t>(begin + length, 0);
  if (end < 0) end = std::max<int64_t>(end + length, 0);
  end = std::min(end, length);
  if (begin > end) return std::optional<Window>();
  return std::optional(
      Window{text.offset_of(static_cast<size_t>(begin)), text.offset_of(static_cast<size_t>(end))});
}

template <bool kAtEnd>
Result<Value> starts_or_ends(Call& c) {
  constexpr std::string_view kNames[] = {"prefix", "start", "end"};
  const auto given = TRY(c.bind(kNames));
  std::vector<Value> choices;
  if (given[0] && given[0]->is(Kind::list) && given[0]->list().form == List::Form::tuple) {
    choices = given[0]->list().items;
  } else {
    choices.emplace_back(TRY(text_argument(c, given[0], "prefix")));
  }
  const auto inside = TRY(window(c, given[1], given[2]));
  for (const Value& choice : choices) {
    const Marked wanted = TRY(text_argument(c, choice, "prefix"));
    if (!inside) continue;
    const std::string_view part =
        c.self.text().bytes().substr(inside->begin, inside->end - inside->begin);
    if (kAtEnd ? part.ends_with(wanted.bytes()) : part.starts_with(wanted.bytes())) {
      return Value(true);
    }
  }
  return Value(false);
}

enum class Missing : uint8_t { minus_one, error };

template <bool kFromRight, Missing kMissing>
Result<Value> find(Call& c) {
  constexpr std::string_view kNames[] = {"sub", "start", "end"};
  const auto given = TRY(c.bind(kNames));
  const Marked wanted = TRY(text_argument(c, given[0], "sub"));
  const auto inside = TRY(window(c, given[1], given[2]));
  const std::string_view bytes = c.self.text().bytes();
  TRY(c.run.work(bytes.size()));
  if (inside) {
    const std::string_view part = bytes.substr(inside->begin, inside->end - inside->begin);
    const size_t found =
        kFromRight ? find_last_text(part, wanted.bytes()) : find_text(part, wanted.bytes());
    if (found != std::string_view::npos) {
      const Marked before = c.self.text().part(0, inside->begin + found);
      return Value(static_cast<int64_t>(before.length()));
    }
  }
  if (kMissing == Missing::error) return c.run.error("`{}`: there is no such substring", c.name);
  return Value(int64_t{-1});
}

Result<Value> count_text(Call& c) {
  constexpr std::string_view kNames[] = {"sub", "start", "end"};
  const auto given = TRY(c.bind(kNames));
  const Marked wanted = TRY(text_argument(c, given[0], "sub"));
  const auto inside = TRY(window(c, given[1], given[2]));
  if (!inside) return Value(int64_t{0});
  TRY(c.run.work(c.self.text().size()));
  const Marked part = c.self.text().part(inside->begin, inside->end - inside->begin);
  if (wanted.empty()) return Value(static_cast<int64_t>(part.length() + 1));
  int64_t count = 0;
  for (size_t at = 0; (at = find_text(part.bytes(), wanted.bytes(), at)) != std::string_view::npos;
       at += wanted.size()) {
    ++count;
  }
  return Value(count);
}

Result<Value> replace(Call& c) {
  constexpr std::string_view kNames[] = {"old", "new", "count"};
  const auto given = TRY(c.bind(kNames));
  const Marked from = TRY(text_argument(c, given[0], "old"));
  const Marked to = TRY(text_argument(c, given[1], "new"));
  return replaced(c.run, c.self.text(), from, to, TRY(integer_argument(c, given[2], "count", -1)));
}

Result<Value> join(Call& c) {
  constexpr std::string_view kNames[] = {"iterable"};
  const auto given = TRY(c.bind(kNames));
  if (!given[0]) return c.run.error("`join` needs something to join");
  MarkedBuilder made;
  bool first = true;
  for (const Value& part : TRY(c.run.iterate(*given[0]))) {
    const Marked text = TRY(text_argument(c, part, "element"));
    TRY(c.run.work(text.size() + c.self.text().size()));
    if (!std::exchange(first, false)) made.add(c.self.text());
    made.add(text);
  }
  return c.run.text(made);
}

template <bool kSuffix>
Result<Value> remove_affix(Call& c) {
  constexpr std::string_view kNames[] = {"affix"};
  const auto given = TRY(c.bind(kNames));
  const Marked affix = TRY(text_argument(c, given[0], "affix"));
  const Marked& text = c.self.text();
  if (kSuffix ? !text.bytes().ends_with(affix.bytes()) : !text.bytes().starts_with(affix.bytes())) {
    return Value(text);
  }
  return Value(text.part(kSuffix ? 0 : affix.size(), text.size() - affix.size()));
}

template <Place kPlace>
Result<Value> justify(Call& c) {
  constexpr std::string_view kNames[] = {"width", "fillchar"};
  const auto given = TRY(c.bind(kNames));
  const int64_t width = TRY(integer_argument(c, given[0], "width", 0));
  const Marked fill = given[1] ? TRY(text_argument(c, given[1], "fillchar")) : Marked(" ", true);
  if (fill.length() != 1) return c.run.error("`{}` fills with one character", c.name);
  return padded(c.run, c.self.text(), width, kPlace, fill);
}

Result<Value> fill_zeros(Call& c) {
  constexpr std::string_view kNames[] = {"width"};
  const auto given = TRY(c.bind(kNames));
  const int64_t width = TRY(integer_argument(c, given[0], "width", 0));
  const Marked& text = c.self.text();
  const bool sign = text.bytes().starts_with('+') || text.bytes().starts_with('-');
  const Marked digits = text.part(sign ? 1 : 0, text.size());
  // Nothing that is so narrow can wrap.
  const Value filled = TRY(padded(c.run, digits, width > INT64_MIN ? width - (sign ? 1 : 0) : width,
                                  Place::left, Marked("0", true)));
  MarkedBuilder made;
  if (sign) made.add(text, 0, 1);
  made.add(filled.text());
  return c.run.text(made);
}

// Of all characters, of which there is one.
template <bool (*kHolds)(char32_t)>
Result<Value> all_are(Call& c) {
  TRY(c.no_arguments());
  TRY(c.run.work(c.self.text().size()));
  for (std::string_view rest = c.self.text().bytes(); !rest.empty();) {
    const Character one = first_character(rest);
    if (!kHolds(one.value)) return Value(false);
    rest.remove_prefix(one.bytes);
  }
  return Value(!c.self.text().empty());
}

bool is_letter_or_digit(char32_t c) { return is_letter(c) || is_digit(c); }

template <bool kUpper>
Result<Value> cased(Call& c) {
  TRY(c.no_arguments());
  return Value(TRY(c.run.test(kUpper ? "upper" : "lower", c.self, {})));
}

constexpr Named kTextMethods[] = {
    {"upper", with_case<Letters::upper>},
    {"lower", with_case<Letters::lower>},
    {"casefold", with_case<Letters::lower>},
    {"capitalize", with_case<Letters::capitalized>},
    {"title", with_case<Letters::title>},
    {"swapcase", with_case<Letters::swapped>},
    {"strip", strip_method<true, true>},
    {"lstrip", strip_method<true, false>},
    {"rstrip", strip_method<false, true>},
    {"split", split_method<false>},
    {"rsplit", split_method<true>},
    {"splitlines", split_lines},
    {"partition", partition<false>},
    {"rpartition", partition<true>},
    {"startswith", starts_or_ends<false>},
    {"endswith", starts_or_ends<true>},
    {"find", find<false, Missing::minus_one>},
    {"rfind", find<true, Missing::minus_one>},
    {"index", find<false, Missing::error>},
    {"rindex", find<true, Missing::error>},
    {"count", count_text},
    {"replace", replace},
    {"join", join},
    {"removeprefix", remove_affix<false>},
    {"removesuffix", remove_affix<true>},
    {"ljust", justify<Place::right>},
    {"rjust", justify<Place::left>},
    {"center", justify<Place::center>},
    {"zfill", fill_zeros},
    {"isspace", all_are<is_space>},
    {"isalpha", all_are<is_letter>},
    {"isdigit", all_are<is_digit>},
    {"isdecimal", all_are<is_digit>},
    {"isnumeric", all_are<is_digit>},
    {"isalnum", all_are<is_letter_or_digit>},
    {"isupper", cased<true>},
    {"islower", cased<false>},
};

Result<Value> get(Call& c) {
  constexpr std::string_view kNames[] = {"key", "default"};
  const auto given = TRY(c.bind(kNames));
  if (!given[0]) return c.run.error("`get` needs a key");
  if (const Value* found = c.self.map().find(*given[0])) return *found;
  return given[1] ? *given[1] : Value(None{});
}

enum class Part : uint8_t { keys, values, items };

template <Part kPart>
Result<Value> view(Call& c) {
  TRY(c.no_arguments());
  std::vector<Value> made;
  for (const auto& [key, value] : c.self.map().items) {
    if constexpr (kPart == Part::keys) {
      made.push_back(key);
    } else if constexpr (kPart == Part::values) {
      made.push_back(value);
    } else {
      made.push_back(TRY(c.run.list({key, value}, List::Form::tuple)));
    }
  }
  constexpr std::string_view kNames[] = {"dict_keys", "dict_values", "dict_items"};
  return c.run.list(std::move(made), List::Form::view, kNames[static_cast<size_t>(kPart)]);
}

Result<Value> copy_map(Call& c) {
  TRY(c.no_arguments());
  Map* made = TRY(c.run.map());
  for (const auto& [key, value] : c.self.map().items) TRY(c.run.set(*made, key, value));
  return Value(made);
}

constexpr Named kMapMethods[] = {
    {"get", get},
    {"keys", view<Part::keys>},
    {"values", view<Part::values>},
    {"items", view<Part::items>},
    {"copy", copy_map},
};

Result<Value> append(Call& c) {
  constexpr std::string_view kNames[] = {"object"};
  const auto given = TRY(c.bind(kNames));
  if (!given[0]) return c.run.error("`append` needs a value");
  if (c.self.list().frozen) return c.run.error("a list of the conversation cannot be changed");
  TRY(c.run.charge_memory(2 * sizeof(Value)));
  c.self.list().items.push_back(*given[0]);
  return Value(None{});
}

Result<Value> index_in_list(Call& c) {
  constexpr std::string_view kNames[] = {"value"};
  const auto given = TRY(c.bind(kNames));
  if (!given[0]) return c.run.error("`index` needs a value");
  const std::vector<Value> items = TRY(c.run.iterate(c.self));
  for (size_t i = 0; i < items.size(); ++i) {
    if (TRY(c.run.equal(items[i], *given[0]))) return Value(static_cast<int64_t>(i));
  }
  return c.run.error("`index`: the list has no such value");
}

Result<Value> count_in_list(Call& c) {
  constexpr std::string_view kNames[] = {"value"};
  const auto given = TRY(c.bind(kNames));
  if (!given[0]) return c.run.error("`count` needs a value");
  int64_t count = 0;
  for (const Value& item : TRY(c.run.iterate(c.self)))
    count += TRY(c.run.equal(item, *given[0])) ? 1 : 0;
  return Value(count);
}

Result<Value> copy_list(Call& c) {
  TRY(c.no_arguments());
  return c.run.list(c.self.list().items);
}

constexpr Named kListMethods[] = {
    {"append", append},
    {"index", index_in_list},
    {"count", count_in_list},
    {"copy", copy_list},
};

}  // namespace

Builtin find_text_method(std::string_view name) {
  return find_in(kTextMethods, std::size(kTextMethods), name);
}
Builtin find_map_method(std::string_view name) {
  return find_in(kMapMethods, std::size(kMapMethods), name);
}
Builtin find_list_method(std::string_view name) {
  return find_in(kListMethods, std::size(kListMethods), name);
}

}  // namespace hone::jinja
