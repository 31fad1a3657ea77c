#include "ir/match.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/check.h"
#include "base/text.h"
#include "ir/body.h"

namespace hone {
namespace {

using syntax::Argument;
using syntax::AttrText;
using syntax::Element;

// Constants that differ by less, relative to the larger, are the same number written differently:
// with as many digits as the dtype of the model holds.
bool close(double a, double b, DType dtype) {
  const double tolerance = dtype == DType::f64 ? 1e-14 : 1e-6;
  return a == b || std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b));
}

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto r = std::from_chars(text.data(), text.data() + text.size(), value);
  if (r.ec != std::errc{} || r.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// Nothing but what may leave the match is used from outside.
bool is_closed(const Graph& graph, const Match& match, const std::vector<ValueId>& leaving) {
  for (NodeId n : match.nodes)
    for (ValueId v : graph[n].outputs) {
      if (std::find(leaving.begin(), leaving.end(), v) != leaving.end()) continue;
      if (graph.is_output(v)) return false;
      for (NodeId user : graph[v].users)
        if (std::find(match.nodes.begin(), match.nodes.end(), user) == match.nodes.end())
          return false;
    }
  return true;
}

size_t count_calls(const syntax::Call& call) {
  size_t n = 1;
  for (const Argument& a : call.arguments)
    if (a.kind == Argument::Kind::call) n += count_calls(a.call[0]);
  return n;
}

}  // namespace

// One attempt at one root. Recursion follows the pattern, whose size is ours, not the graph.
class Pattern::Search {
 public:
  // `ranked`: is the number of axes of the root known?
  Search(const Pattern& pattern, const Model& model, const Graph& graph, bool ranked)
      : pattern_(pattern), model_(model), graph_(graph), ranked_(ranked) {}

  bool call(const syntax::Call& c, ValueId value, const syntax::Statement* statement, size_t slot) {
    const NodeId producer = graph_[value].producer;
    if (!producer.valid() || graph_[value].slot != slot) return false;
    const Node& node = graph_[producer];
    if (node.op->name != c.op) return false;
    if (std::find(match_.nodes.begin(), match_.nodes.end(), producer) == match_.nodes.end())
      match_.nodes.push_back(producer);
    if (statement)
      for (size_t i = 0; i < statement->results.size(); ++i) {
        if (statement->results[i].unused) continue;
        if (i >= node.outputs.size()) return false;
        if (!bind(statement->results[i].name, node.outputs[i])) return false;
      }
    return attributes(c, node) && arguments(c, node);
  }

  Match take() { return std::move(match_); }

 private:
  bool bind(const std::string& name, ValueId value) {
    auto [it, fresh] = match_.values.emplace(name, value);
    return fresh || it->second == value;
  }

  bool arguments(const syntax::Call& c, const Node& node) {
    std::vector<ValueId> inputs = node.inputs;
    if (inputs.size() > c.arguments.size()) return false;
    inputs.resize(c.arguments.size());
    const Match saved = match_;
    if (in_order(c, inputs)) return true;
    if (!node.op->is(Trait::commutative) || inputs.size() < 2) return false;
    match_ = saved;
    std::swap(inputs[0], inputs[1]);
    return in_order(c, inputs);
  }

  bool in_order(const syntax::Call& c, const std::vector<ValueId>& inputs) {
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!argument(c.arguments[i], inputs[i])) return false;
    return true;
  }

  bool argument(const Argument& a, ValueId value) {
    if (a.kind == Argument::Kind::missing) return !value.valid();
    if (!value.valid()) return false;
    switch (a.kind) {
      case Argument::Kind::call: return call(a.call[0], value, nullptr, 0);
      case Argument::Kind::literal: return literal(a.literal, value);
      case Argument::Kind::value: break;
      default: return false;
    }
    if (auto it = match_.values.find(a.name); it != match_.values.end()) return it->second == value;
    auto defined = pattern_.definitions_.find(a.name);
    if (defined == pattern_.definitions_.end()) return bind(a.name, value);  // an input
    const syntax::Statement& s = *defined->second;
    for (size_t slot = 0; slot < s.results.size(); ++slot)
      if (s.results[slot].name == a.name) return call(s.call, value, &s, slot);
    return false;
  }

  bool literal(const syntax::Literal& l, ValueId value) {
    const Value& v = graph_[value];
    if (v.kind != Value::Kind::constant) return false;
    const TensorType& type = v.type.tensor;
    if (l.dtype && *l.dtype != type.dtype) return false;
    if (type.dtype == DType::string || is_complex(type.dtype)) return false;
    const auto count = element_count(type.shape).constant();
    if (!count || *count < 1 || *count > kMaxKnown) return false;
    const auto tensor = model_.read(v.constant);
    if (!tensor) return false;
    if (l.shape.empty() && !l.dtype) return uniform(l.elements[0], *tensor);
    if (l.elements.size() == 1 && l.elements[0].kind == Element::Kind::variable &&
        l.shape.size() == 1)
      return list_variable(l.elements[0].text, *tensor);
    if (tensor->shape() != l.shape || int64_t(l.elements.size()) != tensor->count()) return false;
    for (size_t i = 0; i < l.elements.size(); ++i)
      if (!element(l.elements[i], *tensor, int64_t(i))) return false;
    return true;
  }

  // A bare number matches a constant of one repeated value. Where it has axes of its own it may
  // broadcast: types tell whether it does, but not for an unknown number of axes.
  bool uniform(const Element& e, const Tensor& t) {
    if (!ranked_ && t.rank() > 0) return false;
    for (int64_t i = 0; i < t.count(); ++i)
      if (!element(e, t, i)) return false;
    return true;
  }

  bool element(const Element& e, const Tensor& t, int64_t i) {
    if (e.kind == Element::Kind::variable) {
      const AttrDef* def = declared(e.text);
      if (!def) return false;
      if (def->kind == AttrKind::integer && is_integer(t.dtype()))
        return bind_attr(e.text, load_integer(t, i));
      if (def->kind == AttrKind::real) return bind_attr(e.text, real_attr(load_real(t, i)));
      return false;
    }
    const auto wanted = number_of(e.text);
    if (e.kind != Element::Kind::number || !wanted) return false;
    const double actual = load_real(t, i);
    if (actual == 0 && *wanted != 0) return false;  // too small for the dtype: it was no divisor
    // A half model holds the number as its dtype rounds it.
    return close(*wanted, actual, t.dtype()) ||
           (is_float(t.dtype()) && load_real(Tensor::scalar(t.dtype(), *wanted), 0) == actual);
  }

  // `i64[n]{$axes}`: a list, or a single integer.
  bool list_variable(const std::string& name, const Tensor& t) {
    const AttrDef* def = declared(name);
    if (!def || t.rank() > 1) return false;
    if (def->kind == AttrKind::integers) return bind_attr(name, integers(t));
    return t.count() == 1 && element({Element::Kind::variable, name}, t, 0);
  }

  const AttrDef* declared(const std::string& name) const {
    for (const AttrDef& d : pattern_.op_->attrs)
      if (d.name == name) return &d;
    return nullptr;
  }

  bool bind_attr(const std::string& name, Attr value) {
    for (const auto& [known, bound] : match_.attrs)
      if (known == name) return bound == value;
    match_.attrs.emplace_back(name, std::move(value));
    return true;
  }

  // Attributes written in the pattern must be so in the graph; all others must be defaults.
  bool attributes(const syntax::Call& c, const Node& node) {
    const Infer view(*node.op, node.attrs, {}, node.outputs.size(), &model_);
    const DType dtype = graph_[node.outputs[0]].type.tensor.dtype;
    for (const AttrDef& def : node.op->attrs) {
      const auto actual = view.attribute(def.name);
      const AttrText* wanted = nullptr;
      for (const auto& [key, text] : c.attrs)
        if (key == def.name) wanted = &text;
      if (!wanted) {
        if (actual != def.fallback) return false;
        continue;
      }
      if (!actual || !attribute(*wanted, *actual, dtype)) return false;
    }
    return true;
  }

  bool attribute(const AttrText& wanted, const Attr& actual, DType dtype) {
    switch (wanted.kind) {
      case AttrText::Kind::variable: return declared(wanted.text) && bind_attr(wanted.text, actual);
      case AttrText::Kind::text:
        return std::holds_alternative<std::string>(actual) &&
               std::get<std::string>(actual) == wanted.text;
      case AttrText::Kind::number:
      case AttrText::Kind::wide: {
        const auto number = number_of(wanted.text);
        if (!number) return false;
        if (const auto* i = std::get_if<int64_t>(&actual)) return double(*i) == *number;
        if (const auto* f = std::get_if<float>(&actual)) return close(*f, *number, dtype);
        if (const auto* f = std::get_if<double>(&actual)) return close(*f, *number, dtype);
        return false;
      }
      case AttrText::Kind::word: {
        const auto dtype = dtype_named(wanted.text);
        return dtype && std::holds_alternative<DType>(actual) && std::get<DType>(actual) == *dtype;
      }
      case AttrText::Kind::list: {
        const auto* list = std::get_if<Integers>(&actual);
        if (!list || list->size() != wanted.list.size()) return false;
        for (size_t i = 0; i < list->size(); ++i)
          if (const auto n = number_of(wanted.list[i].text); !n || *n != double((*list)[i]))
            return false;
        return true;
      }
      case AttrText::Kind::graph: return false;
    }
    return false;
  }

  const Pattern& pattern_;
  const Model& model_;
  const Graph& graph_;
  const bool ranked_;
  Match match_;
};

Pattern::Pattern(const OpDef& op, const syntax::GraphText& text, Attributes fixed)
    : op_(&op), text_(&text), fixed_(std::move(fixed)) {
  for (const syntax::Statement& s : text.statements) {
    calls_ += count_calls(s.call);
    for (const syntax::ResultName& r : s.results)
      if (!r.unused) definitions_.emplace(r.name, &s);
  }
  const auto root = definitions_.find(text.outputs.at(0).second.name);
  CHECK(root != definitions_.end());
  root_ = &root->second->call;
  for (const auto& [interface, argument] : text.outputs)
    may_leave_.push_back(may_leave_.empty() || depends_on_all_inputs(argument.name));
}

bool Pattern::depends_on_all_inputs(const std::string& output) const {
  std::set<std::string> seen;
  std::vector<const syntax::Call*> todo;
  auto visit = [&](const std::string& name) {
    const auto at = definitions_.find(name);
    if (seen.insert(name).second && at != definitions_.end()) todo.push_back(&at->second->call);
  };
  visit(output);
  while (!todo.empty()) {
    const syntax::Call& c = *todo.back();
    todo.pop_back();
    for (const Argument& a : c.arguments) {
      if (a.kind == Argument::Kind::value) visit(a.name);
      if (a.kind == Argument::Kind::call) todo.push_back(&a.call[0]);
    }
  }
  return std::all_of(text_->inputs.begin(), text_->inputs.end(),
                     [&](const auto& input) { return seen.contains(input.name); });
}

std::optional<Match> Pattern::find(const Model& model, const Graph& graph, NodeId root) const {
  const Node& node = graph[root];
  const std::string& output = text_->outputs[0].second.name;
  const syntax::Statement& s = *definitions_.at(output);
  size_t slot = 0;
  while (s.results[slot].name != output) ++slot;
  if (slot >= node.outputs.size()) return std::nullopt;
  const bool ranked = graph[node.outputs[slot]].type.tensor.shape.ranked;
  Search search(*this, model, graph, ranked);
  if (!search.call(s.call, node.outputs[slot], &s, slot)) return std::nullopt;
  Match match = search.take();
  match.attrs.insert(match.attrs.end(), fixed_.begin(), fixed_.end());
  for (const auto& p : text_->inputs)
    if (!match.values.contains(p.name)) return std::nullopt;
  for (const auto& [name, argument] : text_->outputs)
    if (!match.values.contains(argument.name)) return std::nullopt;
  std::vector<ValueId> leaving;
  for (size_t i = 0; i < may_leave_.size(); ++i)
    if (may_leave_[i]) leaving.push_back(match.values.at(text_->outputs[i].second.name));
  if (!is_closed(graph, match, leaving)) return std::nullopt;
  return match;
}

std::vector<ValueId> Pattern::inputs(const Match& match) const {
  std::vector<ValueId> out;
  for (const auto& p : text_->inputs) out.push_back(match.values.at(p.name));
  return out;
}

std::vector<ValueId> Pattern::outputs(const Match& match) const {
  std::vector<ValueId> out;
  for (const auto& [name, argument] : text_->outputs) out.push_back(match.values.at(argument.name));
  return out;
}

}  // namespace hone
