// Strings: normalization, joining, splitting, matching of regular expressions.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "ops/common.h"
#include "ops/regex.h"

namespace hone {
namespace {

// --- case ----------------------------------------------------------------------------------------

// Code points whose cases are a fixed distance apart, from the first to the last capital.
struct Shift {
  char32_t first, last;
  int32_t distance;
};
constexpr Shift kShifts[] = {{'A', 'Z', 32},         {0xC0, 0xD6, 32},      {0xD8, 0xDE, 32},
                             {0x386, 0x386, 38},     {0x388, 0x38A, 37},    {0x38C, 0x38C, 64},
                             {0x38E, 0x38F, 63},     {0x391, 0x3A1, 32},    {0x3A3, 0x3AB, 32},
                             {0x400, 0x40F, 80},     {0x410, 0x42F, 32},    {0x531, 0x556, 48},
                             {0x10A0, 0x10C5, 7264}, {0x2160, 0x216F, 16},  {0x24B6, 0x24CF, 26},
                             {0xFF21, 0xFF3A, 32},   {0x10400, 0x10427, 40}};
// Where capitals and small letters alternate; the capital is even or odd as the first one is.
struct Pairs {
  char32_t first, last;
};
constexpr Pairs kPairs[] = {{0x100, 0x12F},  {0x132, 0x137}, {0x139, 0x148}, {0x14A, 0x177},
                            {0x179, 0x17E},  {0x1CD, 0x1DC}, {0x1DE, 0x1EF}, {0x1F8, 0x21F},
                            {0x222, 0x233},  {0x370, 0x373}, {0x3D8, 0x3EF}, {0x460, 0x481},
                            {0x48A, 0x4BF},  {0x4C1, 0x4CE}, {0x4D0, 0x52F}, {0x1E00, 0x1E95},
                            {0x1EA0, 0x1EFF}};

char32_t to_case(char32_t c, bool upper) {
  if (c == 0x178) return upper ? c : 0xFF;
  if (c == 0xFF) return upper ? 0x178 : c;
  if (c == 0xB5 && upper) return 0x39C;
  if (c == 0x3C2 && upper) return 0x3A3;  // final sigma
  for (const Shift& s : kShifts) {
    const auto d = static_cast<char32_t>(s.distance);
    if (!upper && c >= s.first && c <= s.last) return c + d;
    if (upper && c >= s.first + d && c <= s.last + d) return c - d;
  }
  for (const Pairs& p : kPairs)
    if (c >= p.first && c <= p.last) {
      const bool capital = (c - p.first) % 2 == 0;
      return capital == upper ? c : upper ? c - 1 : c + 1;
    }
  return c;
}

// Invalid UTF-8 stays as it is.
std::string change_case(std::string_view text, bool upper) {
  std::string out;
  while (!text.empty()) {
    const CodePoint p = decode_utf8(text);
    const size_t length = std::max<size_t>(p.length, 1);
    if (p.length == 0)
      out += text[0];
    else
      append_utf8(out, to_case(p.value, upper));
    text.remove_prefix(length);
  }
  return out;
}

// --- string_normalizer ---------------------------------------------------------------------------

bool drops(const Infer& c) { return c.given("stopwords") && !c.texts("stopwords").empty(); }

Result<Types> infer_normalizer(const Infer& c) {
  const std::string& action = c.text("case_change_action");
  if (action != "NONE" && action != "LOWER" && action != "UPPER")
    return attribute_error(c, "case_change_action is \"" + action + "\"");
  Shape shape = c.shape(0);
  if (!shape.ranked) return same_as_first(c);
  if (shape.rank() != 1 && shape.rank() != 2)
    return shape_error(c, "x must have one or two axes, has shape " + shape.str());
  if (shape.rank() == 2)
    if (auto n = shape.dims[0].constant(); n && *n != 1)
      return shape_error(c, "x must be one row, has shape " + shape.str());
  if (drops(c) || shape.dims.back().is(0)) shape.dims.back() = Dim::unknown();
  return Types{Type(DType::string, std::move(shape))};
}

Status normalize_strings(Call& c) {
  const Tensor& x = c.in(0);
  const std::string& action = c.text("case_change_action");
  const bool exact_case = c.integer("is_case_sensitive") != 0;
  std::set<std::string> stop;
  if (drops(c))
    for (const std::string& word : c.texts("stopwords"))
      stop.insert(exact_case ? word : change_case(word, false));
  std::vector<std::string> kept;
  for (const std::string& word : x.strings()) {
    if (!stop.empty() && stop.contains(exact_case ? word : change_case(word, false))) continue;
    kept.push_back(action == "NONE" ? word : change_case(word, action == "UPPER"));
  }
  if (kept.empty()) kept.emplace_back();  // so the operator defines it
  Extents shape = x.shape();
  shape.back() = int64_t(kept.size());
  c.set(0, Tensor::of_strings(std::move(shape), std::move(kept)));
  return ok();
}

// --- string_concat -------------------------------------------------------------------------------

Error over_memory(const Infer& c) {
  return fail(ErrorId::over_memory,
              std::string(c.op().name) + ": the strings take too much memory");
}

Status concat(Call& c) {
  const Tensor &a = c.in(0), &b = c.in(1);
  Tensor& y = *TRY(c.out(0));
  Odometer at(y.shape(),
              {broadcast_strides(a.shape(), y.shape()), broadcast_strides(b.shape(), y.shape())});
  if (at.empty()) return ok();
  uint64_t bytes = 0;
  size_t i = 0;
  do {
    const std::string &left = a.strings()[size_t(at.offset(0))],
                      &right = b.strings()[size_t(at.offset(1))];
    bytes += left.size() + right.size();
    if (bytes > c.memory_limit.bytes()) return over_memory(c);
    y.mutable_strings()[i++] = left + right;
  } while (at.next());
  return ok();
}

// --- string_split --------------------------------------------------------------------------------

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// At most `most` cuts; without delimiter at runs of white space, which do not count at the ends.
std::vector<std::string> split_words(std::string_view text, std::string_view delimiter,
                                     int64_t most) {
  std::vector<std::string> parts;
  if (delimiter.empty()) {
    for (;;) {
      while (!text.empty() && is_space(text[0])) text.remove_prefix(1);
      if (text.empty()) return parts;
      if (int64_t(parts.size()) == most) {
        parts.emplace_back(text);
        return parts;
      }
      const size_t end = size_t(std::find_if(text.begin(), text.end(), is_space) - text.begin());
      parts.emplace_back(text.substr(0, end));
      text.remove_prefix(end);
    }
  }
  while (int64_t(parts.size()) != most) {
    const size_t end = text.find(delimiter);
    if (end == std::string_view::npos) break;
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end + delimiter.size());
  }
  parts.emplace_back(text);
  return parts;
}

Result<Types> infer_split(const Infer& c) {
  if (c.given("maxsplit") && c.integer("maxsplit") < 0)
    return attribute_error(c, "maxsplit is " + std::to_string(c.integer("maxsplit")));
  Shape shape = c.shape(0);
  if (shape.ranked) shape.dims.push_back(Dim::unknown());
  return Types{Type(DType::string, std::move(shape)), Type(DType::i64, c.shape(0))};
}

Status split(Call& c) {
  const Tensor& x = c.in(0);
  const int64_t most = c.given("maxsplit") ? c.integer("maxsplit") : -1;
  std::vector<std::vector<std::string>> parts;
  size_t longest = 0;
  for (const std::string& text : x.strings()) {
    parts.push_back(split_words(text, c.text("delimiter"), most));
    longest = std::max(longest, parts.back().size());
  }
  Extents shape = x.shape();
  shape.push_back(int64_t(longest));
  Tensor& y = *TRY(c.out(0, shape));
  for (size_t i = 0; i < parts.size(); ++i)
    for (size_t k = 0; k < parts[i].size(); ++k)
      y.mutable_strings()[i * longest + k] = std::move(parts[i][k]);
  if (c.outputs() < 2) return ok();
  Tensor& counts = *TRY(c.out(1));
  for (size_t i = 0; i < parts.size(); ++i)
    store_integer(counts, int64_t(i), int64_t(parts[i].size()));
  return ok();
}

// --- regex_full_match ----------------------------------------------------------------------------

Result<Types> infer_match(const Infer& c) {
  TRY(Regex::compile(c.text("pattern")));
  return Types{Type(DType::boolean, c.shape(0))};
}

Status match(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const Regex regex = TRY(Regex::compile(c.text("pattern")));
  for (int64_t i = 0; i < x.count(); ++i)
    store_integer(y, i, regex.matches(x.strings()[size_t(i)]) ? 1 : 0);
  return ok();
}

}  // namespace

const OpDef& string_normalizer_op() {
  static const OpDef def{
      .name = "string_normalizer",
      .doc =
          "The words of x ([C] or [1,C]) that are no stop words, in lower or upper case (simple "
          "mapping of Latin, Greek, Cyrillic, Armenian); one empty string when none is left.",
      .inputs = {{"x", DType::string}},
      .outputs = {{"y", DType::string}},
      .attrs = {{"case_change_action", AttrKind::text, false, "NONE"},
                {"is_case_sensitive", AttrKind::integer, false, int64_t{0}},
                {"locale", AttrKind::text, false, {}, "without effect"},
                {"stopwords", AttrKind::texts}},
      .infer = infer_normalizer,
      .reference = normalize_strings,
      .examples = {R"(graph shout(x: string[4]) -> (y) {
        y = string_normalizer(x) <case_change_action="UPPER", stopwords=["a", "b"]>
      })"},
  };
  return def;
}

const OpDef& string_concat_op() {
  static const OpDef def{
      .name = "string_concat",
      .doc = "The strings of a followed by those of b, with NumPy broadcasting.",
      .inputs = {{"a", DType::string}, {"b", DType::string}},
      .outputs = {{"y", DType::string}},
      .infer = broadcast_all,
      .reference = concat,
  };
  return def;
}

const OpDef& string_split_op() {
  static const OpDef def{
      .name = "string_split",
      .doc =
          "Each string cut at the delimiter (white space without one) at most maxsplit times: the "
          "parts along a new last axis, filled up with empty strings, and their numbers.",
      .inputs = {{"x", DType::string}},
      .outputs = {{"parts", DType::string}, {"counts", DType::i64}},
      .attrs = {{"delimiter", AttrKind::text, false, ""}, {"maxsplit", AttrKind::integer}},
      .infer = infer_split,
      .reference = split,
  };
  return def;
}

const OpDef& regex_full_match_op() {
  static const OpDef def{
      .name = "regex_full_match",
      .doc =
          "Whether the whole of each string matches the pattern (syntax of RE2, without classes "
          "of Unicode).",
      .inputs = {{"x", DType::string}},
      .outputs = {{"y", DType::boolean}},
      .attrs = {{"pattern", AttrKind::text, true}},
      .infer = infer_match,
      .reference = match,
      .examples = {R"(graph words(x: string[4]) -> (y) {
        y = regex_full_match(x) <pattern="[a-m]+[0-9]?">
      })"},
  };
  return def;
}

}  // namespace hone
