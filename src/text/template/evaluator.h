// Evaluates a parsed template. Every step, byte and level is counted against the limits.
#pragma once

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/template/syntax.h"
#include "text/template/template.h"

namespace hone::jinja {

class Evaluator;

struct Arguments {
  std::vector<Value> positional = {};
  std::vector<std::pair<std::string, Value>> named = {};
};

// What a built-in function, method, filter or test is given.
struct Call {
  Evaluator& run;
  std::string_view name;
  Value self;  // of methods; the input of filters and tests
  Arguments arguments;

  // The arguments by position or name; nothing where they are left out.
  template <size_t N>
  Result<std::array<std::optional<Value>, N>> bind(const std::string_view (&names)[N]) {
    std::array<std::optional<Value>, N> bound;
    TRY(bind(names, N, bound.data()));
    return bound;
  }
  Status no_arguments() { return bind(nullptr, 0, nullptr); }
  Status bind(const std::string_view* names, size_t count, std::optional<Value>* bound);
};
using Builtin = Result<Value> (*)(Call&);

struct Named {
  std::string_view name;
  Builtin function;
};

struct Scope : Object {
  Scope* parent = nullptr;
  std::vector<std::pair<uint32_t, Value>> variables;
  bool captured = false;  // by a macro, which may be called later

  Value* find(uint32_t symbol);
  void set(uint32_t symbol, Value value);
};

struct Callable : Object {
  std::string name;
  Builtin function = nullptr;  // of a built-in; else it is a macro
  Value self;                  // of a method
  const Node* macro = nullptr;
  NodeId body = kNoNode;
  Scope* scope = nullptr;  // where the macro stands
};

struct LoopState : Object {
  const Node* node = nullptr;
  Scope* scope = nullptr;  // where the loop stands
  std::vector<Value> items;
  size_t index = 0;
  size_t depth = 0;
  std::optional<Value> last_changed;
};

class Evaluator {
 public:
  Evaluator(const Syntax& syntax, const Values& variables, const RenderOptions& options)
      : syntax_(syntax), variables_(variables), options_(options), limits_(options.limits) {}
  Result<Marked> render();

  // For built-ins.
  template <class... Parts>
  Error error(fmt::format_string<Parts...> format, Parts&&... parts) const {
    return plain_error(fmt::format(format, std::forward<Parts>(parts)...));
  }
  Error plain_error(std::string_view what) const;
  Error too_much(ErrorId id, std::string_view limit, uint64_t value) const;
  Error undefined_error(const Value& value) const;

  Status step(uint64_t count = 1);
  Status work(uint64_t bytes);  // before a text of this size is made
  Status charge_memory(uint64_t bytes);
  Result<Value> text(std::string bytes, bool trusted);
  Result<Value> text(MarkedBuilder& builder);
  Result<Value> list(std::vector<Value> items, List::Form form = List::Form::list,
                     std::string_view shown_as = {});
  Result<Map*> map();
  Status set(Map& map, Value key, Value value);
  Heap& heap() { return heap_; }
  const RenderOptions& options() const { return options_; }

  static bool truth(const Value& value);
  Result<bool> equal(const Value& a, const Value& b);
  Result<int> order(const Value& a, const Value& b);  // < 0, 0, > 0
  Result<bool> contains(const Value& container, const Value& item);
  Result<Value> add(const Value& a, const Value& b);
  Result<Value> arithmetic(Node::Kind kind, const Value& a, const Value& b);
  Result<std::vector<Value>> iterate(const Value& value);
  Result<std::optional<size_t>> length(const Value& value);  // nothing: it has none

  Result<Marked> show(const Value& value);                   // str()
  Status represent(const Value& value, MarkedBuilder& out);  // repr()
  struct JsonStyle {
    std::optional<std::string> indent;
    std::string comma, colon;
    bool ascii = false, sorted = false;
  };
  Status to_json(const Value& value, const JsonStyle& style, size_t level, MarkedBuilder& out);

  Result<Value> attribute(const Value& object, std::string_view name);
  Result<Value> item(const Value& object, const Value& key);
  Result<Value> slice(const Value& object, const std::array<Value, 3>& bounds);
  Result<Value> call(const Value& callee, Arguments arguments);
  Result<Value> filter(std::string_view name, const Value& input, Arguments arguments);
  Result<bool> test(std::string_view name, const Value& input, Arguments arguments);

  Status enter();
  struct Level {
    explicit Level(Evaluator& evaluator) : evaluator(evaluator) {}
    ~Level() { --evaluator.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    Evaluator& evaluator;
  };

 private:
  enum class Flow : uint8_t { on, next, out };  // continue, break

  Result<Value> evaluate(NodeId id);
  Result<Value> evaluate_name(const Node& node);
  Result<Value> evaluate_pair(const Node& node);
  Result<Value> evaluate_compare(const Node& node);
  Result<Value> evaluate_map(const Node& node);
  Result<Value> evaluate_slice(const Node& node);
  Result<std::vector<Value>> evaluate_all(const std::vector<NodeId>& ids);
  Result<Arguments> evaluate(const std::vector<Argument>& arguments);
  Value undefined(std::string what) const;

  Result<Flow> execute(NodeId id);
  Result<Flow> execute_block(const Node& node);
  Result<Flow> execute_branch(const Node& node);
  Result<Flow> execute_loop(const Node& node);
  Result<Flow> run_loop(const Node& node, const Value& items, size_t depth);
  Result<std::vector<Value>> kept_items(const Node& node, std::vector<Value> items);
  Status execute_call(const Node& node);
  Result<Flow> execute_with(const Node& node);
  Result<Flow> execute_scope(const Node& node);
  Status execute_filter_block(const Node& node);
  Status execute_assign_block(const Node& node);
  Status write(const Value& value);
  Status assign(const Node& target, Value value);
  Result<Value> captured_output(NodeId body, Scope* scope);
  Result<Value> call_macro(const Callable& macro, Arguments arguments);
  Value make_macro(const Node& node, NodeId body, std::string_view name);
  bool uses(NodeId body, std::string_view name) const;
  Result<Value> call_loop(const LoopState& loop, Arguments arguments);
  std::optional<Value> builtin(std::string_view name);
  Result<Value> loop_attribute(const Value& object, std::string_view name);
  Result<Value> method(const Value& object, std::string_view name);
  Status represent_text(const Marked& text, MarkedBuilder& out);
  Status json_text(const Marked& text, const JsonStyle& style, MarkedBuilder& out);
  Status json_list(const List& list, const JsonStyle& style, size_t level, MarkedBuilder& out);
  Status json_map(const Map& map, const JsonStyle& style, size_t level, MarkedBuilder& out);
  Result<Value> repeat(const Value& what, int64_t times);
  Result<Value> integer_arithmetic(Node::Kind kind, int64_t a, int64_t b);
  Result<Value> real_arithmetic(Node::Kind kind, double a, double b);

  const Syntax& syntax_;
  const Values& variables_;
  const RenderOptions& options_;
  const TemplateLimits& limits_;
  Heap heap_;
  Scope* scope_ = nullptr;
  MarkedBuilder* out_ = nullptr;
  std::vector<const Callable*> builtins_;  // those that were named
  Value captured_;                         // the input of filters over a block
  uint32_t line_ = 1;
  uint64_t steps_ = 0, text_work_ = 0, memory_ = 0, depth_ = 0;
};

// The tables of built-ins; null where there is none of the name.
Builtin find_filter(std::string_view name);
Builtin find_test(std::string_view name);  // give a boolean
Builtin find_function(std::string_view name);
Builtin find_text_method(std::string_view name);
Builtin find_map_method(std::string_view name);
Builtin find_list_method(std::string_view name);
Builtin find_in(const Named* table, size_t count, std::string_view name);

// The name of a kind as Python has it: "str", "dict".
std::string_view type_name(const Value& value);
// repr() of a float.
std::string real_text(double value);
// "%s and %d" % values.
Result<Value> format_text(Evaluator& run, const Marked& pattern, const Value& values);

}  // namespace hone::jinja
