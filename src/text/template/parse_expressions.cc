// The parser's part for expressions, from the loosest binding to the tightest.
#include <fmt/format.h>

#include "base/text.h"
#include "text/template/parser.h"

namespace hone::jinja {

Result<NodeId> Parser::expression() {
  TRY(enter());
  const Level level{depth_};
  NodeId node = TRY(disjunction());
  while (at_name("if")) {
    const uint32_t line = now().line;
    advance();
    const NodeId test = TRY(disjunction());
    const NodeId otherwise = skip_name("else") ? TRY(expression()) : kNoNode;
    node = TRY(add(Kind::condition, line, {test, node, otherwise}));
  }
  return node;
}

Result<NodeId> Parser::disjunction() {
  NodeId node = TRY(conjunction());
  while (at_name("or")) {
    const uint32_t line = now().line;
    advance();
    const NodeId right = TRY(conjunction());
    node = TRY(add(Kind::logical_or, line, {node, right}));
  }
  return node;
}

Result<NodeId> Parser::conjunction() {
  NodeId node = TRY(negation());
  while (at_name("and")) {
    const uint32_t line = now().line;
    advance();
    const NodeId right = TRY(negation());
    node = TRY(add(Kind::logical_and, line, {node, right}));
  }
  return node;
}

Result<NodeId> Parser::negation() {
  if (!at_name("not")) return comparison();
  TRY(enter());
  const Level level{depth_};
  const uint32_t line = now().line;
  advance();
  const NodeId inner = TRY(negation());
  return add(Kind::logical_not, line, {inner});
}

Result<NodeId> Parser::comparison() {
  using Comparison = Node::Comparison;
  constexpr std::pair<std::string_view, Comparison> kSymbols[] = {
      {"==", Comparison::eq}, {"!=", Comparison::ne}, {"<", Comparison::lt},
      {"<=", Comparison::le}, {">", Comparison::gt},  {">=", Comparison::ge}};
  const uint32_t line = now().line;
  const NodeId first = TRY(sum());
  Node node{.kind = Kind::compare, .line = line, .kids = {first}};
  while (true) {
    const Comparison* found = nullptr;
    for (const auto& [text, comparison] : kSymbols) {
      if (at_symbol(text)) found = &comparison;
    }
    if (found != nullptr) {
      node.comparisons.push_back(*found);
      advance();
    } else if (skip_name("in")) {
      node.comparisons.push_back(Comparison::in);
    } else if (at_name("not") && next().kind == Token::Kind::name && next().text == "in") {
      advance();
      advance();
      node.comparisons.push_back(Comparison::not_in);
    } else {
      break;
    }
    node.kids.push_back(TRY(sum()));
  }
  if (node.comparisons.empty()) return first;
  return add(std::move(node));
}

Result<NodeId> Parser::sum() {
  NodeId node = TRY(joined());
  while (at_symbol("+") || at_symbol("-")) {
    const Kind kind = at_symbol("+") ? Kind::add : Kind::subtract;
    const uint32_t line = now().line;
    advance();
    const NodeId right = TRY(joined());
    node = TRY(add(kind, line, {node, right}));
  }
  return node;
}

Result<NodeId> Parser::joined() {
  const uint32_t line = now().line;
  const NodeId first = TRY(product());
  if (!at_symbol("~")) return first;
  std::vector<NodeId> kids{first};
  while (skip_symbol("~")) kids.push_back(TRY(product()));
  return add(Kind::join, line, std::move(kids));
}

Result<NodeId> Parser::product() {
  constexpr std::pair<std::string_view, Kind> kSymbols[] = {
      {"*", Kind::multiply}, {"/", Kind::divide}, {"//", Kind::floor_divide}, {"%", Kind::modulo}};
  NodeId node = TRY(power());
  while (true) {
    const Kind* found = nullptr;
    for (const auto& [text, kind] : kSymbols) {
      if (at_symbol(text)) found = &kind;
    }
    if (found == nullptr) return node;
    const uint32_t line = now().line;
    advance();
    const NodeId right = TRY(power());
    node = TRY(add(*found, line, {node, right}));
  }
}

Result<NodeId> Parser::power() {
  NodeId node = TRY(unary(true));
  while (at_symbol("**")) {
    const uint32_t line = now().line;
    advance();
    const NodeId right = TRY(unary(true));
    node = TRY(add(Kind::power, line, {node, right}));
  }
  return node;
}

Result<NodeId> Parser::unary(bool with_filters) {
  TRY(enter());
  const Level level{depth_};
  const uint32_t line = now().line;
  NodeId node = kNoNode;
  if (at_symbol("-") || at_symbol("+")) {
    const Kind kind = at_symbol("-") ? Kind::negative : Kind::positive;
    advance();
    const NodeId inner = TRY(unary(false));
    node = TRY(add(kind, line, {inner}));
  } else {
    node = TRY(primary());
  }
  node = TRY(postfix(node));
  return with_filters ? filters(node) : node;
}

Result<NodeId> Parser::primary() {
  const Token& token = now();
  Node node{.kind = Kind::constant, .line = token.line};
  switch (token.kind) {
    case Token::Kind::name: return named_primary();
    case Token::Kind::text: {
      std::string text;
      for (; at(Token::Kind::text); advance()) text += now().text;
      node.value = Marked(std::move(text), true);
      return add(std::move(node));
    }
    case Token::Kind::integer:
      node.value = token.integer;
      advance();
      return add(std::move(node));
    case Token::Kind::real:
      node.value = token.real;
      advance();
      return add(std::move(node));
    default: break;
  }
  if (skip_symbol("(")) {
    const NodeId inner = TRY(tuple(true, true));
    TRY(expect_symbol(")"));
    return inner;
  }
  if (at_symbol("[")) return list();
  if (at_symbol("{")) return map();
  return unexpected("an expression");
}

Result<NodeId> Parser::named_primary() {
  const std::string& text = now().text;
  Node node{.kind = Kind::constant, .line = now().line};
  if (text == "true" || text == "True") {
    node.value = true;
  } else if (text == "false" || text == "False") {
    node.value = false;
  } else if (text == "none" || text == "None") {
    node.value = None{};
  } else {
    node.kind = Kind::name;
    node.symbol = symbol(text);
  }
  advance();
  return add(std::move(node));
}

Result<NodeId> Parser::postfix(NodeId node) {
  while (true) {
    if (at_symbol(".") || at_symbol("[")) {
      node = TRY(subscript(node));
    } else if (at_symbol("(")) {
      node = TRY(call(node));
    } else {
      return node;
    }
  }
}

Result<NodeId> Parser::filters(NodeId node) {
  while (true) {
    if (at_symbol("|")) {
      advance();
      node = TRY(one_filter(node));
    } else if (at_name("is")) {
      node = TRY(test(node));
    } else if (at_symbol("(")) {
      node = TRY(call(node));
    } else {
      return node;
    }
  }
}

// Behind the bar, or at the name in {% filter name %}.
Result<NodeId> Parser::one_filter(NodeId input) {
  Node node{.kind = Kind::filter, .line = now().line, .kids = {input}};
  node.text = TRY(take_name("the name of a filter"));
  while (skip_symbol(".")) {
    node.text += "." + TRY(take_name("the name of a filter"));
  }
  if (at_symbol("(")) node.arguments = TRY(arguments());
  return add(std::move(node));
}

Result<NodeId> Parser::test(NodeId input) {
  Node node{.kind = Kind::test, .line = now().line, .kids = {input}};
  advance();
  const bool negated = skip_name("not");
  node.text = TRY(take_name("the name of a test"));
  const auto kind = now().kind;
  const bool operand = kind == Token::Kind::name || kind == Token::Kind::text ||
                       kind == Token::Kind::integer || kind == Token::Kind::real ||
                       at_symbol("[") || at_symbol("{");
  if (at_symbol("(")) {
    node.arguments = TRY(arguments());
  } else if (operand && !at_any_name({"else", "or", "and"})) {
    if (at_name("is")) return error("tests cannot be chained with `is`; use `and`");
    const NodeId inner = TRY(primary());
    Argument argument;
    argument.value = TRY(postfix(inner));
    node.arguments.push_back(std::move(argument));
  }
  const uint32_t line = node.line;
  const NodeId made = TRY(add(std::move(node)));
  return negated ? add(Kind::logical_not, line, {made}) : made;
}

Result<NodeId> Parser::call(NodeId callee) {
  Node node{.kind = Kind::call, .line = now().line, .kids = {callee}};
  node.arguments = TRY(arguments());
  return add(std::move(node));
}

Result<std::vector<Argument>> Parser::arguments() {
  TRY(expect_symbol("("));
  std::vector<Argument> made;
  bool named = false;
  while (!skip_symbol(")")) {
    if (!made.empty()) {
      TRY(expect_symbol(","));
      if (skip_symbol(")")) break;
    }
    Argument one = TRY(argument());
    if (one.form == Argument::Form::positional && named) {
      return error("an argument without a name follows one with a name");
    }
    named |= one.form != Argument::Form::positional;
    made.push_back(std::move(one));
  }
  return made;
}

Result<Argument> Parser::argument() {
  Argument made;
  if (skip_symbol("*")) {
    made.form = Argument::Form::list;
  } else if (skip_symbol("**")) {
    made.form = Argument::Form::map;
  } else if (at(Token::Kind::name) && next().kind == Token::Kind::symbol && next().text == "=") {
    made.form = Argument::Form::named;
    made.name = now().text;
    advance();
    advance();
  }
  made.value = TRY(expression());
  return made;
}

Result<NodeId> Parser::subscript(NodeId object) {
  const uint32_t line = now().line;
  if (at_symbol("[")) return bracket(object);
  advance();
  if (at(Token::Kind::integer)) {
    Node key{.kind = Kind::constant, .line = line};
    key.value = now().integer;
    advance();
    const NodeId made = TRY(add(std::move(key)));
    return add(Kind::item, line, {object, made});
  }
  Node node{.kind = Kind::attribute, .line = line, .kids = {object}};
  node.text = TRY(take_name("a name behind the dot"));
  return add(std::move(node));
}

Result<NodeId> Parser::bracket(NodeId object) {
  const uint32_t line = now().line;
  advance();
  std::vector<NodeId> parts{object};
  bool slice = false;
  const auto part = [&]() -> Result<NodeId> {
    if (at_symbol(":") || at_symbol("]")) return kNoNode;
    return expression();
  };
  parts.push_back(TRY(part()));
  while (parts.size() < 4 && skip_symbol(":")) {
    slice = true;
    parts.push_back(TRY(part()));
  }
  if (!slice && parts[1] == kNoNode) return unexpected("an index");
  if (!slice && at_symbol(",")) {
    std::vector<NodeId> elements{parts[1]};
    while (skip_symbol(",")) elements.push_back(TRY(expression()));
    parts[1] = TRY(add(Kind::tuple, line, std::move(elements)));
  }
  TRY(expect_symbol("]"));
  if (!slice) return add(Kind::item, line, std::move(parts));
  parts.resize(4, kNoNode);
  return add(Kind::slice, line, std::move(parts));
}

Result<NodeId> Parser::list() {
  const uint32_t line = now().line;
  advance();
  std::vector<NodeId> kids;
  while (!skip_symbol("]")) {
    if (!kids.empty()) {
      TRY(expect_symbol(","));
      if (skip_symbol("]")) break;
    }
    kids.push_back(TRY(expression()));
  }
  return add(Kind::list, line, std::move(kids));
}

Result<NodeId> Parser::map() {
  const uint32_t line = now().line;
  advance();
  std::vector<NodeId> kids;
  while (!skip_symbol("}")) {
    if (!kids.empty()) {
      TRY(expect_symbol(","));
      if (skip_symbol("}")) break;
    }
    kids.push_back(TRY(expression()));
    TRY(expect_symbol(":"));
    kids.push_back(TRY(expression()));
  }
  return add(Kind::map, line, std::move(kids));
}

bool Parser::tuple_ends(Names ends) const {
  return at(Token::Kind::variable_end) || at(Token::Kind::block_end) || at_symbol(")") ||
         at(Token::Kind::end) || at_any_name(ends);
}

Result<NodeId> Parser::tuple(bool conditions, bool parenthesized, Names ends) {
  const uint32_t line = now().line;
  std::vector<NodeId> kids;
  bool comma = false;
  while (true) {
    if (!kids.empty()) {
      if (!skip_symbol(",")) break;
      comma = true;
    }
    if (tuple_ends(ends)) break;
    kids.push_back(conditions ? TRY(expression()) : TRY(disjunction()));
  }
  if (kids.size() == 1 && !comma) return kids[0];
  if (kids.empty() && !parenthesized) return unexpected("an expression");
  return add(Kind::tuple, line, std::move(kids));
}

}  // namespace hone::jinja
