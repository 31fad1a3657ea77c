// The syntax tree of the text form: what the parser reads, before names and types are resolved.
// Bodies of operators stay in this form: the matcher walks it and expansion builds from it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "ir/model.h"

namespace hone::syntax {

// A type; a capital letter in place of the dtype is a type variable of a body.
struct TypeText {
  Type type;
  char variable = 0;
};

// One element of a literal: a number as written, a quoted text, or `$name`.
struct Element {
  enum class Kind : uint8_t { number, text, variable };
  Kind kind = Kind::number;
  std::string text;
};

// `i64[2]{0, -1}`, `f32{0.5}`, or the bare number `0.5` (dtype of the call's other operand).
struct Literal {
  std::optional<DType> dtype;
  std::vector<int64_t> shape;
  std::vector<Element> elements;
};

struct Call;
struct Argument {
  enum class Kind : uint8_t { missing, value, constant, literal, call };
  Kind kind = Kind::missing;
  std::string name;       // of a value or constant
  bool numbered = false;  // `%3`, a value without a name; a name can look like that too, in quotes
  Literal literal;
  std::vector<Call> call;  // none or one
};

// An attribute's value as written; its kind is settled by the operator's declaration.
struct AttrText {
  enum class Kind : uint8_t { number, wide, text, list, word, graph, variable };
  Kind kind = Kind::number;
  std::string text;  // number (also of `f64{…}`, wide), text, word (dtype or type), graph, variable
  std::vector<Element> list;
};

struct Call {
  std::string op;
  std::vector<Argument> arguments;
  std::vector<std::pair<std::string, AttrText>> attrs;
};

struct ResultName {
  std::string name;
  bool numbered = false;  // `%3`: a value without a name
  bool unused = false;    // `_`
  std::optional<TypeText> type;
};

struct Statement {
  std::vector<ResultName> results;
  Call call;
  std::vector<std::string> from;
  bool is_next = false;  // `next state = value`
  Argument next;
  size_t line = 0;
};

struct Parameter {
  std::string name;
  bool numbered = false;
  TypeText type;
  Argument initial;  // constant or literal, of a state
};

struct GraphText {
  std::string name;
  std::vector<Parameter> inputs, states;
  std::vector<std::pair<std::string, Argument>> outputs;  // interface name, value
  std::vector<Statement> statements;
};

struct ConstantText {
  std::string name;
  TypeText type;
  std::optional<Constant::Span> span;
  Literal literal;
  std::string scale, zero_point;
};

struct ModelText {
  std::string phase = "import", target, entry;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<Symbol> symbols;
  std::vector<DataSource> sources;
  std::vector<ConstantText> constants;
  std::vector<GraphText> graphs;
};

// What the tree takes is charged, nodes and tensors are counted.
Result<ModelText> parse(std::string_view text, Ledger& ledger);
// One graph alone, as in the body of an operator.
Result<GraphText> parse_graph(std::string_view text, const Limits& limits);
// A type alone, as in the value of an attribute.
Result<Type> parse_type(std::string_view text, const Limits& limits);

}  // namespace hone::syntax
