#include "text/grammar/expressions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace hone::grammar {

Error grammar_error(std::string message) { return fail(ErrorId::bad_grammar, std::move(message)); }

ExpressionId Rules::add(Expression expression) {
  expressions.push_back(std::move(expression));
  return static_cast<ExpressionId>(expressions.size() - 1);
}

ExpressionId Rules::literal(std::string_view bytes) {
  return add({.kind = Expression::Kind::literal, .bytes = std::string(bytes)});
}

ExpressionId Rules::set(std::vector<CodeRange> ranges) {
  return add({.kind = Expression::Kind::set, .ranges = normalized(std::move(ranges))});
}

ExpressionId Rules::sequence(std::vector<ExpressionId> kids) {
  if (kids.size() == 1) return kids[0];
  return add({.kind = Expression::Kind::sequence, .kids = std::move(kids)});
}

ExpressionId Rules::choice(std::vector<ExpressionId> kids) {
  if (kids.size() == 1) return kids[0];
  return add({.kind = Expression::Kind::choice, .kids = std::move(kids)});
}

ExpressionId Rules::repeat(ExpressionId kid, uint32_t least, uint32_t most) {
  if (least == 1 && most == 1) return kid;
  return add({.kind = Expression::Kind::repeat, .kids = {kid}, .least = least, .most = most});
}

ExpressionId Rules::call(RuleId rule) {
  return add({.kind = Expression::Kind::rule, .rule = rule});
}

RuleId Rules::declare(std::string_view name) {
  rules.push_back({.name = std::string(name)});
  return static_cast<RuleId>(rules.size() - 1);
}

void Rules::define(RuleId rule, ExpressionId body) {
  rules[rule].body = body;
  rules[rule].defined = true;
}

Status Rules::check_size() const {
  if (expressions.size() <= limits.expressions) return ok();
  Error error = fail(ErrorId::over_size,
                     fmt::format("the grammar has more than {} expressions", limits.expressions));
  error.hint = "make the grammar or schema smaller";
  return error;
}

std::vector<CodeRange> normalized(std::vector<CodeRange> ranges) {
  std::erase_if(ranges, [](const CodeRange& r) { return r.low > r.high; });
  std::sort(ranges.begin(), ranges.end(),
            [](const CodeRange& a, const CodeRange& b) { return a.low < b.low; });
  std::vector<CodeRange> made;
  const auto add = [&](CodeRange r) {
    if (r.low > r.high) return;
    if (!made.empty() && r.low <= made.back().high + 1 && r.low != 0xe000) {
      made.back().high = std::max(made.back().high, r.high);
    } else {
      made.push_back(r);
    }
  };
  for (const CodeRange& r : ranges) {
    // Surrogates are no characters.
    add({r.low, std::min<char32_t>(r.high, 0xd7ff)});
    add({std::max<char32_t>(r.low, 0xe000), std::min<char32_t>(r.high, 0x10ffff)});
  }
  return made;
}

std::vector<CodeRange> complement(std::vector<CodeRange> ranges) {
  std::vector<CodeRange> made;
  char32_t next = 0;
  for (const CodeRange& r : normalized(std::move(ranges))) {
    if (r.low > next) made.push_back({next, r.low - 1});
    next = r.high + 1;
  }
  if (next <= 0x10ffff) made.push_back({next, 0x10ffff});
  return normalized(std::move(made));
}

namespace {

void print_character(std::string& out, char32_t c, std::string_view special) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c < 0x80 && special.find(static_cast<char>(c)) != std::string_view::npos) {
    out += '\\';
    out += static_cast<char>(c);
  } else if (c < 0x20 || c == 0x7f) {
    out += fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
  } else if (is_unprintable(c) || c >= 0xd800) {
    out += c < 0x10000 ? fmt::format("\\u{:04x}", static_cast<uint32_t>(c))
                       : fmt::format("\\U{:08x}", static_cast<uint32_t>(c));
  } else {
    append_utf8(out, c);
  }
}

class Printer {
 public:
  explicit Printer(const Rules& rules) : rules_(rules), mentioned_(rules.rules.size()) {}
  std::string print();

 private:
  void print(ExpressionId id, bool inside);
  void print_all(const std::vector<ExpressionId>& kids, std::string_view between);
  void mention(RuleId rule);

  const Rules& rules_;
  std::vector<RuleId> order_;
  std::vector<bool> mentioned_;
  std::string out_;
};

// Rules in the order in which the text first names them: what is read and printed again is the
// same text.
std::string Printer::print() {
  size_t printed = 0;
  for (RuleId rule = 0; rule < rules_.rules.size(); ++rule) {
    mention(rule);
    for (; printed < order_.size(); ++printed) {
      const Rule& next = rules_.rules[order_[printed]];
      out_ += next.name + " ::= ";
      print(next.body, false);
      out_ += "\n";
    }
  }
  return std::move(out_);
}

void Printer::mention(RuleId rule) {
  if (mentioned_[rule]) return;
  mentioned_[rule] = true;
  order_.push_back(rule);
}

void Printer::print_all(const std::vector<ExpressionId>& kids, std::string_view between) {
  for (size_t i = 0; i < kids.size(); ++i) {
    if (i > 0) out_ += between;
    print(kids[i], true);
  }
}

// The depth is that of the grammar, which its reader has limited.
void Printer::print(ExpressionId id, bool inside) {
  const Expression& e = rules_.expressions[id];
  switch (e.kind) {
    case Expression::Kind::literal:
      out_ += '"';
      for (std::string_view rest = e.bytes; !rest.empty();) {
        const CodePoint c = decode_utf8(rest);
        print_character(out_, c.value, "\"\\");
        rest.remove_prefix(std::max<size_t>(c.length, 1));
      }
      out_ += '"';
      break;
    case Expression::Kind::set:
      out_ += '[';
      for (const CodeRange& r : e.ranges) {
        print_character(out_, r.low, "[]\\-^");
        if (r.high == r.low) continue;
        if (r.high > r.low + 1) out_ += '-';
        print_character(out_, r.high, "[]\\-^");
      }
      out_ += ']';
      break;
    case Expression::Kind::sequence:
    case Expression::Kind::choice: {
      const bool choice = e.kind == Expression::Kind::choice;
      if (e.kids.empty()) {
        out_ += choice ? "[]" : "\"\"";
        break;
      }
      if (inside) out_ += '(';
      print_all(e.kids, choice ? " | " : " ");
      if (inside) out_ += ')';
      break;
    }
    case Expression::Kind::repeat: {
      // {…} binds to one thing: what is a repetition itself needs brackets.
      const bool nested = rules_.expressions[e.kids[0]].kind == Expression::Kind::repeat;
      if (nested) out_ += '(';
      print(e.kids[0], true);
      if (nested) out_ += ')';
      if (e.least == 0 && e.most == kUnlimited) {
        out_ += '*';
      } else if (e.least == 1 && e.most == kUnlimited) {
        out_ += '+';
      } else if (e.least == 0 && e.most == 1) {
        out_ += '?';
      } else if (e.most == kUnlimited) {
        out_ += fmt::format("{{{},}}", e.least);
      } else {
        out_ += fmt::format("{{{},{}}}", e.least, e.most);
      }
      break;
    }
    case Expression::Kind::rule:
      out_ += rules_.rules[e.rule].name;
      mention(e.rule);
      break;
  }
}

}  // namespace

std::string print(const Rules& rules) { return Printer(rules).print(); }

}  // namespace hone::grammar
