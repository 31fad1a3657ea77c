// The parser's part for tags, and what both parts use.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "text/template/parser.h"

namespace hone::jinja {
namespace {

std::string shown(const Token& token) {
  switch (token.kind) {
    case Token::Kind::data: return "text";
    case Token::Kind::block_begin: return "{%";
    case Token::Kind::block_end: return "%}";
    case Token::Kind::variable_begin: return "{{";
    case Token::Kind::variable_end: return "}}";
    case Token::Kind::text: return "a string";
    case Token::Kind::integer:
    case Token::Kind::real: return "a number";
    case Token::Kind::end: return "the end of the template";
    case Token::Kind::name:
    case Token::Kind::symbol: break;
  }
  return "`" + printable(token.text) + "`";
}

}  // namespace

bool Parser::at_any_name(Names names) const {
  return at(Token::Kind::name) && std::find(names.begin(), names.end(), now().text) != names.end();
}

bool Parser::skip_symbol(std::string_view text) {
  if (!at_symbol(text)) return false;
  advance();
  return true;
}

bool Parser::skip_name(std::string_view text) {
  if (!at_name(text)) return false;
  advance();
  return true;
}

Status Parser::expect_symbol(std::string_view text) {
  if (skip_symbol(text)) return ok();
  return unexpected(fmt::format("`{}`", text));
}

Status Parser::expect_name(std::string_view text) {
  if (skip_name(text)) return ok();
  return unexpected(fmt::format("`{}`", text));
}

Result<std::string> Parser::take_name(std::string_view what) {
  if (!at(Token::Kind::name)) return unexpected(what);
  std::string name = now().text;
  advance();
  return name;
}

Error Parser::error(std::string_view what) const { return template_error(now().line, what); }

Error Parser::unexpected(std::string_view wanted) const {
  return error(fmt::format("expected {}, found {}", wanted, shown(now())));
}

Status Parser::enter() {
  if (depth_ >= limits_.parse_depth) {
    Error deep = fail(ErrorId::over_depth,
                      fmt::format("chat template, line {}: nested deeper than {} levels",
                                  now().line, limits_.parse_depth));
    deep.hint = "no published template nests so deep; use another one";
    return deep;
  }
  ++depth_;
  return ok();
}

Result<NodeId> Parser::add(Node node) {
  uint16_t deepest = 0;
  const auto look = [&](NodeId kid) {
    if (kid != kNoNode) deepest = std::max(deepest, syntax_.nodes[kid].depth);
  };
  for (const NodeId kid : node.kids) look(kid);
  for (const Argument& argument : node.arguments) look(argument.value);
  // Chains of operators nest without a recursion of the parser.
  if (deepest >= 2 * limits_.parse_depth || deepest == UINT16_MAX) {
    Error deep = fail(ErrorId::over_depth,
                      fmt::format("chat template, line {}: an expression of more than {} operators",
                                  node.line, 2 * limits_.parse_depth));
    deep.hint = "no published template has such expressions; split it with {% set %}";
    return deep;
  }
  node.depth = static_cast<uint16_t>(deepest + 1);
  syntax_.nodes.push_back(std::move(node));
  return static_cast<NodeId>(syntax_.nodes.size() - 1);
}

Result<NodeId> Parser::add(Kind kind, uint32_t line, std::vector<NodeId> kids) {
  return add({.kind = kind, .line = line, .kids = std::move(kids)});
}

uint32_t Parser::symbol(std::string_view name) {
  const auto [found, added] = symbols_.emplace(name, static_cast<uint32_t>(syntax_.symbols.size()));
  if (added) syntax_.symbols.emplace_back(name);
  return found->second;
}

Result<Syntax> Parser::parse() {
  syntax_.root = TRY(statements({}));
  return std::move(syntax_);
}

Result<NodeId> Parser::statements(Names ends) {
  TRY(enter());
  const Level level{depth_};
  const uint32_t line = now().line;
  std::vector<NodeId> made;
  while (!at(Token::Kind::end)) {
    if (at(Token::Kind::data)) {
      Node node{.kind = Kind::data, .line = now().line};
      node.value = Marked(now().text, true);
      made.push_back(TRY(add(std::move(node))));
      advance();
    } else if (at(Token::Kind::variable_begin)) {
      const uint32_t begin = now().line;
      advance();
      const NodeId shown_value = TRY(tuple(true, false));
      if (!at(Token::Kind::variable_end)) return unexpected("`}}`");
      advance();
      made.push_back(TRY(add(Kind::output, begin, {shown_value})));
    } else {
      advance();  // {%
      if (at_any_name(ends)) return add(Kind::block, line, std::move(made));
      made.push_back(TRY(statement()));
      if (!at(Token::Kind::block_end)) return unexpected("`%}`");
      advance();
    }
  }
  if (ends.size() > 0) return unexpected(fmt::format("{{% {} %}}", *(ends.end() - 1)));
  return add(Kind::block, line, std::move(made));
}

Result<NodeId> Parser::statement() {
  if (!at(Token::Kind::name)) return unexpected("the name of a tag");
  const std::string name = now().text;
  if (name == "if") return branch_statement();
  if (name == "for") return loop_statement();
  if (name == "set") return set_statement();
  if (name == "macro") return macro_statement();
  if (name == "call") return call_statement();
  if (name == "filter") return filter_statement();
  if (name == "with") return with_statement();
  if (name == "generation") return generation_statement();
  if (name == "break") return jump_statement(Kind::break_loop);
  if (name == "continue") return jump_statement(Kind::continue_loop);
  if (name == "do") return do_statement();
  constexpr std::string_view kOutside[] = {"extends", "include", "import", "from", "block"};
  if (std::find(std::begin(kOutside), std::end(kOutside), name) != std::end(kOutside)) {
    return error(
        fmt::format("the tag `{}` needs other templates, which a chat template lacks", name));
  }
  return error(fmt::format("unknown tag `{}`", printable(name)));
}

Result<NodeId> Parser::body(Names ends) {
  if (!at(Token::Kind::block_end)) return unexpected("`%}`");
  advance();
  return statements(ends);
}

Status Parser::end_tag(std::string_view name) { return expect_name(name); }

Result<NodeId> Parser::branch_statement() {
  const uint32_t line = now().line;
  std::vector<NodeId> kids;
  NodeId otherwise = kNoNode;
  while (true) {
    advance();  // if, elif
    kids.push_back(TRY(tuple(false, false)));
    kids.push_back(TRY(body({"elif", "else", "endif"})));
    if (at_name("elif")) continue;
    if (skip_name("else")) otherwise = TRY(body({"endif"}));
    break;
  }
  TRY(end_tag("endif"));
  kids.push_back(otherwise);
  return add(Kind::branch, line, std::move(kids));
}

Result<NodeId> Parser::loop_statement() {
  const uint32_t line = now().line;
  advance();
  const NodeId variable = TRY(target(false));
  TRY(expect_name("in"));
  const NodeId items = TRY(tuple(false, false, {"recursive"}));
  NodeId filter = kNoNode;
  if (skip_name("if")) filter = TRY(expression());
  const bool recursive = skip_name("recursive");
  ++loops_;
  auto inside = body({"endfor", "else"});
  --loops_;
  const NodeId repeated = TRY(std::move(inside));
  NodeId otherwise = kNoNode;
  if (skip_name("else")) otherwise = TRY(body({"endfor"}));
  TRY(end_tag("endfor"));
  return add({.kind = Kind::loop,
              .flag = recursive,
              .line = line,
              .kids = {variable, items, filter, repeated, otherwise}});
}

Result<NodeId> Parser::one_target(bool attributes) {
  const uint32_t line = now().line;
  if (skip_symbol("(")) {
    const NodeId inner = TRY(target(attributes));
    TRY(expect_symbol(")"));
    return inner;
  }
  Node node{.kind = Kind::name, .line = line};
  const std::string name = TRY(take_name("the name of a variable"));
  constexpr std::string_view kConstants[] = {"true", "false", "none", "True", "False", "None"};
  if (std::find(std::begin(kConstants), std::end(kConstants), name) != std::end(kConstants)) {
    return error(fmt::format("`{}` cannot be assigned to", name));
  }
  node.symbol = symbol(name);
  if (attributes && skip_symbol(".")) {
    node.kind = Kind::attribute_target;
    node.text = TRY(take_name("the name of an attribute"));
  }
  return add(std::move(node));
}

Result<NodeId> Parser::target(bool attributes) {
  TRY(enter());
  const Level level{depth_};
  const uint32_t line = now().line;
  const NodeId first = TRY(one_target(attributes));
  if (!at_symbol(",")) return first;
  std::vector<NodeId> kids{first};
  while (skip_symbol(",")) {
    if (!at(Token::Kind::name) && !at_symbol("(")) break;
    if (at_name("in")) break;
    kids.push_back(TRY(one_target(attributes)));
  }
  return add(Kind::tuple, line, std::move(kids));
}

// Filters whose first input is what a block has made; `captured` alone where there are none.
Result<NodeId> Parser::captured_filters() {
  NodeId node = TRY(add(Kind::captured, now().line, {}));
  while (skip_symbol("|")) node = TRY(one_filter(node));
  return node;
}

Result<NodeId> Parser::set_statement() {
  const uint32_t line = now().line;
  advance();
  const NodeId variable = TRY(target(true));
  if (skip_symbol("=")) {
    const NodeId value = TRY(tuple(true, false));
    return add(Kind::assign, line, {variable, value});
  }
  const NodeId filtered = TRY(captured_filters());
  const NodeId inside = TRY(body({"endset"}));
  TRY(end_tag("endset"));
  return add(Kind::assign_block, line, {variable, filtered, inside});
}

Result<std::vector<Argument>> Parser::parameters() {
  TRY(expect_symbol("("));
  std::vector<Argument> made;
  while (!skip_symbol(")")) {
    if (!made.empty()) {
      TRY(expect_symbol(","));
      if (skip_symbol(")")) break;
    }
    Argument parameter;
    parameter.name = TRY(take_name("the name of a parameter"));
    symbol(parameter.name);
    if (skip_symbol("=")) {
      parameter.value = TRY(expression());
    } else if (!made.empty() && made.back().value != kNoNode) {
      return error("a parameter without a default follows one with a default");
    }
    made.push_back(std::move(parameter));
  }
  return made;
}

Result<NodeId> Parser::macro_statement() {
  Node node{.kind = Kind::macro, .line = now().line};
  advance();
  node.text = TRY(take_name("the name of a macro"));
  node.symbol = symbol(node.text);
  node.arguments = TRY(parameters());
  const uint32_t loops = std::exchange(loops_, 0);
  const NodeId inside = TRY(body({"endmacro"}));
  loops_ = loops;
  node.kids = {inside};
  TRY(end_tag("endmacro"));
  return add(std::move(node));
}

Result<NodeId> Parser::call_statement() {
  Node node{.kind = Kind::call_block, .line = now().line};
  advance();
  if (at_symbol("(")) node.arguments = TRY(parameters());
  const NodeId called = TRY(expression());
  if (syntax_.nodes[called].kind != Kind::call) return error("{% call %} needs a call");
  const uint32_t loops = std::exchange(loops_, 0);
  const NodeId inside = TRY(body({"endcall"}));
  loops_ = loops;
  node.kids = {called, inside};
  TRY(end_tag("endcall"));
  return add(std::move(node));
}

Result<NodeId> Parser::filter_statement() {
  const uint32_t line = now().line;
  advance();
  const NodeId input = TRY(add(Kind::captured, line, {}));
  NodeId filtered = TRY(one_filter(input));
  while (skip_symbol("|")) filtered = TRY(one_filter(filtered));
  const NodeId inside = TRY(body({"endfilter"}));
  TRY(end_tag("endfilter"));
  return add(Kind::filter_block, line, {filtered, inside});
}

Result<NodeId> Parser::with_statement() {
  const uint32_t line = now().line;
  advance();
  std::vector<NodeId> kids;
  while (!at(Token::Kind::block_end)) {
    if (!kids.empty()) TRY(expect_symbol(","));
    kids.push_back(TRY(one_target(false)));
    TRY(expect_symbol("="));
    kids.push_back(TRY(expression()));
  }
  kids.push_back(TRY(body({"endwith"})));
  TRY(end_tag("endwith"));
  return add(Kind::with, line, std::move(kids));
}

// Marks what the model has said, for training; here it is only a scope.
Result<NodeId> Parser::generation_statement() {
  const uint32_t line = now().line;
  advance();
  const NodeId inside = TRY(body({"endgeneration"}));
  TRY(end_tag("endgeneration"));
  return add(Kind::scope, line, {inside});
}

Result<NodeId> Parser::jump_statement(Kind kind) {
  if (loops_ == 0) return error(fmt::format("`{}` stands outside of a loop", now().text));
  const uint32_t line = now().line;
  advance();
  return add(kind, line, {});
}

Result<NodeId> Parser::do_statement() {
  const uint32_t line = now().line;
  advance();
  const NodeId evaluated = TRY(tuple(true, false));
  return add(Kind::evaluate, line, {evaluated});
}

}  // namespace hone::jinja
