// The operators of the evaluator: comparison, arithmetic, membership, iteration.
#include <cmath>

#include "text/template/evaluator.h"
#include "text/template/text_operations.h"

namespace hone::jinja {

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::undefined: return "Undefined";
    case Value::Kind::none: return "NoneType";
    case Value::Kind::boolean: return "bool";
    case Value::Kind::integer: return "int";
    case Value::Kind::real: return "float";
    case Value::Kind::text: return "str";
    case Value::Kind::list:
      switch (value.list().form) {
        case List::Form::list: return "list";
        case List::Form::tuple: return "tuple";
        case List::Form::range: return "range";
        case List::Form::view: return value.list().shown_as;
        case List::Form::generator: return "generator";
      }
      return "list";
    case Value::Kind::map: return "dict";
    case Value::Kind::space: return "namespace";
    case Value::Kind::callable: return "function";
    case Value::Kind::loop: return "loop";
  }
  return "value";
}

bool Evaluator::truth(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::undefined:
    case Value::Kind::none: return false;
    case Value::Kind::boolean: return value.boolean();
    case Value::Kind::integer: return value.integer() != 0;
    case Value::Kind::real: return value.real() != 0;
    case Value::Kind::text: return !value.text().empty();
    case Value::Kind::list:
      return value.list().form == List::Form::generator || !value.list().items.empty();
    case Value::Kind::map: return !value.map().items.empty();
    default: return true;
  }
}

namespace {

// What compares as what: a tuple is never a list.
bool same_form(const List& a, const List& b) {
  return a.form == b.form && a.form != List::Form::generator && a.form != List::Form::view;
}

}  // namespace

Result<bool> Evaluator::equal(const Value& a, const Value& b) {
  TRY(enter());
  const Level level(*this);
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) return a.integer() == b.integer();
    return a.real() == b.real();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::undefined:
    case Value::Kind::none: return true;
    case Value::Kind::text: return a.text().bytes() == b.text().bytes();
    case Value::Kind::list: {
      if (&a.list() == &b.list()) return true;
      if (!same_form(a.list(), b.list())) return false;
      const auto& left = a.list().items;
      const auto& right = b.list().items;
      if (left.size() != right.size()) return false;
      for (size_t i = 0; i < left.size(); ++i) {
        if (!TRY(equal(left[i], right[i]))) return false;
      }
      return true;
    }
    case Value::Kind::map: {
      if (&a.map() == &b.map()) return true;
      if (a.map().items.size() != b.map().items.size()) return false;
      for (const auto& [key, value] : a.map().items) {
        const Value* other = b.map().find(key);
        if (other == nullptr || !TRY(equal(value, *other))) return false;
      }
      return true;
    }
    case Value::Kind::space: return &a.space() == &b.space();
    case Value::Kind::callable: return &a.callable() == &b.callable();
    case Value::Kind::loop: return &a.loop() == &b.loop();
    default: return false;
  }
}

Result<int> Evaluator::order(const Value& a, const Value& b) {
  TRY(enter());
  const Level level(*this);
  for (const Value* value : {&a, &b}) {
    if (value->is(Value::Kind::undefined)) return undefined_error(*value);
  }
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) {
      return a.integer() < b.integer() ? -1 : a.integer() > b.integer() ? 1 : 0;
    }
    return a.real() < b.real() ? -1 : a.real() > b.real() ? 1 : 0;
  }
  if (a.is(Value::Kind::text) && b.is(Value::Kind::text)) {
    return a.text().bytes().compare(b.text().bytes());
  }
  if (a.is(Value::Kind::list) && b.is(Value::Kind::list) && same_form(a.list(), b.list())) {
    const auto& left = a.list().items;
    const auto& right = b.list().items;
    for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
      if (!TRY(equal(left[i], right[i]))) return order(left[i], right[i]);
    }
    return left.size() < right.size() ? -1 : left.size() > right.size() ? 1 : 0;
  }
  return error("a {} and a {} have no order", type_name(a), type_name(b));
}

Result<bool> Evaluator::contains(const Value& container, const Value& item) {
  TRY(enter());
  const Level level(*this);
  switch (container.kind()) {
    case Value::Kind::text:
      if (!item.is(Value::Kind::text)) {
        return error("`in` a string needs a string, not a {}", type_name(item));
      }
      TRY(work(container.text().size()));
      return find_text(container.text().bytes(), item.text().bytes()) != std::string_view::npos;
    case Value::Kind::map:
      if (item.is(Value::Kind::list) && item.list().form == List::Form::tuple) {
        for (const Value& part : item.list().items) TRY(contains(container, part));
        return false;
      }
      if (item.is(Value::Kind::list) || item.is(Value::Kind::map)) {
        return error("a {} cannot be the key of a dict", type_name(item));
      }
      return container.map().find(item) != nullptr;
    case Value::Kind::undefined: return false;
    case Value::Kind::list: {
      for (const Value& one : TRY(iterate(container))) {
        if (TRY(equal(one, item))) return true;
      }
      return false;
    }
    default: return error("`in` cannot look into a {}", type_name(container));
  }
}

Result<Value> Evaluator::add(const Value& a, const Value& b) {
  if (a.is(Value::Kind::text) && b.is(Value::Kind::text)) {
    TRY(work(a.text().size() + b.text().size()));
    MarkedBuilder joined;
    joined.add(a.text());
    joined.add(b.text());
    return Value(joined.take());
  }
  if (a.is(Value::Kind::list) && b.is(Value::Kind::list) && same_form(a.list(), b.list()) &&
      a.list().form != List::Form::range) {
    std::vector<Value> items = a.list().items;
    items.insert(items.end(), b.list().items.begin(), b.list().items.end());
    return list(std::move(items), a.list().form);
  }
  return arithmetic(Node::Kind::add, a, b);
}

// A text or list so many times.
Result<Value> Evaluator::repeat(const Value& what, int64_t times) {
  const auto count = static_cast<uint64_t>(std::max<int64_t>(times, 0));
  if (what.is(Value::Kind::text)) {
    const Marked& text = what.text();
    if (text.empty() || count == 0) return Value(Marked());
    TRY(work(count > limits_.output / text.size() ? UINT64_MAX : count * text.size()));
    MarkedBuilder made;
    for (uint64_t i = 0; i < count; ++i) made.add(text);
    return Value(made.take());
  }
  const auto& items = what.list().items;
  if (!items.empty()) {
    TRY(charge_memory(count > limits_.memory / items.size() ? UINT64_MAX : count * items.size()));
  }
  std::vector<Value> made;
  for (uint64_t i = 0; i < count && !items.empty(); ++i) {
    made.insert(made.end(), items.begin(), items.end());
    if (made.size() > limits_.memory / sizeof(Value)) break;  // list() refuses it
  }
  return list(std::move(made), what.list().form);
}

Result<Value> Evaluator::arithmetic(Node::Kind kind, const Value& a, const Value& b) {
  if (kind == Node::Kind::modulo && a.is(Value::Kind::text)) {
    return format_text(*this, a.text(), b);
  }
  for (const Value* value : {&a, &b}) {
    if (value->is(Value::Kind::undefined)) return undefined_error(*value);
  }
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) {
      return integer_arithmetic(kind, a.integer(), b.integer());
    }
    return real_arithmetic(kind, a.real(), b.real());
  }
  const auto repeats = [](const Value& value) {
    return value.is(Value::Kind::text) ||
           (value.is(Value::Kind::list) &&
            (value.list().form == List::Form::list || value.list().form == List::Form::tuple));
  };
  if (kind == Node::Kind::multiply && repeats(a) && b.is_integral()) return repeat(a, b.integer());
  if (kind == Node::Kind::multiply && repeats(b) && a.is_integral()) return repeat(b, a.integer());
  constexpr std::string_view kSigns[] = {"+", "-", "*", "/", "//", "%", "**"};
  const auto sign = static_cast<size_t>(kind) - static_cast<size_t>(Node::Kind::add);
  return error("`{}` takes no {} and {}{}", sign < std::size(kSigns) ? kSigns[sign] : "?",
               type_name(a), type_name(b),
               kind == Node::Kind::add && (a.is(Value::Kind::text) || b.is(Value::Kind::text))
                   ? "; `~` joins anything"
                   : "");
}

namespace {

int64_t floor_divided(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

double floor_modulo(double a, double b) {
  double left = std::fmod(a, b);
  if (left != 0 && (left < 0) != (b < 0)) left += b;
  return left == 0 ? std::copysign(0.0, b) : left;
}

bool multiply_overflows(int64_t a, int64_t b, int64_t& out) {
  return __builtin_mul_overflow(a, b, &out);
}

}  // namespace

Result<Value> Evaluator::integer_arithmetic(Node::Kind kind, int64_t a, int64_t b) {
  int64_t made = 0;
  bool overflow = false;
  switch (kind) {
    case Node::Kind::add: overflow = __builtin_add_overflow(a, b, &made); break;
    case Node::Kind::subtract: overflow = __builtin_sub_overflow(a, b, &made); break;
    case Node::Kind::multiply: overflow = multiply_overflows(a, b, made); break;
    case Node::Kind::power: {
      if (b < 0) return real_arithmetic(kind, static_cast<double>(a), static_cast<double>(b));
      made = 1;
      for (int64_t base = a; b > 0;) {
        if (b % 2 != 0) overflow |= multiply_overflows(made, base, made);
        b /= 2;
        if (b > 0) overflow |= multiply_overflows(base, base, base);
        if (overflow) break;
      }
      break;
    }
    default:
      if (b == 0) return error("division by zero");
      if (kind == Node::Kind::divide) {
        return Value(static_cast<double>(a) / static_cast<double>(b));
      }
      if (a == INT64_MIN && b == -1) {
        overflow = kind == Node::Kind::floor_divide;
      } else if (kind == Node::Kind::floor_divide) {
        made = floor_divided(a, b);
      } else {
        made = a - floor_divided(a, b) * b;
      }
  }
  if (overflow) return error("an integer does not fit in 64 bits");
  return Value(made);
}

Result<Value> Evaluator::real_arithmetic(Node::Kind kind, double a, double b) {
  switch (kind) {
    case Node::Kind::add: return Value(a + b);
    case Node::Kind::subtract: return Value(a - b);
    case Node::Kind::multiply: return Value(a * b);
    case Node::Kind::power: {
      if (a == 0 && b < 0) return error("zero cannot be raised to a negative power");
      if (a < 0 && b != std::floor(b) && std::isfinite(b)) {
        return error("a negative number cannot be raised to a fraction");
      }
      const double made = std::pow(a, b);
      if (std::isinf(made) && std::isfinite(a) && std::isfinite(b)) {
        return error("a power is out of range");
      }
      return Value(made);
    }
    default: break;
  }
  if (b == 0) return error("division by zero");
  if (kind == Node::Kind::divide) return Value(a / b);
  const double left = floor_modulo(a, b);
  if (kind == Node::Kind::modulo) return Value(left);
  // As Python: the quotient is made of what the modulo leaves.
  const double quotient = (a - left) / b;
  if (quotient == 0) return Value(std::copysign(0.0, a / b));
  double whole = std::floor(quotient);
  if (quotient - whole > 0.5) whole += 1;
  return Value(whole);
}

Result<std::vector<Value>> Evaluator::iterate(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::undefined: return std::vector<Value>{};
    case Value::Kind::text: {
      const Marked& text = value.text();
      TRY(charge_memory(text.length() * (sizeof(Value) + 64)));
      TRY(step(text.length()));
      std::vector<Value> made;
      made.reserve(text.length());
      for (size_t at = 0; at < text.size();) {
        const size_t bytes = code_point_bytes(text.bytes(), at);
        made.emplace_back(text.part(at, bytes));
        at += bytes;
      }
      return made;
    }
    case Value::Kind::list: {
      List& list = value.list();
      TRY(step(list.items.size() / 8));
      if (list.form != List::Form::generator) return list.items;
      const auto from = list.items.begin() + static_cast<ptrdiff_t>(list.taken);
      std::vector<Value> made(from, list.items.end());
      list.taken = list.items.size();
      return made;
    }
    case Value::Kind::map: {
      const auto& items = value.map().items;
      TRY(step(items.size() / 8));
      std::vector<Value> made;
      made.reserve(items.size());
      for (const auto& [key, inner] : items) made.push_back(key);
      return made;
    }
    default: return error("a {} cannot be gone through", type_name(value));
  }
}

Result<std::optional<size_t>> Evaluator::length(const Value& value) {
  using Length = std::optional<size_t>;
  switch (value.kind()) {
    case Value::Kind::undefined: return Length(0);
    case Value::Kind::text: return Length(value.text().length());
    case Value::Kind::list:
      if (value.list().form == List::Form::generator) return Length();
      return Length(value.list().items.size());
    case Value::Kind::map: return Length(value.map().items.size());
    case Value::Kind::loop: return Length(value.loop().items.size());
    default: return Length();
  }
}

}  // namespace hone::jinja
