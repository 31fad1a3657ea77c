#include "text/template/list_filters.h"

#include <algorithm>

#include "text/template/characters.h"
#include "text/template/text_operations.h"

namespace hone::jinja {
namespace {

using Kind = Value::Kind;

Result<Value> nothing(std::string_view what) {
  return Value(Undefined{std::make_shared<const std::string>(what)});
}

// The value at a path "a.b.0", or the item of another key.
Result<Value> at_path(Call& c, Value object, const Value& path) {
  if (!path.is(Kind::text)) return c.run.item(object, path);
  std::string_view rest = path.text().bytes();
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    Value key = Marked(std::string(part), true);
    if (!part.empty() && part.size() < 19 && std::all_of(part.begin(), part.end(), [](char d) {
          return is_digit(static_cast<unsigned char>(d));
        })) {
      key = static_cast<int64_t>(std::stoll(std::string(part)));
    }
    object = TRY(c.run.item(object, key));
    if (dot == std::string_view::npos) return object;
    rest.remove_prefix(dot + 1);
  }
}

// Text without case where that does not matter.
Result<Value> folded(Call& c, Value value, bool fold) {
  if (!fold || !value.is(Kind::text)) return value;
  return change_case(c.run, value.text(), Letters::lower);
}

bool is_set(const std::optional<Value>& value) { return value && !value->is(Kind::none); }

struct Keyed {
  Value key, value;
};

// Each element with what it is compared by.
Result<std::vector<Keyed>> keyed(Call& c, const std::optional<Value>& attribute, bool fold) {
  std::vector<Keyed> made;
  for (Value& value : TRY(c.run.iterate(c.self))) {
    Value key = is_set(attribute) ? TRY(at_path(c, value, *attribute)) : value;
    key = TRY(folded(c, std::move(key), fold));
    TRY(c.run.charge_memory(sizeof(Keyed)));
    made.push_back({std::move(key), std::move(value)});
  }
  return made;
}

// A stable merge sort, because a comparison may fail.
Status sort_keyed(Call& c, std::vector<Keyed>& items, bool reverse) {
  std::vector<Keyed> other(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, items.size());
      const size_t end = std::min(begin + 2 * width, items.size());
      size_t a = begin, b = middle;
      for (size_t out = begin; out < end; ++out) {
        bool second = a == middle;
        if (!second && b < end) {
          const int order = TRY(c.run.order(items[b].key, items[a].key));
          second = reverse ? order > 0 : order < 0;
        }
        other[out] = std::move(second ? items[b++] : items[a++]);
      }
    }
    std::swap(items, other);
  }
  return ok();
}

Result<Value> values_of(Call& c, std::vector<Keyed>& items) {
  std::vector<Value> made;
  made.reserve(items.size());
  for (Keyed& item : items) made.push_back(std::move(item.value));
  return c.run.list(std::move(made));
}

// By attributes "a,b": the first one that differs decides.
Result<std::vector<Keyed>> keyed_by_many(Call& c, const Value& attributes, bool fold) {
  std::vector<Value> paths{attributes};
  if (attributes.is(Kind::text)) {
    const Value parts = TRY(split(c.run, attributes.text(), Marked(",", true), -1, false));
    paths = parts.list().items;
  }
  std::vector<Keyed> made;
  for (Value& value : TRY(c.run.iterate(c.self))) {
    std::vector<Value> keys;
    for (const Value& path : paths) {
      Value key = TRY(at_path(c, value, path));
      keys.push_back(TRY(folded(c, std::move(key), fold)));
    }
    TRY(c.run.charge_memory(sizeof(Keyed)));
    Value all = TRY(c.run.list(std::move(keys)));
    made.push_back({std::move(all), std::move(value)});
  }
  return made;
}

Result<Value> sort(Call& c) {
  constexpr std::string_view kNames[] = {"reverse", "case_sensitive", "attribute"};
  const auto given = TRY(c.bind(kNames));
  const bool fold = !given[1] || !Evaluator::truth(*given[1]);
  const bool named = is_set(given[2]);
  auto items = TRY(named ? keyed_by_many(c, *given[2], fold) : keyed(c, {}, fold));
  // Elements that are equal are never asked for their order, as with several attributes: those of
  // lists.
  if (!named)
    for (Keyed& item : items) item.key = TRY(c.run.list({std::move(item.key)}));
  TRY(sort_keyed(c, items, given[0] && Evaluator::truth(*given[0])));
  return values_of(c, items);
}

Result<Value> unique(Call& c) {
  constexpr std::string_view kNames[] = {"case_sensitive", "attribute"};
  const auto given = TRY(c.bind(kNames));
  const bool fold = !given[0] || !Evaluator::truth(*given[0]);
  Map seen;
  std::vector<Value> made;
  for (Keyed& item : TRY(keyed(c, given[1], fold))) {
    if (item.key.is(Kind::list) || item.key.is(Kind::map)) {
      return c.run.error("`unique` needs strings or numbers, not a {}", type_name(item.key));
    }
    if (seen.find(item.key) != nullptr) continue;
    seen.set(item.key, Value(true));
    made.push_back(std::move(item.value));
  }
  return c.run.list(std::move(made), List::Form::generator, "do_unique");
}

template <bool kLargest>
Result<Value> extreme(Call& c) {
  constexpr std::string_view kNames[] = {"case_sensitive", "attribute"};
  const auto given = TRY(c.bind(kNames));
  const bool fold = !given[0] || !Evaluator::truth(*given[0]);
  auto items = TRY(keyed(c, given[1], fold));
  if (items.empty()) return nothing("there is no largest or smallest of nothing");
  size_t best = 0;
  for (size_t i = 1; i < items.size(); ++i) {
    const int order = TRY(c.run.order(items[i].key, items[best].key));
    if (kLargest ? order > 0 : order < 0) best = i;
  }
  return std::move(items[best].value);
}

Result<Value> sort_map(Call& c) {
  constexpr std::string_view kNames[] = {"case_sensitive", "by", "reverse"};
  const auto given = TRY(c.bind(kNames));
  if (!c.self.is(Kind::map))
    return c.run.error("`dictsort` needs a dict, not a {}", type_name(c.self));
  const bool fold = !given[0] || !Evaluator::truth(*given[0]);
  const Marked by = given[1] ? TRY(text_argument(c, given[1], "by")) : Marked("key", true);
  if (by.bytes() != "key" && by.bytes() != "value") {
    return c.run.error("`dictsort` sorts by \"key\" or \"value\"");
  }
  std::vector<Keyed> items;
  for (const auto& [key, value] : c.self.map().items) {
    Value pair = TRY(c.run.list({key, value}, List::Form::tuple));
    Value by_what = TRY(folded(c, by.bytes() == "key" ? key : value, fold));
    items.push_back({std::move(by_what), std::move(pair)});
  }
  TRY(sort_keyed(c, items, given[2] && Evaluator::truth(*given[2])));
  return values_of(c, items);
}

Result<Value> group(Call& c) {
  constexpr std::string_view kNames[] = {"attribute", "default", "case_sensitive"};
  const auto given = TRY(c.bind(kNames));
  if (!given[0]) return c.run.error("`groupby` needs an attribute");
  const bool fold = !given[2] || !Evaluator::truth(*given[2]);
  std::vector<Keyed> items;
  for (Value& value : TRY(c.run.iterate(c.self))) {
    Value key = TRY(at_path(c, value, *given[0]));
    if (key.is(Kind::undefined) && given[1]) key = *given[1];
    key = TRY(folded(c, std::move(key), fold));
    items.push_back({std::move(key), std::move(value)});
  }
  TRY(sort_keyed(c, items, false));
  std::vector<Value> groups;
  for (size_t begin = 0; begin < items.size();) {
    std::vector<Value> members;
    size_t end = begin;
    while (end < items.size() && TRY(c.run.equal(items[end].key, items[begin].key))) {
      members.push_back(items[end++].value);
    }
    // The name of a group keeps the case of its first member.
    Value shown = TRY(at_path(c, items[begin].value, *given[0]));
    if (shown.is(Kind::undefined) && given[1]) shown = *given[1];
    const Value list = TRY(c.run.list(std::move(members)));
    groups.push_back(TRY(c.run.list({shown, list}, List::Form::tuple, "group")));
    begin = end;
  }
  return c.run.list(std::move(groups));
}

Result<Value> join(Call& c) {
  constexpr std::string_view kNames[] = {"d", "attribute"};
  const auto given = TRY(c.bind(kNames));
  const Marked between = given[0] ? TRY(c.run.show(*given[0])) : Marked();
  MarkedBuilder made;
  bool first = true;
  for (const Value& value : TRY(c.run.iterate(c.self))) {
    const Value part = is_set(given[1]) ? TRY(at_path(c, value, *given[1])) : value;
    const Marked text = TRY(c.run.show(part));
    TRY(c.run.work(text.size() + between.size()));
    if (made.size() > c.run.options().limits.output) TRY(c.run.work(made.size()));
    if (!std::exchange(first, false)) made.add(between);
    made.add(text);
  }
  return c.run.text(made);
}

Result<Value> length(Call& c) {
  TRY(c.no_arguments());
  const auto count = TRY(c.run.length(c.self));
  if (!count) return c.run.error("a {} has no length", type_name(c.self));
  return Value(static_cast<int64_t>(*count));
}

Result<Value> first(Call& c) {
  TRY(c.no_arguments());
  if (c.self.is(Kind::list) && c.self.list().form == List::Form::generator) {
    List& list = c.self.list();
    if (list.taken < list.items.size()) return list.items[list.taken++];
    return nothing("there is no first item of nothing");
  }
  const std::vector<Value> items = TRY(c.run.iterate(c.self));
  return items.empty() ? nothing("there is no first item of nothing")
                       : Result<Value>(items.front());
}

Result<Value> last(Call& c) {
  TRY(c.no_arguments());
  if (c.self.is(Kind::list) && c.self.list().form == List::Form::generator) {
    return c.run.error("`last` needs a list; make it one with `| list`");
  }
  const std::vector<Value> items = TRY(c.run.iterate(c.self));
  return items.empty() ? nothing("there is no last item of nothing") : Result<Value>(items.back());
}

Result<Value> to_list(Call& c) {
  TRY(c.no_arguments());
  return c.run.list(TRY(c.run.iterate(c.self)));
}

Result<Value> reverse(Call& c) {
  TRY(c.no_arguments());
  if (c.self.is(Kind::text)) {
    const Value minus_one(int64_t{-1});
    return c.run.slice(c.self, {Value(None{}), Value(None{}), minus_one});
  }
  std::vector<Value> items = TRY(c.run.iterate(c.self));
  std::reverse(items.begin(), items.end());
  return c.run.list(std::move(items), List::Form::generator, "reversed");
}

Result<Value> items(Call& c) {
  TRY(c.no_arguments());
  std::vector<Value> made;
  if (!c.self.is(Kind::map) && !c.self.is(Kind::undefined)) {
    return c.run.error("`items` needs a dict, not a {}", type_name(c.self));
  }
  if (c.self.is(Kind::map)) {
    for (const auto& [key, value] : c.self.map().items) {
      made.push_back(TRY(c.run.list({key, value}, List::Form::tuple)));
    }
  }
  return c.run.list(std::move(made), List::Form::generator, "do_items");
}

Result<Value> sum(Call& c) {
  constexpr std::string_view kNames[] = {"attribute", "start"};
  const auto given = TRY(c.bind(kNames));
  Value total = given[1] ? *given[1] : Value(int64_t{0});
  if (total.is(Kind::text)) return c.run.error("`sum` adds no strings; use `join`");
  for (const Value& value : TRY(c.run.iterate(c.self))) {
    const Value part = is_set(given[0]) ? TRY(at_path(c, value, *given[0])) : value;
    total = TRY(c.run.add(total, part));
  }
  return total;
}

Result<Value> batch(Call& c) {
  constexpr std::string_view kNames[] = {"linecount", "fill_with"};
  const auto given = TRY(c.bind(kNames));
  const int64_t size = TRY(integer_argument(c, given[0], "linecount", 0));
  if (size < 1) return c.run.error("`batch` needs a size of 1 or more");
  std::vector<Value> made, line;
  for (Value& value : TRY(c.run.iterate(c.self))) {
    if (line.size() == static_cast<size_t>(size)) {
      made.push_back(TRY(c.run.list(std::exchange(line, {}))));
    }
    line.push_back(std::move(value));
  }
  if (!line.empty()) {
    if (is_set(given[1])) {
      TRY(c.run.charge_memory(size > (1 << 20) ? UINT64_MAX
                                               : static_cast<uint64_t>(size) * sizeof(Value)));
      line.resize(static_cast<size_t>(size), *given[1]);
    }
    made.push_back(TRY(c.run.list(std::move(line))));
  }
  return c.run.list(std::move(made), List::Form::generator, "do_batch");
}

Result<Value> slice(Call& c) {
  constexpr std::string_view kNames[] = {"slices", "fill_with"};
  const auto given = TRY(c.bind(kNames));
  const int64_t slices = TRY(integer_argument(c, given[0], "slices", 0));
  if (slices < 1 || slices > (1 << 20)) return c.run.error("`slice` needs a number of slices");
  const std::vector<Value> all = TRY(c.run.iterate(c.self));
  const size_t count = static_cast<size_t>(slices), each = all.size() / count;
  const size_t longer = all.size() % count;
  std::vector<Value> made;
  for (size_t i = 0, at = 0; i < count; ++i) {
    const size_t size = each + (i < longer ? 1 : 0);
    std::vector<Value> part(all.begin() + static_cast<ptrdiff_t>(at),
                            all.begin() + static_cast<ptrdiff_t>(at + size));
    at += size;
    if (is_set(given[1]) && i >= longer) part.push_back(*given[1]);
    made.push_back(TRY(c.run.list(std::move(part))));
  }
  return c.run.list(std::move(made), List::Form::generator, "sync_do_slice");
}

// The first positional argument, which is taken away.
Result<Value> take_first(Call& c, std::string_view what) {
  auto& given = c.arguments.positional;
  if (given.empty()) return c.run.error("`{}` needs {}", c.name, what);
  Value taken = std::move(given.front());
  given.erase(given.begin());
  return taken;
}

std::optional<Value> take_named(Call& c, std::string_view name) {
  auto& named = c.arguments.named;
  for (auto at = named.begin(); at != named.end(); ++at) {
    if (at->first != name) continue;
    Value taken = std::move(at->second);
    named.erase(at);
    return taken;
  }
  return std::nullopt;
}

// What map, select and reject go through; as in Jinja, what is false has no elements.
Result<std::vector<Value>> elements(Call& c) {
  if (!Evaluator::truth(c.self)) return std::vector<Value>();
  return c.run.iterate(c.self);
}

Result<Value> map(Call& c) {
  std::vector<Value> made;
  if (c.arguments.positional.empty()) {
    const auto path = take_named(c, "attribute");
    const auto otherwise = take_named(c, "default");
    if (!path || !c.arguments.named.empty())
      return c.run.error("`map` needs a filter or an attribute");
    for (const Value& value : TRY(elements(c))) {
      Value part = TRY(at_path(c, value, *path));
      if (part.is(Kind::undefined) && otherwise) part = *otherwise;
      made.push_back(std::move(part));
    }
  } else {
    const Value name = TRY(take_first(c, "a filter"));
    const Marked filter = TRY(text_argument(c, name, "filter"));
    for (const Value& value : TRY(elements(c))) {
      TRY(c.run.step());
      made.push_back(TRY(c.run.filter(filter.bytes(), value, c.arguments)));
    }
  }
  return c.run.list(std::move(made), List::Form::generator, "sync_do_map");
}

template <bool kAttribute, bool kKeep>
Result<Value> select(Call& c) {
  std::optional<Value> path;
  if (kAttribute) path = TRY(take_first(c, "an attribute"));
  std::optional<Marked> test;
  if (!c.arguments.positional.empty()) {
    const Value name = TRY(take_first(c, "a test"));
    test = TRY(text_argument(c, name, "test"));
  }
  std::vector<Value> made;
  for (Value& value : TRY(elements(c))) {
    TRY(c.run.step());
    const Value part = path ? TRY(at_path(c, value, *path)) : value;
    const bool holds =
        test ? TRY(c.run.test(test->bytes(), part, c.arguments)) : Evaluator::truth(part);
    if (holds == kKeep) made.push_back(std::move(value));
  }
  return c.run.list(std::move(made), List::Form::generator, "select_or_reject");
}

constexpr Named kListFilters[] = {
    {"length", length},
    {"count", length},
    {"first", first},
    {"last", last},
    {"list", to_list},
    {"join", join},
    {"map", map},
    {"select", select<false, true>},
    {"reject", select<false, false>},
    {"selectattr", select<true, true>},
    {"rejectattr", select<true, false>},
    {"items", items},
    {"dictsort", sort_map},
    {"sort", sort},
    {"unique", unique},
    {"reverse", reverse},
    {"min", extreme<false>},
    {"max", extreme<true>},
    {"sum", sum},
    {"groupby", group},
    {"batch", batch},
    {"slice", slice},
};

}  // namespace

Builtin find_list_filter(std::string_view name) {
  return find_in(kListFilters, std::size(kListFilters), name);
}

}  // namespace hone::jinja
