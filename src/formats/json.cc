// The JSON parser: one pass with an explicit stack, and access to its flat nodes.
#include "formats/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.h"

namespace hone {
namespace {

// The first eight bytes as a number that compares as they do; zeros behind shorter texts.
uint64_t start_of(std::string_view text) {
  uint64_t start = 0;
  std::memcpy(&start, text.data(), std::min<size_t>(text.size(), sizeof start));
  return __builtin_bswap64(start);
}

}  // namespace

class JsonParser {
 public:
  JsonParser(std::string_view text, Ledger& ledger, uint64_t origin)
      : text_(text), ledger_(ledger), origin_(origin) {}
  Result<JsonDocument> parse();

 private:
  using Kind = JsonDocument::Kind;
  using Node = JsonDocument::Node;

  Error error(std::string_view what) const {
    return fail(ErrorId::malformed, fmt::format("JSON at byte {}: {}", origin_ + at_, what));
  }
  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  bool skip(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (skip(' ') || skip('\n') || skip('\t') || skip('\r')) {
    }
  }
  Result<uint32_t> add(Kind kind);
  Status value();
  Status word(std::string_view word, Kind kind, int64_t payload);
  Status number();
  Status string();
  Status append(std::string_view piece);
  Status escape();
  Result<char32_t> four_digits();
  Status key();
  Status open(Kind kind);
  Status close();
  Status sort_keys(uint32_t object);

  std::string_view text_;
  Ledger& ledger_;
  uint64_t origin_;
  size_t at_ = 0;
  JsonDocument document_;
  std::vector<uint32_t> open_;  // containers around the current value
  struct Key {
    uint64_t start;  // of its text: the first eight bytes, in the order of texts
    uint32_t node;
  };
  std::vector<Key> keys_;  // scratch of sort_keys
};

Result<JsonDocument> JsonParser::parse() {
  if (text_.size() > ledger_.limits().header) {
    return fail(ErrorId::over_size,
                fmt::format("JSON of {} bytes is above the limit `header` of {}", text_.size(),
                            ledger_.limits().header));
  }
  at_ = utf8_prefix(text_);
  if (!done()) {
    return fail(ErrorId::not_utf8, fmt::format("JSON at byte {}: not UTF-8", origin_ + at_));
  }
  at_ = 0;
  do {
    skip_space();
    bool in_object = false;
    if (!open_.empty()) {
      Node& around = document_.nodes_[open_.back()];
      in_object = around.kind == Kind::object;
      if (skip(in_object ? '}' : ']')) {
        TRY(close());
        continue;
      }
      if (around.count > 0) {
        if (!skip(',')) return error(in_object ? "expected , or }" : "expected , or ]");
        skip_space();
      }
      ++around.count;
    }
    if (in_object) TRY(key());
    TRY(value());
  } while (!open_.empty());
  skip_space();
  if (!done()) return error("something follows the end of the value");
  return std::move(document_);
}

Result<uint32_t> JsonParser::add(Kind kind) {
  auto& nodes = document_.nodes_;
  if (nodes.size() >= UINT32_MAX) return error("too many values");
  TRY(reserve_charged(ledger_, nodes, 1, "JSON"));
  nodes.emplace_back().kind = kind;
  return static_cast<uint32_t>(nodes.size() - 1);
}

Status JsonParser::value() {
  switch (peek()) {
    case '{': return open(Kind::object);
    case '[': return open(Kind::array);
    case '"': return string();
    case 't': return word("true", Kind::boolean, 1);
    case 'f': return word("false", Kind::boolean, 0);
    case 'n': return word("null", Kind::null, 0);
    default: return number();
  }
}

Status JsonParser::word(std::string_view word, Kind kind, int64_t payload) {
  if (!text_.substr(at_).starts_with(word)) return error("expected a value");
  at_ += word.size();
  const uint32_t node = TRY(add(kind));
  document_.nodes_[node].integer = payload;
  return ok();
}

Status JsonParser::number() {
  const size_t begin = at_;
  const auto digits = [&] {
    const size_t first = at_;
    while (!done() && peek() >= '0' && peek() <= '9') ++at_;
    return at_ - first;
  };
  const bool negative = skip('-');
  const size_t first_digit = at_;
  const size_t whole = digits();
  if (whole == 0) return error(negative ? "expected a digit" : "expected a value");
  if (whole > 1 && text_[first_digit] == '0') return error("a number starts with 0");
  bool integer = true;
  if (skip('.')) {
    integer = false;
    if (digits() == 0) return error("expected a digit after the point");
  }
  bool small_exponent = false;
  if (skip('e') || skip('E')) {
    integer = false;
    small_exponent = skip('-');
    if (!small_exponent) skip('+');
    if (digits() == 0) return error("expected a digit in the exponent");
  }
  const char* from = text_.data() + begin;
  const char* to = text_.data() + at_;
  const uint32_t node = TRY(add(Kind::integer));
  Node& made = document_.nodes_[node];
  if (integer) {
    if (std::from_chars(from, to, made.integer).ec == std::errc()) return ok();
    made.kind = Kind::large;
    if (!negative && std::from_chars(from, to, made.large).ec == std::errc()) return ok();
  }
  made.kind = Kind::real;
  double real = 0;
  if (std::from_chars(from, to, real).ec != std::errc()) {
    // Too small becomes zero as everywhere; too large has no double.
    const bool below_one = whole == 1 && text_[first_digit] == '0';
    if (!small_exponent && !below_one) {
      at_ = begin;
      return error("the number is out of range");
    }
    real = negative ? -0.0 : 0.0;
  }
  made.real = real;
  return ok();
}

Status JsonParser::append(std::string_view piece) {
  std::string& text = document_.text_;
  if (piece.size() > text.capacity() - text.size()) {
    const size_t capacity = std::max(text.capacity() * 2, text.size() + piece.size());
    TRY(ledger_.charge(capacity - text.capacity(), "JSON text"));
    text.reserve(capacity);
  }
  text += piece;
  return ok();
}

Status JsonParser::string() {
  const uint32_t node = TRY(add(Kind::string));
  const size_t start = document_.text_.size();
  document_.nodes_[node].text = start;
  ++at_;  // the quote
  while (true) {
    const size_t begin = at_;
    while (!done() && text_[at_] != '"' && text_[at_] != '\\' &&
           static_cast<unsigned char>(text_[at_]) >= 0x20) {
      ++at_;
    }
    TRY(append(text_.substr(begin, at_ - begin)));
    if (done()) return error("the text ends inside a string");
    if (skip('"')) break;
    if (peek() != '\\') return error("a control character inside a string");
    TRY(escape());
  }
  const size_t length = document_.text_.size() - start;
  if (length > UINT32_MAX) return error("a string is too long");
  document_.nodes_[node].count = static_cast<uint32_t>(length);
  return ok();
}

Result<char32_t> JsonParser::four_digits() {
  char32_t code = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = peek();
    if (c >= '0' && c <= '9') {
      code = code * 16 + static_cast<char32_t>(c - '0');
    } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
      code = code * 16 + static_cast<char32_t>((c | 0x20) - 'a' + 10);
    } else {
      return error("expected four hexadecimal digits after \\u");
    }
    ++at_;
  }
  return code;
}

Status JsonParser::escape() {
  ++at_;  // the backslash
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const size_t letter = done() ? std::string_view::npos : kLetters.find(peek());
  if (letter != std::string_view::npos) {
    ++at_;
    return append(kMeanings.substr(letter, 1));
  }
  if (!skip('u')) return error("unknown escape");
  char32_t code = TRY(four_digits());
  if (code >= 0xdc00 && code <= 0xdfff) return error("a low surrogate without its high one");
  if (code >= 0xd800 && code <= 0xdbff) {
    if (!skip('\\') || !skip('u')) return error("a high surrogate without its low one");
    const char32_t low = TRY(four_digits());
    if (low < 0xdc00 || low > 0xdfff) return error("a high surrogate without its low one");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  std::string encoded;
  append_utf8(encoded, code);
  return append(encoded);
}

Status JsonParser::key() {
  if (peek() != '"') return error("expected a key");
  TRY(string());
  skip_space();
  if (!skip(':')) return error("expected :");
  skip_space();
  return ok();
}

Status JsonParser::open(Kind kind) {
  if (open_.size() == JsonDocument::kMaxDepth) {
    Error error = fail(ErrorId::over_depth, fmt::format("JSON at byte {}: nested deeper than {}",
                                                        origin_ + at_, JsonDocument::kMaxDepth));
    error.hint = "no format that hone reads nests so deep; the file is damaged or hostile";
    return error;
  }
  open_.push_back(TRY(add(kind)));
  ++at_;
  return ok();
}

Status JsonParser::close() {
  const uint32_t container = open_.back();
  open_.pop_back();
  Node& node = document_.nodes_[container];
  node.inside = {static_cast<uint32_t>(document_.nodes_.size()), 0};
  return node.kind == Kind::object && node.count > 1 ? sort_keys(container) : ok();
}

// Sorting finds duplicates without a hash that hostile keys could aim at, and serves find() later.
Status JsonParser::sort_keys(uint32_t object) {
  const uint32_t end = document_.nodes_[object].inside.end;
  const uint32_t count = document_.nodes_[object].count;
  keys_.clear();
  TRY(reserve_charged(ledger_, keys_, count, "JSON keys"));
  for (uint32_t key = object + 1; key != end; key = document_.after(key + 1))
    keys_.push_back({start_of(document_.text_of(key)), key});
  // Most texts differ in what is at hand.
  const auto order = [this](const Key& a, const Key& b) {
    if (a.start != b.start) return a.start <=> b.start;
    return document_.text_of(a.node) <=> document_.text_of(b.node);
  };
  std::sort(keys_.begin(), keys_.end(),
            [&](const Key& a, const Key& b) { return order(a, b) < 0; });
  const auto twice = std::adjacent_find(
      keys_.begin(), keys_.end(), [&](const Key& a, const Key& b) { return order(a, b) == 0; });
  if (twice != keys_.end()) {
    return error(fmt::format("the object that ends here has the key \"{}\" twice",
                             printable(document_.text_of(twice->node))));
  }
  if (count <= JsonDocument::kLinear) return ok();
  auto& sorted = document_.sorted_;
  TRY(reserve_charged(ledger_, sorted, count, "JSON keys"));
  document_.nodes_[object].inside.sorted = static_cast<uint32_t>(sorted.size());
  for (const Key& key : keys_) sorted.push_back(key.node);
  return ok();
}

Result<JsonDocument> JsonDocument::parse(std::string_view text, Ledger& ledger, uint64_t origin) {
  return JsonParser(text, ledger, origin).parse();
}

Json JsonDocument::root() const { return {this, 0}; }

std::string_view Json::kind_name() const {
  switch (kind()) {
    case Kind::null: return "null";
    case Kind::boolean: return "a boolean";
    case Kind::integer:
    case Kind::large: return "an integer";
    case Kind::real: return "a number";
    case Kind::string: return "a string";
    case Kind::array: return "an array";
    case Kind::object: return "an object";
  }
  return "a value";
}

Error Json::wrong_kind(std::string_view expected) const {
  return fail(ErrorId::malformed, fmt::format("expected {}, found {}", expected, kind_name()));
}

Result<bool> Json::as_bool() const {
  if (kind() != Kind::boolean) return wrong_kind("a boolean");
  return node().integer != 0;
}

Result<int64_t> Json::as_int64() const {
  if (kind() != Kind::integer) return wrong_kind("an integer in the range of int64");
  return node().integer;
}

Result<uint64_t> Json::as_uint64() const {
  if (kind() == Kind::large) return node().large;
  if (kind() != Kind::integer || node().integer < 0) {
    return wrong_kind("an integer in the range of uint64");
  }
  return static_cast<uint64_t>(node().integer);
}

Result<double> Json::as_double() const {
  if (kind() == Kind::real) return node().real;
  if (kind() == Kind::integer) return static_cast<double>(node().integer);
  if (kind() == Kind::large) return static_cast<double>(node().large);
  return wrong_kind("a number");
}

Result<std::string_view> Json::as_string() const {
  if (kind() != Kind::string) return wrong_kind("a string");
  return document_->text_of(node_);
}

size_t Json::size() const { return is_array() || is_object() ? node().count : 0; }

Json::Range<false> Json::elements() const {
  if (!is_array()) return {document_, 0, 0};
  return {document_, node_ + 1, node().inside.end};
}

Json::Range<true> Json::members() const {
  if (!is_object()) return {document_, 0, 0};
  return {document_, node_ + 1, node().inside.end};
}

std::optional<Json> Json::find(std::string_view key) const {
  if (!is_object()) return std::nullopt;
  if (node().count <= JsonDocument::kLinear) {
    for (const auto [name, value] : members()) {
      if (name == key) return value;
    }
    return std::nullopt;
  }
  const auto begin = document_->sorted_.begin() + node().inside.sorted;
  const auto end = begin + node().count;
  const auto found = std::lower_bound(begin, end, key, [this](uint32_t a, std::string_view b) {
    return document_->text_of(a) < b;
  });
  if (found == end || document_->text_of(*found) != key) return std::nullopt;
  return Json(document_, *found + 1);
}

Result<Json> Json::get(std::string_view key) const {
  if (!is_object()) return wrong_kind("an object");
  const auto found = find(key);
  if (found) return *found;
  return fail(ErrorId::malformed, fmt::format("the key \"{}\" is missing", printable(key)));
}

}  // namespace hone
