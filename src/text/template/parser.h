// Parses templates. The grammar and its precedences are those of Jinja 3.
#pragma once

#include <initializer_list>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "text/template/lexer.h"
#include "text/template/syntax.h"
#include "text/template/template.h"

namespace hone::jinja {

class Parser {
 public:
  Parser(std::vector<Token> tokens, const TemplateLimits& limits)
      : tokens_(std::move(tokens)), limits_(limits) {}
  Result<Syntax> parse();

 private:
  using Kind = Node::Kind;
  using Names = std::initializer_list<std::string_view>;

  // Tokens.
  const Token& now() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  bool at(Token::Kind kind) const { return now().kind == kind; }
  bool at_symbol(std::string_view text) const {
    return at(Token::Kind::symbol) && now().text == text;
  }
  bool at_name(std::string_view text) const { return at(Token::Kind::name) && now().text == text; }
  bool at_any_name(Names names) const;
  void advance() {
    if (!at(Token::Kind::end)) ++at_;
  }
  bool skip_symbol(std::string_view text);
  bool skip_name(std::string_view text);
  Status expect_symbol(std::string_view text);
  Status expect_name(std::string_view text);
  Result<std::string> take_name(std::string_view what);
  Error error(std::string_view what) const;
  Error unexpected(std::string_view wanted) const;

  // Nodes.
  Result<NodeId> add(Node node);
  Result<NodeId> add(Kind kind, uint32_t line, std::vector<NodeId> kids);
  uint32_t symbol(std::string_view name);

  // Expressions.
  Result<NodeId> expression();  // with `x if c else y`
  Result<NodeId> disjunction();
  Result<NodeId> conjunction();
  Result<NodeId> negation();
  Result<NodeId> comparison();
  Result<NodeId> sum();
  Result<NodeId> joined();
  Result<NodeId> product();
  Result<NodeId> power();
  Result<NodeId> unary(bool with_filters);
  Result<NodeId> primary();
  Result<NodeId> named_primary();
  Result<NodeId> postfix(NodeId node);
  Result<NodeId> filters(NodeId node);
  Result<NodeId> one_filter(NodeId input);
  Result<NodeId> test(NodeId input);
  Result<NodeId> call(NodeId callee);
  Result<NodeId> subscript(NodeId object);
  Result<NodeId> bracket(NodeId object);
  Result<NodeId> list();
  Result<NodeId> map();
  Result<std::vector<Argument>> arguments();
  Result<Argument> argument();
  // Expressions with commas between them are a tuple. `names`: what ends it besides the usual.
  Result<NodeId> tuple(bool conditions, bool parenthesized, Names ends = {});
  bool tuple_ends(Names ends) const;

  // Statements.
  Result<NodeId> statements(Names ends);  // until one of these tags, which is left to read
  Result<NodeId> statement();
  Result<NodeId> body(Names ends);  // of a block tag: its end, then statements
  Status end_tag(std::string_view name);
  Result<NodeId> branch_statement();
  Result<NodeId> loop_statement();
  Result<NodeId> set_statement();
  Result<NodeId> macro_statement();
  Result<NodeId> call_statement();
  Result<NodeId> filter_statement();
  Result<NodeId> with_statement();
  Result<NodeId> generation_statement();
  Result<NodeId> jump_statement(Kind kind);
  Result<NodeId> do_statement();
  Result<NodeId> target(bool attributes);
  Result<NodeId> one_target(bool attributes);
  Result<NodeId> captured_filters();
  Result<std::vector<Argument>> parameters();

  Status enter();  // one level deeper, or an error
  struct Level {
    uint64_t& depth;
    ~Level() { --depth; }
  };

  std::vector<Token> tokens_;
  const TemplateLimits& limits_;
  size_t at_ = 0;
  uint64_t depth_ = 0;
  uint32_t loops_ = 0;  // around the statement
  Syntax syntax_;
  std::unordered_map<std::string, uint32_t> symbols_;
};

}  // namespace hone::jinja
