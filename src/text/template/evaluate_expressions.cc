// The evaluator's part for expressions.
#include "base/text.h"
#include "text/template/evaluator.h"
#include "text/template/lexer.h"

namespace hone::jinja {

Error Evaluator::plain_error(std::string_view what) const { return template_error(line_, what); }

Error Evaluator::too_much(ErrorId id, std::string_view limit, uint64_t value) const {
  Error error =
      fail(id, fmt::format("chat template, line {}: more than {} {}", line_, value, limit));
  error.hint =
      "no chat template needs so much; it loops without end, or the conversation is too long";
  return error;
}

Error Evaluator::undefined_error(const Value& value) const {
  const auto& what = value.undefined().what;
  return error("{}", what != nullptr ? *what : "a value is undefined");
}

Status Evaluator::step(uint64_t count) {
  steps_ += count;
  if (steps_ > limits_.steps) return too_much(ErrorId::over_time, "steps", limits_.steps);
  return ok();
}

Status Evaluator::work(uint64_t bytes) {
  if (bytes > limits_.output) {
    return too_much(ErrorId::over_size, "bytes in one text", limits_.output);
  }
  text_work_ += bytes;
  if (text_work_ > limits_.text_work) {
    return too_much(ErrorId::over_memory, "bytes of text on the way", limits_.text_work);
  }
  return ok();
}

Status Evaluator::charge_memory(uint64_t bytes) {
  if (bytes > limits_.memory - memory_) {
    return too_much(ErrorId::over_memory, "bytes of lists and maps", limits_.memory);
  }
  memory_ += bytes;
  return ok();
}

Status Evaluator::enter() {
  if (depth_ >= limits_.depth) {
    return too_much(ErrorId::over_depth, "nested calls and expressions", limits_.depth);
  }
  ++depth_;
  return step();
}

Result<Value> Evaluator::text(std::string bytes, bool trusted) {
  TRY(work(bytes.size()));
  return Value(Marked(std::move(bytes), trusted));
}

Result<Value> Evaluator::text(MarkedBuilder& builder) {
  TRY(work(builder.size()));
  return Value(builder.take());
}

Result<Value> Evaluator::list(std::vector<Value> items, List::Form form,
                              std::string_view shown_as) {
  TRY(charge_memory(sizeof(List) + items.size() * sizeof(Value)));
  List* made = heap_.make<List>();
  made->items = std::move(items);
  made->form = form;
  made->shown_as = shown_as;
  return Value(made);
}

Result<Map*> Evaluator::map() {
  TRY(charge_memory(sizeof(Map)));
  return heap_.make<Map>();
}

Status Evaluator::set(Map& map, Value key, Value value) {
  if (!key.is(Value::Kind::text) && !key.is_number() && !key.is(Value::Kind::none)) {
    return error("a {} cannot be the key of a dict", type_name(key));
  }
  TRY(charge_memory(4 * sizeof(Value)));
  map.set(std::move(key), std::move(value));
  return ok();
}

Value Evaluator::undefined(std::string what) const {
  return Undefined{std::make_shared<const std::string>(std::move(what))};
}

Result<std::vector<Value>> Evaluator::evaluate_all(const std::vector<NodeId>& ids) {
  std::vector<Value> values;
  values.reserve(ids.size());
  for (const NodeId id : ids) values.push_back(TRY(evaluate(id)));
  return values;
}

Result<Arguments> Evaluator::evaluate(const std::vector<Argument>& arguments) {
  Arguments made;
  for (const Argument& argument : arguments) {
    Value value = TRY(evaluate(argument.value));
    switch (argument.form) {
      case Argument::Form::positional: made.positional.push_back(std::move(value)); break;
      case Argument::Form::named: made.named.emplace_back(argument.name, std::move(value)); break;
      case Argument::Form::list:
        for (Value& one : TRY(iterate(value))) made.positional.push_back(std::move(one));
        break;
      case Argument::Form::map: {
        if (!value.is(Value::Kind::map)) return error("** needs a dict");
        for (const auto& [key, inner] : value.map().items) {
          if (!key.is(Value::Kind::text)) return error("** needs a dict with strings as keys");
          made.named.emplace_back(key.text().bytes(), inner);
        }
        TRY(work(made.named.size() * sizeof(Value)));
        break;
      }
    }
  }
  return made;
}

Result<Value> Evaluator::evaluate_name(const Node& node) {
  for (Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    if (const Value* found = scope->find(node.symbol)) return *found;
  }
  const std::string& name = syntax_.symbols[node.symbol];
  if (const Value* found = variables_.find(name)) return *found;
  if (auto found = builtin(name)) return *std::move(found);
  return undefined(fmt::format("'{}' is undefined", name));
}

std::optional<Value> Evaluator::builtin(std::string_view name) {
  if (name == "strftime_now" && !options_.now) return std::nullopt;
  const Builtin function = find_function(name);
  if (function == nullptr) return std::nullopt;
  for (const Callable* known : builtins_) {
    if (known->name == name) return Value(known);
  }
  Callable* made = heap_.make<Callable>();
  made->name = name;
  made->function = function;
  builtins_.push_back(made);
  return Value(static_cast<const Callable*>(made));
}

Result<Value> Evaluator::evaluate_map(const Node& node) {
  Map* made = TRY(map());
  for (size_t i = 0; i < node.kids.size(); i += 2) {
    Value key = TRY(evaluate(node.kids[i]));
    Value value = TRY(evaluate(node.kids[i + 1]));
    TRY(set(*made, std::move(key), std::move(value)));
  }
  return Value(made);
}

Result<Value> Evaluator::evaluate_slice(const Node& node) {
  const Value object = TRY(evaluate(node.kids[0]));
  std::array<Value, 3> bounds;
  for (size_t i = 0; i < 3; ++i) {
    bounds[i] = None{};
    if (node.kids[i + 1] != kNoNode) bounds[i] = TRY(evaluate(node.kids[i + 1]));
  }
  line_ = node.line;
  return slice(object, bounds);
}

Result<Value> Evaluator::evaluate_pair(const Node& node) {
  const Value a = TRY(evaluate(node.kids[0]));
  if (node.kind == Node::Kind::logical_and) return truth(a) ? evaluate(node.kids[1]) : a;
  if (node.kind == Node::Kind::logical_or) return truth(a) ? a : evaluate(node.kids[1]);
  const Value b = TRY(evaluate(node.kids[1]));
  line_ = node.line;
  return node.kind == Node::Kind::add ? add(a, b) : arithmetic(node.kind, a, b);
}

Result<Value> Evaluator::evaluate_compare(const Node& node) {
  using Comparison = Node::Comparison;
  Value left = TRY(evaluate(node.kids[0]));
  for (size_t i = 0; i < node.comparisons.size(); ++i) {
    Value right = TRY(evaluate(node.kids[i + 1]));
    line_ = node.line;
    bool holds = false;
    switch (node.comparisons[i]) {
      case Comparison::eq: holds = TRY(equal(left, right)); break;
      case Comparison::ne: holds = !TRY(equal(left, right)); break;
      case Comparison::in: holds = TRY(contains(right, left)); break;
      case Comparison::not_in: holds = !TRY(contains(right, left)); break;
      case Comparison::lt: holds = TRY(order(left, right)) < 0; break;
      case Comparison::le: holds = TRY(order(left, right)) <= 0; break;
      case Comparison::gt: holds = TRY(order(left, right)) > 0; break;
      case Comparison::ge: holds = TRY(order(left, right)) >= 0; break;
    }
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Evaluator::evaluate(NodeId id) {
  TRY(enter());
  const Level level(*this);
  const Node& node = syntax_.nodes[id];
  line_ = node.line;
  switch (node.kind) {
    case Node::Kind::constant: return node.value;
    case Node::Kind::name: return evaluate_name(node);
    case Node::Kind::list: return list(TRY(evaluate_all(node.kids)));
    case Node::Kind::tuple: return list(TRY(evaluate_all(node.kids)), List::Form::tuple);
    case Node::Kind::map: return evaluate_map(node);
    case Node::Kind::attribute: {
      const Value object = TRY(evaluate(node.kids[0]));
      line_ = node.line;
      return attribute(object, node.text);
    }
    case Node::Kind::item: {
      const Value object = TRY(evaluate(node.kids[0]));
      const Value key = TRY(evaluate(node.kids[1]));
      line_ = node.line;
      return item(object, key);
    }
    case Node::Kind::slice: return evaluate_slice(node);
    case Node::Kind::call: {
      const Value callee = TRY(evaluate(node.kids[0]));
      Arguments arguments = TRY(evaluate(node.arguments));
      line_ = node.line;
      return call(callee, std::move(arguments));
    }
    case Node::Kind::filter: {
      const Value input = TRY(evaluate(node.kids[0]));
      Arguments arguments = TRY(evaluate(node.arguments));
      line_ = node.line;
      return filter(node.text, input, std::move(arguments));
    }
    case Node::Kind::test: {
      const Value input = TRY(evaluate(node.kids[0]));
      Arguments arguments = TRY(evaluate(node.arguments));
      line_ = node.line;
      return Value(TRY(test(node.text, input, std::move(arguments))));
    }
    case Node::Kind::captured: return captured_;
    case Node::Kind::negative:
    case Node::Kind::positive: {
      const Value value = TRY(evaluate(node.kids[0]));
      if (value.is(Value::Kind::undefined)) return undefined_error(value);
      if (!value.is_number()) return error("a {} has no sign", type_name(value));
      const bool minus = node.kind == Node::Kind::negative;
      if (!value.is_integral()) return Value(minus ? -value.real() : value.real());
      return minus ? arithmetic(Node::Kind::subtract, Value(int64_t{0}), value)
                   : Value(value.integer());
    }
    case Node::Kind::logical_not: return Value(!truth(TRY(evaluate(node.kids[0]))));
    case Node::Kind::join: {
      MarkedBuilder joined;
      for (const NodeId kid : node.kids) {
        const Value part = TRY(evaluate(kid));
        joined.add(TRY(show(part)));
        if (joined.size() > limits_.output) TRY(work(joined.size()));
      }
      return text(joined);
    }
    case Node::Kind::compare: return evaluate_compare(node);
    case Node::Kind::condition: {
      if (truth(TRY(evaluate(node.kids[0])))) return evaluate(node.kids[1]);
      if (node.kids[2] != kNoNode) return evaluate(node.kids[2]);
      return undefined("the inline if has no else, and its condition does not hold");
    }
    default: return evaluate_pair(node);
  }
}

Status Call::bind(const std::string_view* names, size_t count, std::optional<Value>* bound) {
  if (arguments.positional.size() > count) {
    return run.error("`{}` takes at most {} argument(s)", name, count);
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) bound[i] = arguments.positional[i];
  for (auto& [key, value] : arguments.named) {
    size_t place = 0;
    while (place < count && names[place] != key) ++place;
    if (place == count) return run.error("`{}` takes no argument `{}`", name, printable(key));
    if (bound[place]) return run.error("`{}` is given `{}` twice", name, printable(key));
    bound[place] = value;
  }
  return ok();
}

Builtin find_in(const Named* table, size_t count, std::string_view name) {
  for (size_t i = 0; i < count; ++i) {
    if (table[i].name == name) return table[i].function;
  }
  return nullptr;
}

Result<Value> Evaluator::filter(std::string_view name, const Value& input, Arguments arguments) {
  const Builtin function = find_filter(name);
  if (function == nullptr) return error("there is no filter `{}`", printable(name));
  Call call{*this, name, input, std::move(arguments)};
  return function(call);
}

Result<bool> Evaluator::test(std::string_view name, const Value& input, Arguments arguments) {
  const Builtin function = find_test(name);
  if (function == nullptr) return error("there is no test `{}`", printable(name));
  Call call{*this, name, input, std::move(arguments)};
  return truth(TRY(function(call)));
}

}  // namespace hone::jinja
