#include "text/grammar/automaton.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

#include "base/text.h"

namespace hone {

namespace {

using grammar::CodeRange;
using grammar::Expression;
using grammar::ExpressionId;
using grammar::grammar_error;
using grammar::kUnlimited;
using grammar::RuleId;
using grammar::Rules;

// What holds of expressions, found from the leaves upwards.
class Facts {
 public:
  explicit Facts(const Rules& rules);
  bool nullable(ExpressionId id) const { return nullable_[id]; }  // may be the empty text
  bool finite(ExpressionId id) const { return finite_[id]; }      // has a text at all
  // A rule that may begin with itself, and the way there.
  std::vector<RuleId> left_recursion() const;

 private:
  // Marks what has the fact: `needs` says of how many parts an expression needs it, 0 for none.
  template <class Needs>
  std::vector<bool> spread(Needs needs) const;
  void first_calls(ExpressionId id, std::vector<RuleId>& calls) const;

  const Rules& rules_;
  std::vector<std::vector<ExpressionId>> users_;  // once for each use
  std::vector<bool> nullable_, finite_;
};

Facts::Facts(const Rules& rules) : rules_(rules), users_(rules.expressions.size()) {
  for (ExpressionId id = 0; id < rules.expressions.size(); ++id) {
    const Expression& e = rules.expressions[id];
    for (const ExpressionId kid : e.kids) users_[kid].push_back(id);
    if (e.kind == Expression::Kind::rule) users_[rules.rules[e.rule].body].push_back(id);
  }
  constexpr size_t kNever = SIZE_MAX;
  const auto parts = [](const Expression& e) -> size_t {
    switch (e.kind) {
      case Expression::Kind::sequence: return e.kids.size();
      case Expression::Kind::choice: return e.kids.empty() ? kNever : 1;
      case Expression::Kind::repeat: return e.least == 0 ? 0 : 1;
      default: return 1;
    }
  };
  nullable_ = spread([&](const Expression& e) -> size_t {
    if (e.kind == Expression::Kind::literal) return e.bytes.empty() ? 0 : kNever;
    if (e.kind == Expression::Kind::set) return kNever;
    return parts(e);
  });
  finite_ = spread([&](const Expression& e) -> size_t {
    if (e.kind == Expression::Kind::literal) return 0;
    if (e.kind == Expression::Kind::set) return e.ranges.empty() ? kNever : 0;
    return parts(e);
  });
}

template <class Needs>
std::vector<bool> Facts::spread(Needs needs) const {
  std::vector<bool> fact(users_.size());
  std::vector<size_t> missing(users_.size());
  std::vector<ExpressionId> found;
  for (ExpressionId id = 0; id < users_.size(); ++id) {
    missing[id] = needs(rules_.expressions[id]);
    if (missing[id] == 0) found.push_back(id);
  }
  while (!found.empty()) {
    const ExpressionId id = found.back();
    found.pop_back();
    if (fact[id]) continue;
    fact[id] = true;
    for (const ExpressionId user : users_[id]) {
      if (missing[user] != 0 && --missing[user] == 0) found.push_back(user);
    }
  }
  return fact;
}

// Rules that may stand at the very beginning of the expression.
void Facts::first_calls(ExpressionId root, std::vector<RuleId>& calls) const {
  std::vector<ExpressionId> open{root};
  while (!open.empty()) {
    const Expression& e = rules_.expressions[open.back()];
    open.pop_back();
    if (e.kind == Expression::Kind::rule) calls.push_back(e.rule);
    for (const ExpressionId kid : e.kids) {
      open.push_back(kid);
      if (e.kind == Expression::Kind::sequence && !nullable_[kid]) break;
    }
  }
}

std::vector<RuleId> Facts::left_recursion() const {
  enum class Mark : uint8_t { fresh, open, done };
  struct Step {
    RuleId rule;
    std::vector<RuleId> calls;
    size_t next = 0;
  };
  std::vector<Mark> marks(rules_.rules.size(), Mark::fresh);
  std::vector<Step> path;
  const auto enter = [&](RuleId rule) {
    marks[rule] = Mark::open;
    Step step{rule, {}};
    first_calls(rules_.rules[rule].body, step.calls);
    path.push_back(std::move(step));
  };
  for (RuleId start = 0; start < marks.size(); ++start) {
    if (marks[start] != Mark::fresh) continue;
    enter(start);
    while (!path.empty()) {
      Step& step = path.back();
      if (step.next == step.calls.size()) {
        marks[step.rule] = Mark::done;
        path.pop_back();
        continue;
      }
      const RuleId called = step.calls[step.next++];
      if (marks[called] == Mark::open) {
        std::vector<RuleId> cycle;
        size_t from = path.size() - 1;
        while (path[from].rule != called) --from;
        for (; from < path.size(); ++from) cycle.push_back(path[from].rule);
        return cycle;
      }
      if (marks[called] == Mark::fresh) enter(called);
    }
  }
  return {};
}

class Compiler {
 public:
  Compiler(const Rules& rules, const Facts& facts) : rules_(rules), facts_(facts) {}
  Result<Automaton> compile();

 private:
  using Node = Automaton::Node;

  Error too_large() const;
  Result<uint32_t> add(Node::Kind kind, uint32_t next, uint32_t other);
  Result<uint32_t> bytes(const std::array<uint64_t, 4>& set, uint32_t next);
  Result<uint32_t> split(std::span<const uint32_t> branches);
  // The node where the expression begins, when `next` follows it.
  Result<uint32_t> build(ExpressionId id, uint32_t next);
  Result<uint32_t> build_set(const std::vector<CodeRange>& ranges, uint32_t next);
  Status build_range(CodeRange range, uint32_t next, std::vector<uint32_t>& branches);
  Result<uint32_t> build_repeat(const Expression& e, uint32_t next);
  void classify();

  const Rules& rules_;
  const Facts& facts_;
  Automaton made_;
  std::map<std::array<uint64_t, 4>, uint32_t> sets_;
  std::vector<uint32_t> starts_;  // of rules
  uint64_t steps_ = 0;
};

std::array<uint64_t, 4> byte_set(uint32_t low, uint32_t high) {
  std::array<uint64_t, 4> set{};
  for (uint32_t b = low; b <= high; ++b) set[b / 64] |= uint64_t{1} << (b % 64);
  return set;
}

Error Compiler::too_large() const {
  Error large = fail(ErrorId::over_size,
                     fmt::format("the grammar needs more than {} places", rules_.limits.nodes));
  large.hint = "lower the counts of repetitions, or the lengths of texts and lists in the schema";
  return large;
}

Result<uint32_t> Compiler::add(Node::Kind kind, uint32_t next, uint32_t other) {
  if (made_.nodes.size() >= rules_.limits.nodes) return too_large();
  made_.nodes.push_back({kind, next, other});
  return static_cast<uint32_t>(made_.nodes.size() - 1);
}

Result<uint32_t> Compiler::bytes(const std::array<uint64_t, 4>& set, uint32_t next) {
  const auto [found, added] = sets_.emplace(set, static_cast<uint32_t>(made_.sets.size()));
  if (added) made_.sets.push_back(set);
  return add(Node::Kind::bytes, next, found->second);
}

Result<uint32_t> Compiler::split(std::span<const uint32_t> branches) {
  uint32_t node = branches.back();
  for (size_t i = branches.size() - 1; i-- > 0;) {
    node = TRY(add(Node::Kind::split, branches[i], node));
  }
  return node;
}

// Characters of one length in UTF-8 whose bytes vary independently, else halves of them.
Status Compiler::build_range(CodeRange range, uint32_t next, std::vector<uint32_t>& branches) {
  constexpr char32_t kEnds[] = {0x7f, 0x7ff, 0xffff};
  for (const char32_t end : kEnds) {
    if (range.low <= end && range.high > end) {
      TRY(build_range({range.low, end}, next, branches));
      return build_range({end + 1, range.high}, next, branches);
    }
  }
  for (int i = 1; i < 4 && range.high > 0x7f; ++i) {
    const char32_t below = (char32_t{1} << (6 * i)) - 1;
    if ((range.low & ~below) == (range.high & ~below)) continue;
    if ((range.low & below) != 0) {
      TRY(build_range({range.low, range.low | below}, next, branches));
      return build_range({(range.low | below) + 1, range.high}, next, branches);
    }
    if ((range.high & below) != below) {
      TRY(build_range({range.low, (range.high & ~below) - 1}, next, branches));
      return build_range({range.high & ~below, range.high}, next, branches);
    }
  }
  std::string low, high;
  append_utf8(low, range.low);
  append_utf8(high, range.high);
  uint32_t node = next;
  for (size_t i = low.size(); i-- > 0;) {
    node = TRY(bytes(byte_set(static_cast<uint8_t>(low[i]), static_cast<uint8_t>(high[i])), node));
  }
  branches.push_back(node);
  return ok();
}

Result<uint32_t> Compiler::build_set(const std::vector<CodeRange>& ranges, uint32_t next) {
  std::array<uint64_t, 4> ascii{};
  std::vector<uint32_t> branches;
  for (const CodeRange& range : ranges) {
    for (char32_t c = range.low; c <= range.high && c < 0x80; ++c) {
      ascii[c / 64] |= uint64_t{1} << (c % 64);
    }
    if (range.high >= 0x80) {
      TRY(build_range({std::max<char32_t>(range.low, 0x80), range.high}, next, branches));
    }
  }
  if ((ascii[0] | ascii[1]) != 0) branches.push_back(TRY(bytes(ascii, next)));
  return split(branches);
}

Result<uint32_t> Compiler::build_repeat(const Expression& e, uint32_t next) {
  uint32_t node = next;
  if (facts_.finite(e.kids[0])) {
    if (e.most == kUnlimited) {
      const uint32_t loop = TRY(add(Node::Kind::split, 0, next));
      const uint32_t again = TRY(build(e.kids[0], loop));
      made_.nodes[loop].next = again;
      node = loop;
    } else {
      for (uint32_t i = e.least; i < e.most; ++i) {
        const uint32_t branches[] = {TRY(build(e.kids[0], node)), next};
        node = TRY(split(branches));
      }
    }
  }
  for (uint32_t i = 0; i < e.least; ++i) node = TRY(build(e.kids[0], node));
  return node;
}

Result<uint32_t> Compiler::build(ExpressionId id, uint32_t next) {
  const Expression& e = rules_.expressions[id];
  // Repetitions of nothing make no nodes, and still have to end.
  if (++steps_ > 4 * rules_.limits.nodes) return too_large();
  switch (e.kind) {
    case Expression::Kind::literal: {
      uint32_t node = next;
      for (size_t i = e.bytes.size(); i-- > 0;) {
        const auto byte = static_cast<uint8_t>(e.bytes[i]);
        node = TRY(bytes(byte_set(byte, byte), node));
      }
      return node;
    }
    case Expression::Kind::set: return build_set(e.ranges, next);
    case Expression::Kind::sequence: {
      uint32_t node = next;
      for (size_t i = e.kids.size(); i-- > 0;) node = TRY(build(e.kids[i], node));
      return node;
    }
    case Expression::Kind::choice: {
      std::vector<uint32_t> branches;
      for (const ExpressionId kid : e.kids) {
        if (facts_.finite(kid)) branches.push_back(TRY(build(kid, next)));
      }
      return split(branches);
    }
    case Expression::Kind::repeat: return build_repeat(e, next);
    case Expression::Kind::rule: return add(Node::Kind::call, next, e.rule);
  }
  return fail(ErrorId::internal, "an expression of no kind");
}

// Bytes with the same membership in all sets become a class.
void Compiler::classify() {
  std::map<std::vector<bool>, uint32_t> classes;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    std::vector<bool> members(made_.sets.size());
    for (size_t s = 0; s < made_.sets.size(); ++s) {
      members[s] = (made_.sets[s][byte / 64] >> (byte % 64) & 1) != 0;
    }
    const auto [found, added] = classes.emplace(std::move(members), made_.classes);
    if (added) ++made_.classes;
    made_.class_of[byte] = static_cast<uint8_t>(found->second);
  }
  made_.set_has_class.assign(made_.sets.size(), std::vector<bool>(made_.classes));
  for (const auto& [members, index] : classes) {
    for (size_t s = 0; s < members.size(); ++s) made_.set_has_class[s][index] = members[s];
  }
}

Result<Automaton> Compiler::compile() {
  TRY(add(Node::Kind::end, 0, 0));
  for (const grammar::Rule& rule : rules_.rules) {
    starts_.push_back(facts_.finite(rule.body) ? TRY(build(rule.body, Automaton::kEnd))
                                               : Automaton::kEnd);
  }
  for (Node& node : made_.nodes) {
    if (node.kind == Node::Kind::call) node.other = starts_[node.other];
  }
  made_.root = starts_[0];
  classify();
  made_.text = print(rules_);
  return std::move(made_);
}

}  // namespace

Result<Automaton> compile(const Rules& rules) {
  TRY(rules.check_size());
  const Facts facts(rules);
  if (!facts.finite(rules.rules[0].body)) {
    return grammar_error(
        "no text satisfies the grammar: what it asks for contradicts itself, or never ends");
  }
  const std::vector<RuleId> cycle = facts.left_recursion();
  if (!cycle.empty()) {
    std::string way;
    for (size_t i = 0; i < std::min<size_t>(cycle.size(), 8); ++i) {
      way += "`" + printable(rules.rules[cycle[i]].name) + "`, then ";
    }
    return grammar_error(
        fmt::format("a rule may begin with itself: {}`{}` again; put what it begins with first, "
                    "and repeat the rest",
                    way, printable(rules.rules[cycle[0]].name)));
  }
  return Compiler(rules, facts).compile();
}

}  // namespace hone
