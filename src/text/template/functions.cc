// The functions that templates call: range, dict, namespace, raise_exception, strftime_now.
#include <algorithm>

#include "base/text.h"
#include "text/template/evaluator.h"
#include "text/template/strftime.h"

namespace hone::jinja {
namespace {

Result<Value> range(Call& c) {
  constexpr int64_t kMost = 100'000;  // as Jinja's sandbox
  const auto& given = c.arguments.positional;
  if (given.empty() || given.size() > 3 || !c.arguments.named.empty()) {
    return c.run.error("range() takes one to three integers");
  }
  for (const Value& value : given) {
    if (value.is(Value::Kind::undefined)) return c.run.undefined_error(value);
    if (!value.is_integral())
      return c.run.error("range() takes integers, not a {}", type_name(value));
  }
  const int64_t start = given.size() > 1 ? given[0].integer() : 0;
  const int64_t stop = given[given.size() > 1 ? 1 : 0].integer();
  const int64_t step = given.size() > 2 ? given[2].integer() : 1;
  if (step == 0) return c.run.error("the step of range() is zero");
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() == kMost) return c.run.error("range() of more than {} integers", kMost);
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  const Value made = TRY(c.run.list(std::move(items), List::Form::range));
  made.list().start = start;
  made.list().stop = stop;
  made.list().step = step;
  return made;
}

// Pairs of a map, or of a list of pairs, then what was named.
Result<Map*> pairs(Call& c) {
  Map* made = TRY(c.run.map());
  if (c.arguments.positional.size() > 1) return c.run.error("{}() takes one dict", c.name);
  for (const Value& value : c.arguments.positional) {
    if (value.is(Value::Kind::map)) {
      for (const auto& [key, inner] : value.map().items) TRY(c.run.set(*made, key, inner));
      continue;
    }
    for (const Value& pair : TRY(c.run.iterate(value))) {
      const std::vector<Value> parts = TRY(c.run.iterate(pair));
      if (parts.size() != 2) return c.run.error("{}() takes a dict, or pairs", c.name);
      TRY(c.run.set(*made, parts[0], parts[1]));
    }
  }
  for (const auto& [key, value] : c.arguments.named)
    TRY(c.run.set(*made, Marked(key, true), value));
  return made;
}

Result<Value> dict(Call& c) { return Value(TRY(pairs(c))); }

Result<Value> make_space(Call& c) {
  const Map* from = TRY(pairs(c));
  Space* made = c.run.heap().make<Space>();
  for (const auto& [key, value] : from->items) {
    if (!key.is(Value::Kind::text)) return c.run.error("namespace() needs strings as keys");
    made->attributes.emplace_back(key.text().bytes(), value);
  }
  return Value(made);
}

Result<Value> raise_exception(Call& c) {
  constexpr std::string_view kNames[] = {"message"};
  const auto given = TRY(c.bind(kNames));
  const Marked message = given[0] ? TRY(c.run.show(*given[0])) : Marked();
  return fail(ErrorId::template_refused, "chat template: " + printable(message.bytes()));
}

Result<Value> strftime_now(Call& c) {
  constexpr std::string_view kNames[] = {"format"};
  const auto given = TRY(c.bind(kNames));
  if (!given[0] || !given[0]->is(Value::Kind::text)) {
    return c.run.error("strftime_now() takes a string");
  }
  TRY(c.run.work(given[0]->text().size() * 16));
  auto text = format_time(given[0]->text().bytes(), *c.run.options().now);
  if (!text) return c.run.error("{}", text.error().message);
  return c.run.text(text.take(), given[0]->text().trusted());
}

constexpr Named kFunctions[] = {
    {"range", range},
    {"dict", dict},
    {"namespace", make_space},
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
};

}  // namespace

Builtin find_function(std::string_view name) {
  return find_in(kFunctions, std::size(kFunctions), name);
}

}  // namespace hone::jinja
