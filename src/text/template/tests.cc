// The tests of templates: `x is defined`.
#include <algorithm>

#include "text/template/characters.h"
#include "text/template/evaluator.h"

namespace hone::jinja {
namespace {

using Kind = Value::Kind;

template <class Holds>
Result<Value> plain(Call& c, Holds holds) {
  TRY(c.no_arguments());
  return Value(holds(c.self));
}

// The one argument of a test.
Result<Value> other(Call& c) {
  if (c.arguments.positional.size() != 1 || !c.arguments.named.empty()) {
    return c.run.error("the test `{}` takes one value", c.name);
  }
  return c.arguments.positional[0];
}

template <Kind kKind>
Result<Value> is_kind(Call& c) {
  return plain(c, [](const Value& v) { return v.is(kKind); });
}

Result<Value> defined(Call& c) {
  return plain(c, [](const Value& v) { return !v.is(Kind::undefined); });
}
Result<Value> number(Call& c) {
  return plain(c, [](const Value& v) { return v.is_number(); });
}
Result<Value> is_true(Call& c) {
  return plain(c, [](const Value& v) { return v.is(Kind::boolean) && v.boolean(); });
}
Result<Value> is_false(Call& c) {
  return plain(c, [](const Value& v) { return v.is(Kind::boolean) && !v.boolean(); });
}
Result<Value> callable(Call& c) {
  return plain(c, [](const Value& v) {
    return v.is(Kind::callable) || v.is(Kind::undefined) || v.is(Kind::loop);
  });
}
Result<Value> iterable(Call& c) {
  return plain(c, [](const Value& v) {
    return v.is(Kind::undefined) || v.is(Kind::text) || v.is(Kind::list) || v.is(Kind::map) ||
           v.is(Kind::loop);
  });
}
Result<Value> sequence(Call& c) {
  return plain(c, [](const Value& v) {
    return v.is(Kind::undefined) || v.is(Kind::text) || v.is(Kind::map) ||
           (v.is(Kind::list) && v.list().form != List::Form::view &&
            v.list().form != List::Form::generator);
  });
}

// Is all that has case of this one, and something at all?
template <bool kUpper>
Result<Value> cased(Call& c) {
  TRY(c.no_arguments());
  const Marked text = TRY(c.run.show(c.self));
  bool some = false;
  for (std::string_view rest = text.bytes(); !rest.empty();) {
    const Character one = first_character(rest);
    if (kUpper ? is_lower(one.value) : is_upper(one.value)) return Value(false);
    some |= kUpper ? is_upper(one.value) : is_lower(one.value);
    rest.remove_prefix(one.bytes);
  }
  return Value(some);
}

Result<Value> equal(Call& c) { return Value(TRY(c.run.equal(c.self, TRY(other(c))))); }
Result<Value> differs(Call& c) { return Value(!TRY(c.run.equal(c.self, TRY(other(c))))); }
Result<Value> less(Call& c) { return Value(TRY(c.run.order(c.self, TRY(other(c)))) < 0); }
Result<Value> at_most(Call& c) { return Value(TRY(c.run.order(c.self, TRY(other(c)))) <= 0); }
Result<Value> greater(Call& c) { return Value(TRY(c.run.order(c.self, TRY(other(c)))) > 0); }
Result<Value> at_least(Call& c) { return Value(TRY(c.run.order(c.self, TRY(other(c)))) >= 0); }
Result<Value> in(Call& c) { return Value(TRY(c.run.contains(TRY(other(c)), c.self))); }

Result<Value> same_as(Call& c) {
  const Value b = TRY(other(c));
  const Value& a = c.self;
  if (a.kind() != b.kind()) return Value(false);
  if (a.is(Kind::list)) return Value(&a.list() == &b.list());
  if (a.is(Kind::map)) return Value(&a.map() == &b.map());
  if (a.is(Kind::text) || a.is_number()) return Value(TRY(c.run.equal(a, b)));
  return Value(a.is(Kind::none) || TRY(c.run.equal(a, b)));
}

Result<Value> divides(Call& c, const Value& by, int64_t left) {
  const Value rest = TRY(c.run.arithmetic(Node::Kind::modulo, c.self, by));
  return Value(TRY(c.run.equal(rest, Value(left))));
}
Result<Value> odd(Call& c) {
  TRY(c.no_arguments());
  return divides(c, Value(int64_t{2}), 1);
}
Result<Value> even(Call& c) {
  TRY(c.no_arguments());
  return divides(c, Value(int64_t{2}), 0);
}
Result<Value> divisible_by(Call& c) { return divides(c, TRY(other(c)), 0); }

template <Builtin (*kFind)(std::string_view)>
Result<Value> exists(Call& c) {
  TRY(c.no_arguments());
  return Value(c.self.is(Kind::text) && kFind(c.self.text().bytes()) != nullptr);
}

constexpr Named kTests[] = {
    {"defined", defined},
    {"undefined", is_kind<Kind::undefined>},
    {"none", is_kind<Kind::none>},
    {"string", is_kind<Kind::text>},
    {"mapping", is_kind<Kind::map>},
    {"boolean", is_kind<Kind::boolean>},
    {"integer", is_kind<Kind::integer>},
    {"float", is_kind<Kind::real>},
    {"number", number},
    {"true", is_true},
    {"false", is_false},
    {"iterable", iterable},
    {"sequence", sequence},
    {"callable", callable},
    {"lower", cased<false>},
    {"upper", cased<true>},
    {"odd", odd},
    {"even", even},
    {"divisibleby", divisible_by},
    {"sameas", same_as},
    {"in", in},
    {"eq", equal},
    {"equalto", equal},
    {"==", equal},
    {"ne", differs},
    {"!=", differs},
    {"lt", less},
    {"lessthan", less},
    {"<", less},
    {"le", at_most},
    {"<=", at_most},
    {"gt", greater},
    {"greaterthan", greater},
    {">", greater},
    {"ge", at_least},
    {">=", at_least},
    {"filter", exists<find_filter>},
    {"test", exists<find_test>},
};

}  // namespace

Builtin find_test(std::string_view name) { return find_in(kTests, std::size(kTests), name); }

}  // namespace hone::jinja
