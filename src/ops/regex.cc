#include "ops/regex.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"

namespace hone {
namespace {

constexpr int32_t kMaxProgram = 20'000;  // instructions
constexpr int kMaxRepeat = 1000;         // as in RE2
constexpr int kMaxDepth = 400;           // of nested parts
constexpr char32_t kLast = 0x10FFFF;

// A code point, or a byte that starts none, shifted out of the range of Unicode.
std::pair<char32_t, size_t> next_char(std::string_view text) {
  const CodePoint p = decode_utf8(text);
  if (p.length > 0) return {p.value, p.length};
  return {0x110000 + static_cast<unsigned char>(text[0]), 1};
}

bool is_word(char32_t c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

// Parses with a stack of open groups, then emits the program from its end to its start, counted
// repetitions as copies.
class RegexCompiler {
 public:
  explicit RegexCompiler(std::string_view pattern) : rest_(pattern), pattern_(pattern) {}

  Result<Regex> run() {
    groups_.push_back({});
    while (!rest_.empty()) TRY(step());
    if (groups_.size() > 1) return wrong("a group is not closed");
    close_branch(groups_.back());
    const Node whole = alternatives(groups_.back());
    if (whole.size > kMaxProgram) return wrong("there is too much");
    const int32_t root = store(whole);
    regex_.start_ = emit(root, add({.op = Regex::Op::match}));
    return std::move(regex_);
  }

 private:
  // The syntax tree, as a list of nodes; children are indices.
  struct Node {
    enum class Kind : uint8_t { set, assertion, sequence, alternatives, repeat };
    Kind kind = Kind::set;
    Regex::Assertion assertion = Regex::Assertion::begin;
    int32_t first = 0, last = 0;  // ranges
    int32_t least = 0, most = 0;  // repetitions; most < 0: no bound
    std::vector<int32_t> children;
    int64_t size = 1;  // instructions that it will take
    int depth = 0;
  };
  struct Flags {
    bool fold = false, multiline = false, dot_newline = false;
  };
  struct Group {
    std::vector<int32_t> branches, items;
    Flags outer;  // restored at the end
  };
  using Ranges = std::vector<Regex::Range>;

  Error wrong(const std::string& why) const {
    return fail(ErrorId::bad_attribute,
                "regex_full_match: " + why + " in the pattern \"" + printable(pattern_) + "\"");
  }

  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  char32_t take_char() {
    const auto [c, length] = next_char(rest_);
    rest_.remove_prefix(length);
    return c;
  }

  int32_t store(Node node) {
    nodes_.push_back(std::move(node));
    return int32_t(nodes_.size()) - 1;
  }
  void push(Node node) { groups_.back().items.push_back(store(std::move(node))); }

  void close_branch(Group& group) {
    Node sequence{.kind = Node::Kind::sequence, .children = std::move(group.items), .size = 0};
    for (int32_t child : sequence.children) {
      sequence.size += nodes_[size_t(child)].size;
      sequence.depth = std::max(sequence.depth, nodes_[size_t(child)].depth + 1);
    }
    group.items.clear();
    group.branches.push_back(store(std::move(sequence)));
  }
  Node alternatives(Group& group) {
    Node node{.kind = Node::Kind::alternatives, .children = std::move(group.branches), .size = 0};
    for (int32_t child : node.children) {
      node.size += nodes_[size_t(child)].size + 1;
      node.depth = std::max(node.depth, nodes_[size_t(child)].depth + 1);
    }
    return node;
  }

  // Sorted, without overlaps, with both cases of ASCII letters where case is folded.
  Node set(Ranges ranges, bool negate) {
    if (flags_.fold) {
      const size_t n = ranges.size();
      for (size_t i = 0; i < n; ++i)
        for (const auto& [from, to] : {std::pair<char32_t, char32_t>{'a', 'A'}, {'A', 'a'}}) {
          const char32_t first = std::max(ranges[i].first, from);
          const char32_t last = std::min<char32_t>(ranges[i].last, from + 25);
          if (first <= last) ranges.push_back({first - from + to, last - from + to});
        }
    }
    std::sort(ranges.begin(), ranges.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    Ranges merged;
    for (const auto& r : ranges)
      if (!merged.empty() && r.first <= merged.back().last + 1)
        merged.back().last = std::max(merged.back().last, r.last);
      else
        merged.push_back(r);
    if (negate) {
      Ranges complement;
      char32_t at = 0;
      for (const auto& r : merged) {
        if (r.first > at) complement.push_back({at, r.first - 1});
        at = r.last + 1;
      }
      if (at <= kLast + 256) complement.push_back({at, kLast + 256});  // stray bytes too
      merged = std::move(complement);
    }
    Node node{.kind = Node::Kind::set, .first = int32_t(regex_.ranges_.size())};
    regex_.ranges_.insert(regex_.ranges_.end(), merged.begin(), merged.end());
    node.last = int32_t(regex_.ranges_.size());
    return node;
  }

  Node assertion(Regex::Assertion a) { return {.kind = Node::Kind::assertion, .assertion = a}; }

  Status step() {
    if (regex_.ranges_.size() > size_t(kMaxProgram)) return wrong("there are too many classes");
    Group& group = groups_.back();
    if (take("(")) return open();
    if (take(")")) {
      if (groups_.size() == 1) return wrong("a group is closed that is not open");
      close_branch(group);
      Node node = alternatives(group);
      flags_ = group.outer;
      groups_.pop_back();
      push(std::move(node));
      return ok();
    }
    if (take("|")) {
      close_branch(group);
      return ok();
    }
    if (rest_[0] == '*' || rest_[0] == '+' || rest_[0] == '?') return repeat();
    if (rest_[0] == '{')
      if (auto bounds = counted()) return repeat(*bounds);
    if (take("[")) return bracket();
    if (take("\\")) return escape();
    using Assertion = Regex::Assertion;
    if (take("^"))
      push(assertion(flags_.multiline ? Assertion::line_begin : Assertion::begin));
    else if (take("$"))
      push(assertion(flags_.multiline ? Assertion::line_end : Assertion::end));
    else if (take("."))
      push(set(flags_.dot_newline ? Ranges{} : Ranges{{'\n', '\n'}}, true));
    else {
      const char32_t c = take_char();
      push(set({{c, c}}, false));
    }
    return ok();
  }

  Status open() {
    if (groups_.size() >= size_t(kMaxDepth / 2)) return wrong("groups are nested too deep");
    const Flags outer = flags_;
    if (take("?P<") || take("?<")) {
      const size_t end = rest_.find('>');
      if (rest_.starts_with("=") || rest_.starts_with("!") || end == std::string_view::npos)
        return wrong("looking around is not supported");
      rest_.remove_prefix(end + 1);
    } else if (take("?")) {
      bool on = true;
      for (; !rest_.empty() && rest_[0] != ':' && rest_[0] != ')'; rest_.remove_prefix(1)) {
        switch (rest_[0]) {
          case 'i': flags_.fold = on; break;
          case 'm': flags_.multiline = on; break;
          case 's': flags_.dot_newline = on; break;
          case 'U': break;  // which match is found first does not matter here
          case '-': on = false; break;
          default: return wrong("a group starts with something not supported");
        }
      }
      if (take(")")) return ok();  // holds until the end of the group around
      if (!take(":")) return wrong("a group is not closed");
    }
    groups_.push_back({{}, {}, outer});
    return ok();
  }

  struct Bounds {
    int least, most;
  };
  // "{2}", "{2,}", "{2,5}"; anything else is taken literally.
  std::optional<Bounds> counted() {
    std::string_view text = rest_.substr(1);
    const auto number = [&]() -> std::optional<int> {
      int value = 0;
      size_t digits = 0;
      for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits)
        value = std::min(value * 10 + (text[digits] - '0'), kMaxRepeat + 1);
      text.remove_prefix(digits);
      return digits > 0 ? std::optional(value) : std::nullopt;
    };
    const auto least = number();
    if (!least) return std::nullopt;
    Bounds bounds{*least, *least};
    if (text.starts_with(",")) {
      text.remove_prefix(1);
      bounds.most = number().value_or(-1);
    }
    if (!text.starts_with("}")) return std::nullopt;
    rest_ = text.substr(1);
    return bounds;
  }

  Status repeat() {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return repeat({c == '+' ? 1 : 0, c == '?' ? 1 : -1});
  }
  Status repeat(Bounds bounds) {
    take("?");  // lazy or not, the whole text matches or does not
    auto& items = groups_.back().items;
    if (items.empty()) return wrong("there is nothing to repeat");
    if (bounds.least > kMaxRepeat || bounds.most > kMaxRepeat)
      return wrong("a part is repeated more than 1000 times");
    if (bounds.most >= 0 && bounds.most < bounds.least) return wrong("a repetition is reversed");
    Node node{.kind = Node::Kind::repeat,
              .least = bounds.least,
              .most = bounds.most,
              .children = {items.back()}};
    const int64_t each = nodes_[size_t(items.back())].size + 2;
    node.size = each * (bounds.most < 0 ? bounds.least + 1 : std::max(bounds.most, 1));
    node.depth = nodes_[size_t(items.back())].depth + 1;
    if (node.size > kMaxProgram) return wrong("there are too many repetitions");
    if (node.depth > kMaxDepth) return wrong("repetitions are nested too deep");
    items.pop_back();
    push(std::move(node));
    return ok();
  }

  // The ranges of \d, \w, \s and [:name:]; the complement is for capital letters.
  static std::optional<Ranges> shorthand(char32_t c) {
    switch (c) {
      case 'd': return Ranges{{'0', '9'}};
      case 'w': return Ranges{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
      case 's': return Ranges{{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
      default: return std::nullopt;
    }
  }
  static std::optional<Ranges> named(std::string_view name) {
    if (name == "alnum") return Ranges{{'0', '9'}, {'A', 'Z'}, {'a', 'z'}};
    if (name == "alpha") return Ranges{{'A', 'Z'}, {'a', 'z'}};
    if (name == "ascii") return Ranges{{0, 127}};
    if (name == "blank") return Ranges{{'\t', '\t'}, {' ', ' '}};
    if (name == "cntrl") return Ranges{{0, 31}, {127, 127}};
    if (name == "digit") return Ranges{{'0', '9'}};
    if (name == "graph") return Ranges{{'!', '~'}};
    if (name == "lower") return Ranges{{'a', 'z'}};
    if (name == "print") return Ranges{{' ', '~'}};
    if (name == "punct") return Ranges{{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}};
    if (name == "space") return Ranges{{'\t', '\r'}, {' ', ' '}};
    if (name == "upper") return Ranges{{'A', 'Z'}};
    if (name == "word") return shorthand('w');
    if (name == "xdigit") return Ranges{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
    return std::nullopt;
  }
  static Ranges complement(const Ranges& sorted) {
    Ranges out;
    char32_t at = 0;
    for (const auto& r : sorted) {
      if (r.first > at) out.push_back({at, r.first - 1});
      at = r.last + 1;
    }
    out.push_back({at, kLast + 256});
    return out;
  }

  // After a backslash: one character.
  Result<char32_t> escaped() {
    if (rest_.empty()) return wrong("nothing follows the last backslash");
    const char32_t c = take_char();
    switch (c) {
      case 'a': return char32_t('\a');
      case 'f': return char32_t('\f');
      case 'n': return char32_t('\n');
      case 'r': return char32_t('\r');
      case 't': return char32_t('\t');
      case 'v': return char32_t('\v');
      case 'x': return hexadecimal();
      default: break;
    }
    if (c == '0') return octal();
    if (c < 128 && is_word(c)) return wrong("a backslash is followed by a letter not supported");
    return c;
  }
  Result<char32_t> octal() {
    char32_t value = 0;
    for (int i = 0; i < 2 && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '7'; ++i)
      value = value * 8 + (take_char() - '0');
    return value;
  }
  Result<char32_t> hexadecimal() {
    const bool braces = take("{");
    char32_t value = 0;
    int digits = 0;
    const int most = braces ? 8 : 2;
    for (; digits < most && !rest_.empty(); ++digits) {
      const char c = rest_[0];
      int digit;
      if (c >= '0' && c <= '9')
        digit = c - '0';
      else if ((c | 32) >= 'a' && (c | 32) <= 'f')
        digit = (c | 32) - 'a' + 10;
      else
        break;
      value = value * 16 + char32_t(digit);
      if (value > kLast) return wrong("a code point is too large");
      rest_.remove_prefix(1);
    }
    if (digits == 0 || (!braces && digits < 2) || (braces && !take("}")))
      return wrong("\\x is not followed by hexadecimal digits");
    return value;
  }

  Status escape() {
    if (rest_.empty()) return wrong("nothing follows the last backslash");
    const char c = rest_[0];
    if (const auto ranges = shorthand(char32_t(c | 32)); ranges && is_word(char32_t(c))) {
      rest_.remove_prefix(1);
      push(set(*ranges, c < 'a'));
      return ok();
    }
    using Assertion = Regex::Assertion;
    if (take("b")) return push(assertion(Assertion::boundary)), ok();
    if (take("B")) return push(assertion(Assertion::no_boundary)), ok();
    if (take("A")) return push(assertion(Assertion::begin)), ok();
    if (take("z")) return push(assertion(Assertion::end)), ok();
    if (take("Q")) {  // literally up to \E
      while (!rest_.empty() && !take("\\E")) {
        const char32_t literal = take_char();
        push(set({{literal, literal}}, false));
      }
      return ok();
    }
    if (c == 'p' || c == 'P' || c == 'C') return wrong("classes of Unicode are not supported");
    const char32_t literal = TRY(escaped());
    push(set({{literal, literal}}, false));
    return ok();
  }

  Status bracket() {
    const bool negate = take("^");
    Ranges ranges;
    for (bool first = true;; first = false) {
      if (rest_.empty()) return wrong("a class is not closed");
      if (!first && take("]")) break;
      if (rest_.starts_with("[:")) {
        const size_t end = rest_.find(":]");
        if (end == std::string_view::npos) return wrong("a class is not closed");
        const bool inverse = rest_[2] == '^';
        const size_t start = inverse ? 3 : 2;
        const auto more = start <= end ? named(rest_.substr(start, end - start)) : std::nullopt;
        if (!more) return wrong("a class has an unknown name");
        const Ranges add = inverse ? complement(*more) : *more;
        ranges.insert(ranges.end(), add.begin(), add.end());
        rest_.remove_prefix(end + 2);
        continue;
      }
      if (rest_.size() > 1 && rest_[0] == '\\' && is_word(char32_t(rest_[1])))
        if (const auto more = shorthand(char32_t(rest_[1] | 32))) {
          const Ranges add = rest_[1] < 'a' ? complement(*more) : *more;
          ranges.insert(ranges.end(), add.begin(), add.end());
          rest_.remove_prefix(2);
          continue;
        }
      const char32_t low = TRY(class_char());
      char32_t high = low;
      if (rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {
        rest_.remove_prefix(1);
        high = TRY(class_char());
        if (high < low) return wrong("a range of characters is reversed");
      }
      ranges.push_back({low, high});
    }
    push(set(std::move(ranges), negate));
    return ok();
  }
  Result<char32_t> class_char() {
    if (rest_.empty()) return wrong("a class is not closed");
    if (!take("\\")) return take_char();
    return escaped();
  }

  // --- code
  // ---------------------------------------------------------------------------------------

  int32_t add(Regex::Instruction i) {
    regex_.program_.push_back(i);
    return int32_t(regex_.program_.size()) - 1;
  }

  // Emits what a node matches before going on at instruction `next`; the first instruction of it.
  // The depth of the recursion is limited by kMaxDepth.
  int32_t emit(int32_t id, int32_t next) {
    const Node& node = nodes_[size_t(id)];
    switch (node.kind) {
      case Node::Kind::set:
        return add({.op = Regex::Op::set, .next = next, .first = node.first, .last = node.last});
      case Node::Kind::assertion:
        return add({.op = Regex::Op::assertion, .assertion = node.assertion, .next = next});
      case Node::Kind::sequence:
        for (size_t i = node.children.size(); i-- > 0;) next = emit(node.children[i], next);
        return next;
      case Node::Kind::alternatives: {
        int32_t entry = emit(node.children.back(), next);
        for (size_t i = node.children.size() - 1; i-- > 0;)
          entry =
              add({.op = Regex::Op::split, .next = emit(node.children[i], next), .other = entry});
        return entry;
      }
      case Node::Kind::repeat: {
        int32_t entry = next;
        if (node.most < 0) {
          entry = add({.op = Regex::Op::split, .other = next});
          const int32_t body = emit(node.children[0], entry);
          regex_.program_[size_t(entry)].next = body;
        }
        for (int32_t i = node.least; i < node.most; ++i)
          entry =
              add({.op = Regex::Op::split, .next = emit(node.children[0], entry), .other = next});
        for (int32_t i = 0; i < node.least; ++i) entry = emit(node.children[0], entry);
        return entry;
      }
    }
    return next;
  }

  Regex regex_;
  std::string_view rest_, pattern_;
  std::vector<Node> nodes_;
  std::vector<Group> groups_;
  Flags flags_;
};

Result<Regex> Regex::compile(std::string_view pattern) { return RegexCompiler(pattern).run(); }

bool Regex::matches(std::string_view text) const {
  constexpr char32_t kNone = UINT32_MAX;
  std::vector<int32_t> now, later, todo;
  std::vector<size_t> seen(program_.size(), SIZE_MAX);  // the step that last entered the state
  const auto holds = [](Assertion a, char32_t before, char32_t after) {
    switch (a) {
      case Assertion::begin: return before == kNone;
      case Assertion::end: return after == kNone;
      case Assertion::line_begin: return before == kNone || before == '\n';
      case Assertion::line_end: return after == kNone || after == '\n';
      case Assertion::boundary: return is_word(before) != is_word(after);
      case Assertion::no_boundary: return is_word(before) == is_word(after);
    }
    return false;
  };
  // Enters a state and all that are reached from it without taking a character.
  const auto enter = [&](int32_t state, size_t step, char32_t before, char32_t after) {
    todo.push_back(state);
    while (!todo.empty()) {
      const int32_t at = todo.back();
      todo.pop_back();
      if (seen[size_t(at)] == step) continue;
      seen[size_t(at)] = step;
      const Instruction& i = program_[size_t(at)];
      if (i.op == Op::split) {
        todo.push_back(i.other);
        todo.push_back(i.next);
      } else if (i.op != Op::assertion) {
        later.push_back(at);
      } else if (holds(i.assertion, before, after)) {
        todo.push_back(i.next);
      }
    }
  };
  const auto peek = [&](size_t at) {
    return at < text.size() ? next_char(text.substr(at)).first : kNone;
  };
  const auto contains = [&](const Instruction& i, char32_t c) {
    const auto it = std::upper_bound(ranges_.begin() + i.first, ranges_.begin() + i.last, c,
                                     [](char32_t v, const Range& r) { return v < r.first; });
    return it != ranges_.begin() + i.first && c <= (it - 1)->last;
  };
  enter(start_, 0, kNone, peek(0));
  size_t step = 1;
  for (size_t at = 0; at < text.size() && !later.empty(); ++step) {
    const auto [c, length] = next_char(text.substr(at));
    at += length;
    now.swap(later);
    later.clear();
    const char32_t after = peek(at);
    for (int32_t state : now) {
      const Instruction& i = program_[size_t(state)];
      if (i.op == Op::set && contains(i, c)) enter(i.next, step, c, after);
    }
  }
  return std::any_of(later.begin(), later.end(),
                     [&](int32_t state) { return program_[size_t(state)].op == Op::match; });
}

}  // namespace hone
