// The evaluator's part for statements: scopes, loops, macros, output.
#include <algorithm>

#include "base/text.h"
#include "text/template/evaluator.h"

namespace hone::jinja {

Value* Scope::find(uint32_t symbol) {
  for (auto& [key, value] : variables) {
    if (key == symbol) return &value;
  }
  return nullptr;
}

void Scope::set(uint32_t symbol, Value value) {
  if (Value* found = find(symbol)) {
    *found = std::move(value);
  } else {
    variables.emplace_back(symbol, std::move(value));
  }
}

Result<Marked> Evaluator::render() {
  Scope* top = heap_.make<Scope>();
  scope_ = top;
  MarkedBuilder out;
  out_ = &out;
  TRY(execute(syntax_.root));
  return out.take();
}

Status Evaluator::write(const Value& value) {
  const Marked shown = TRY(show(value));
  TRY(work(out_->size() + shown.size() > limits_.output ? UINT64_MAX : shown.size()));
  out_->add(shown);
  return ok();
}

Result<Evaluator::Flow> Evaluator::execute_block(const Node& node) {
  for (const NodeId kid : node.kids) {
    const Flow flow = TRY(execute(kid));
    if (flow != Flow::on) return flow;
  }
  return Flow::on;
}

Result<Evaluator::Flow> Evaluator::execute(NodeId id) {
  TRY(enter());
  const Level level(*this);
  const Node& node = syntax_.nodes[id];
  line_ = node.line;
  switch (node.kind) {
    case Node::Kind::block: return execute_block(node);
    case Node::Kind::data: TRY(write(node.value)); break;
    case Node::Kind::output: TRY(write(TRY(evaluate(node.kids[0])))); break;
    case Node::Kind::branch: return execute_branch(node);
    case Node::Kind::loop: return execute_loop(node);
    case Node::Kind::assign: {
      Value value = TRY(evaluate(node.kids[1]));
      line_ = node.line;
      TRY(assign(syntax_.nodes[node.kids[0]], std::move(value)));
      break;
    }
    case Node::Kind::assign_block: TRY(execute_assign_block(node)); break;
    case Node::Kind::macro:
      TRY(charge_memory(sizeof(Callable)));
      scope_->set(node.symbol, make_macro(node, node.kids[0], node.text));
      break;
    case Node::Kind::call_block: TRY(execute_call(node)); break;
    case Node::Kind::filter_block: TRY(execute_filter_block(node)); break;
    case Node::Kind::with: return execute_with(node);
    case Node::Kind::scope: return execute_scope(node);
    case Node::Kind::evaluate: TRY(evaluate(node.kids[0])); break;
    case Node::Kind::break_loop: return Flow::out;
    case Node::Kind::continue_loop: return Flow::next;
    default: return fail(ErrorId::internal, "a template has an expression for a statement");
  }
  return Flow::on;
}

Result<Evaluator::Flow> Evaluator::execute_branch(const Node& node) {
  const size_t branches = node.kids.size() / 2;
  for (size_t i = 0; i < branches; ++i) {
    if (truth(TRY(evaluate(node.kids[2 * i])))) return execute(node.kids[2 * i + 1]);
  }
  return node.kids.back() != kNoNode ? execute(node.kids.back()) : Flow::on;
}

Status Evaluator::assign(const Node& target, Value value) {
  if (target.kind == Node::Kind::name) {
    scope_->set(target.symbol, std::move(value));
    return ok();
  }
  if (target.kind == Node::Kind::attribute_target) {
    const Value object = TRY(evaluate_name(target));
    if (!object.is(Value::Kind::space)) {
      return error("`{}` is no namespace, so that its `{}` cannot be set",
                   syntax_.symbols[target.symbol], target.text);
    }
    if (Value* found = object.space().find(target.text)) {
      *found = std::move(value);
      return ok();
    }
    TRY(charge_memory(sizeof(std::pair<std::string, Value>)));
    object.space().attributes.emplace_back(target.text, std::move(value));
    return ok();
  }
  std::vector<Value> parts = TRY(iterate(value));
  if (parts.size() != target.kids.size()) {
    return error("{} values for {} variables", parts.size(), target.kids.size());
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    TRY(enter());
    const Level level(*this);
    TRY(assign(syntax_.nodes[target.kids[i]], std::move(parts[i])));
  }
  return ok();
}

Result<Evaluator::Flow> Evaluator::execute_loop(const Node& node) {
  const Value items = TRY(evaluate(node.kids[1]));
  line_ = node.line;
  return run_loop(node, items, 0);
}

// Those for which the filter of the loop holds.
Result<std::vector<Value>> Evaluator::kept_items(const Node& node, std::vector<Value> items) {
  if (node.kids[2] == kNoNode) return items;
  TRY(charge_memory(sizeof(Scope)));
  Scope* inner = heap_.make<Scope>();
  inner->parent = scope_;
  Scope* const outer = std::exchange(scope_, inner);
  std::vector<Value> kept;
  const Node& target = syntax_.nodes[node.kids[0]];
  for (Value& item : items) {
    // What several variables take is a tuple from here on, as in Jinja.
    if (target.kind == Node::Kind::tuple) {
      item = TRY(list(TRY(iterate(item)), List::Form::tuple));
    }
    TRY(assign(target, item));
    if (truth(TRY(evaluate(node.kids[2])))) kept.push_back(std::move(item));
  }
  scope_ = outer;
  return kept;
}

Result<Evaluator::Flow> Evaluator::run_loop(const Node& node, const Value& items, size_t depth) {
  std::vector<Value> all = TRY(iterate(items));
  TRY(charge_memory(sizeof(LoopState) + sizeof(Scope)));
  LoopState* state = heap_.make<LoopState>();
  state->node = &node;
  state->scope = scope_;
  state->depth = depth;
  state->items = TRY(kept_items(node, std::move(all)));
  Scope* const outer = scope_;
  uint32_t loop_symbol = UINT32_MAX;
  for (uint32_t i = 0; i < syntax_.symbols.size(); ++i) {
    if (syntax_.symbols[i] == "loop") loop_symbol = i;
  }
  Scope* inner = nullptr;
  bool ended =
      false;  // a round that ran to its end: one that was left counts for none, as in Jinja
  for (; state->index < state->items.size(); ++state->index) {
    TRY(step());
    if (inner == nullptr || inner->captured) {
      TRY(charge_memory(sizeof(Scope)));
      inner = heap_.make<Scope>();
      inner->parent = outer;
    }
    inner->variables.clear();
    if (loop_symbol != UINT32_MAX) inner->set(loop_symbol, state);
    scope_ = inner;
    TRY(assign(syntax_.nodes[node.kids[0]], state->items[state->index]));
    const Flow flow = TRY(execute(node.kids[3]));
    scope_ = outer;
    ended |= flow == Flow::on;
    if (flow == Flow::out) break;
  }
  if (!ended && node.kids[4] != kNoNode) {
    TRY(charge_memory(sizeof(Scope)));
    scope_ = heap_.make<Scope>();
    scope_->parent = outer;
    const Flow flow = TRY(execute(node.kids[4]));
    scope_ = outer;
    return flow;
  }
  return Flow::on;
}

// What a body writes, with `scope` as its own.
Result<Value> Evaluator::captured_output(NodeId body, Scope* scope) {
  MarkedBuilder captured;
  MarkedBuilder* const outer_out = std::exchange(out_, &captured);
  Scope* const outer_scope = std::exchange(scope_, scope);
  const auto flow = execute(body);
  out_ = outer_out;
  scope_ = outer_scope;
  if (!flow) return flow.error();
  return Value(captured.take());
}

Result<Evaluator::Flow> Evaluator::execute_scope(const Node& node) {
  TRY(charge_memory(sizeof(Scope)));
  Scope* inner = heap_.make<Scope>();
  inner->parent = scope_;
  Scope* const outer = std::exchange(scope_, inner);
  const Flow flow = TRY(execute(node.kids[0]));
  scope_ = outer;
  return flow;
}

Result<Evaluator::Flow> Evaluator::execute_with(const Node& node) {
  TRY(charge_memory(sizeof(Scope)));
  Scope* inner = heap_.make<Scope>();
  inner->parent = scope_;
  // All values are those outside of it.
  for (size_t i = 0; i + 1 < node.kids.size(); i += 2) {
    Value value = TRY(evaluate(node.kids[i + 1]));
    Scope* const outer = std::exchange(scope_, inner);
    const Status done = assign(syntax_.nodes[node.kids[i]], std::move(value));
    scope_ = outer;
    if (!done) return done.error();
  }
  Scope* const outer = std::exchange(scope_, inner);
  const Flow flow = TRY(execute(node.kids.back()));
  scope_ = outer;
  return flow;
}

Status Evaluator::execute_filter_block(const Node& node) {
  TRY(charge_memory(sizeof(Scope)));
  Scope* inner = heap_.make<Scope>();
  inner->parent = scope_;
  Value made = TRY(captured_output(node.kids[1], inner));
  const Value outer = std::exchange(captured_, std::move(made));
  const Value filtered = TRY(evaluate(node.kids[0]));
  captured_ = outer;
  return write(filtered);
}

Status Evaluator::execute_assign_block(const Node& node) {
  TRY(charge_memory(sizeof(Scope)));
  Scope* inner = heap_.make<Scope>();
  inner->parent = scope_;
  Value made = TRY(captured_output(node.kids[2], inner));
  const Value outer = std::exchange(captured_, std::move(made));
  Value filtered = TRY(evaluate(node.kids[1]));
  captured_ = outer;
  return assign(syntax_.nodes[node.kids[0]], std::move(filtered));
}

Value Evaluator::make_macro(const Node& node, NodeId body, std::string_view name) {
  Callable* made = heap_.make<Callable>();
  made->name = name;
  made->macro = &node;
  made->body = body;
  made->scope = scope_;
  for (Scope* scope = scope_; scope != nullptr; scope = scope->parent) scope->captured = true;
  return made;
}

Status Evaluator::execute_call(const Node& node) {
  TRY(charge_memory(sizeof(Callable)));
  const Node& called = syntax_.nodes[node.kids[0]];
  const Value callee = TRY(evaluate(called.kids[0]));
  Arguments arguments = TRY(evaluate(called.arguments));
  arguments.named.emplace_back("caller", make_macro(node, node.kids[1], "caller"));
  line_ = node.line;
  return write(TRY(call(callee, std::move(arguments))));
}

// Does the body read the name?
bool Evaluator::uses(NodeId body, std::string_view name) const {
  std::vector<NodeId> open{body};
  while (!open.empty()) {
    const Node& node = syntax_.nodes[open.back()];
    open.pop_back();
    if (node.kind == Node::Kind::name && syntax_.symbols[node.symbol] == name) return true;
    for (const NodeId kid : node.kids) {
      if (kid != kNoNode) open.push_back(kid);
    }
    for (const Argument& argument : node.arguments) {
      if (argument.value != kNoNode) open.push_back(argument.value);
    }
  }
  return false;
}

Result<Value> Evaluator::call_macro(const Callable& macro, Arguments arguments) {
  const auto& parameters = macro.macro->arguments;
  const auto symbol = [&](std::string_view name) {
    const auto found = std::find(syntax_.symbols.begin(), syntax_.symbols.end(), name);
    return static_cast<uint32_t>(found - syntax_.symbols.begin());
  };
  TRY(charge_memory(sizeof(Scope)));
  Scope* inner = heap_.make<Scope>();
  inner->parent = macro.scope;
  std::vector<std::optional<Value>> given(parameters.size());
  std::vector<Value> more;
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    if (i < given.size()) {
      given[i] = std::move(arguments.positional[i]);
    } else {
      more.push_back(std::move(arguments.positional[i]));
    }
  }
  if (!more.empty() && !uses(macro.body, "varargs")) {
    return error("macro `{}` takes not more than {} argument(s)", macro.name, given.size());
  }
  Map* rest = TRY(map());
  std::optional<Value> caller;
  for (auto& [name, value] : arguments.named) {
    size_t place = 0;
    while (place < given.size() && parameters[place].name != name) ++place;
    if (place < given.size()) {
      if (given[place]) return error("macro `{}` is given `{}` twice", macro.name, name);
      given[place] = std::move(value);
    } else if (name == "caller" && uses(macro.body, "caller")) {
      caller = std::move(value);
    } else if (uses(macro.body, "kwargs")) {
      TRY(set(*rest, Marked(name, true), std::move(value)));
    } else {
      return error("macro `{}` takes no argument `{}`", macro.name, printable(name));
    }
  }
  inner->set(symbol("varargs"), TRY(list(std::move(more), List::Form::tuple)));
  inner->set(symbol("kwargs"), rest);
  inner->set(symbol("caller"), caller ? *caller : undefined("no caller defined"));
  Scope* const outer = scope_;
  for (size_t i = 0; i < given.size(); ++i) {
    if (!given[i] && parameters[i].value != kNoNode) {
      scope_ = inner;
      auto value = evaluate(parameters[i].value);
      scope_ = outer;
      given[i] = TRY(std::move(value));
    }
    if (!given[i]) {
      given[i] = undefined(fmt::format("parameter '{}' was not provided", parameters[i].name));
    }
    inner->set(symbol(parameters[i].name), *given[i]);
  }
  return captured_output(macro.body, inner);
}

Result<Value> Evaluator::call_loop(const LoopState& loop, Arguments arguments) {
  if (!loop.node->flag) return error("the loop is not `recursive`");
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    return error("loop() takes one argument");
  }
  MarkedBuilder captured;
  MarkedBuilder* const outer_out = std::exchange(out_, &captured);
  Scope* const outer_scope = std::exchange(scope_, loop.scope);
  const auto flow = run_loop(*loop.node, arguments.positional[0], loop.depth + 1);
  out_ = outer_out;
  scope_ = outer_scope;
  if (!flow) return flow.error();
  return Value(captured.take());
}

Result<Value> Evaluator::call(const Value& callee, Arguments arguments) {
  TRY(enter());
  const Level level(*this);
  if (callee.is(Value::Kind::undefined)) return undefined_error(callee);
  if (callee.is(Value::Kind::loop)) return call_loop(callee.loop(), std::move(arguments));
  if (!callee.is(Value::Kind::callable)) return error("a {} cannot be called", type_name(callee));
  const Callable& callable = callee.callable();
  if (callable.function == nullptr) return call_macro(callable, std::move(arguments));
  Call call{*this, callable.name, callable.self, std::move(arguments)};
  return callable.function(call);
}

}  // namespace hone::jinja
