// The syntax tree of a template: nodes in one array, children by index.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/template/value.h"

namespace hone::jinja {

using NodeId = uint32_t;
constexpr NodeId kNoNode = UINT32_MAX;

struct Argument {
  enum class Form : uint8_t { positional, named, list, map };  // x, name=x, *x, **x
  Form form = Form::positional;
  std::string name = {};
  NodeId value = kNoNode;
};

struct Node {
  enum class Kind : uint8_t {
    // Expressions; `kids` in parentheses.
    constant,   // value
    name,       // symbol
    list,       // (element…)
    tuple,      // (element…)
    map,        // (key, value, …)
    attribute,  // (object), text
    item,       // (object, key)
    slice,      // (object, start, stop, step); kNoNode where left out
    call,       // (callee), arguments
    filter,     // (input), text, arguments
    test,       // (input), text, arguments
    captured,   // the input of filters over a block
    negative,
    positive,
    logical_not,  // (x)
    add,
    subtract,
    multiply,
    divide,
    floor_divide,
    modulo,
    power,  // (x, y)
    logical_and,
    logical_or,  // (x, y)
    join,        // (x, y, …): ~
    compare,     // (x, y, …), comparisons
    condition,   // (test, then, else or kNoNode)
    // Statements.
    block,         // (statement…)
    data,          // value
    output,        // (expression…)
    branch,        // (test, body, …, else body or kNoNode)
    loop,          // (target, items, filter or kNoNode, body, else or kNoNode), flag: recursive
    assign,        // (target, value)
    assign_block,  // (target, filters over captured, body)
    macro,         // (body), text, parameters
    call_block,    // (call, body), parameters
    filter_block,  // (filters over captured, body)
    with,          // (target, value, …, body)
    scope,         // (body): names set inside end with it
    evaluate,      // (expression): for its effects
    break_loop,
    continue_loop,
    // Targets of assignments; besides `name` and `tuple`.
    attribute_target,  // symbol, text: of a namespace
  };
  enum class Comparison : uint8_t { eq, ne, lt, le, gt, ge, in, not_in };

  Kind kind;
  bool flag = false;
  uint16_t depth = 0;  // of the tree below
  uint32_t line = 0;
  uint32_t symbol = 0;  // of Syntax::symbols
  std::vector<NodeId> kids = {};
  std::string text = {};
  Value value = {};
  std::vector<Argument> arguments = {};  // parameters: name, and default or kNoNode
  std::vector<Comparison> comparisons = {};
};

struct Syntax {
  std::vector<Node> nodes;
  std::vector<std::string> symbols;  // the names of variables
  NodeId root = 0;
};

}  // namespace hone::jinja
