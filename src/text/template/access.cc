// Attributes, items and slices of values.
#include <algorithm>

#include "text/template/evaluator.h"

namespace hone::jinja {
namespace {

std::string missing(const Value& object, std::string_view name) {
  return fmt::format("'{} object' has no attribute '{}'", type_name(object), name);
}

// The place of an index that counts from the end where it is negative.
std::optional<size_t> place(const Value& key, size_t count) {
  if (!key.is_integral()) return std::nullopt;
  const auto size = static_cast<int64_t>(count);
  int64_t index = key.integer();
  if (index < 0 && index >= -size) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  return static_cast<size_t>(index);
}

bool has_items(const Value& object) {
  return object.is(Value::Kind::list) && object.list().form != List::Form::view &&
         object.list().form != List::Form::generator;
}

}  // namespace

Result<Value> Evaluator::method(const Value& object, std::string_view name) {
  Builtin function = nullptr;
  if (object.is(Value::Kind::text)) function = find_text_method(name);
  if (object.is(Value::Kind::map)) function = find_map_method(name);
  if (object.is(Value::Kind::list) &&
      (object.list().form == List::Form::list || object.list().form == List::Form::tuple)) {
    function = find_list_method(name);
    const bool tuple = object.list().form == List::Form::tuple;
    if (tuple && name != "index" && name != "count") function = nullptr;
  }
  if (function == nullptr) return Value();
  TRY(charge_memory(sizeof(Callable)));
  Callable* made = heap_.make<Callable>();
  made->name = name;
  made->function = function;
  made->self = object;
  return Value(static_cast<const Callable*>(made));
}

Result<Value> Evaluator::loop_attribute(const Value& object, std::string_view name) {
  LoopState& loop = object.loop();
  const auto count = static_cast<int64_t>(loop.items.size());
  const auto index = static_cast<int64_t>(loop.index);
  if (name == "index") return Value(index + 1);
  if (name == "index0") return Value(index);
  if (name == "revindex") return Value(count - index);
  if (name == "revindex0") return Value(count - index - 1);
  if (name == "first") return Value(index == 0);
  if (name == "last") return Value(index + 1 == count);
  if (name == "length") return Value(count);
  if (name == "depth") return Value(static_cast<int64_t>(loop.depth + 1));
  if (name == "depth0") return Value(static_cast<int64_t>(loop.depth));
  if (name == "previtem") {
    return index > 0 ? loop.items[loop.index - 1] : undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return index + 1 < count ? loop.items[loop.index + 1] : undefined("there is no next item");
  }
  Builtin function = nullptr;
  if (name == "cycle") {
    function = [](Call& c) -> Result<Value> {
      const auto& items = c.arguments.positional;
      if (items.empty()) return c.run.error("loop.cycle needs something to choose from");
      return items[c.self.loop().index % items.size()];
    };
  } else if (name == "changed") {
    function = [](Call& c) -> Result<Value> {
      const Value now = TRY(c.run.list(c.arguments.positional, List::Form::tuple));
      auto& last = c.self.loop().last_changed;
      if (last && TRY(c.run.equal(*last, now))) return Value(false);
      last = now;
      return Value(true);
    };
  }
  if (function == nullptr) return undefined(missing(object, name));
  TRY(charge_memory(sizeof(Callable)));
  Callable* made = heap_.make<Callable>();
  made->name = name;
  made->function = function;
  made->self = object;
  return Value(static_cast<const Callable*>(made));
}

// Attributes first, then items, as Jinja's `object.name`.
Result<Value> Evaluator::attribute(const Value& object, std::string_view name) {
  switch (object.kind()) {
    case Value::Kind::undefined: return undefined_error(object);
    case Value::Kind::space: {
      const Value* found = object.space().find(name);
      return found != nullptr ? *found : undefined(missing(object, name));
    }
    case Value::Kind::loop: return loop_attribute(object, name);
    case Value::Kind::map: {
      // What would change a map is hidden, and hides the item of its name.
      constexpr std::string_view kHidden[] = {"clear",   "fromkeys",   "pop",
                                              "popitem", "setdefault", "update"};
      if (std::find(std::begin(kHidden), std::end(kHidden), name) != std::end(kHidden)) {
        return undefined(fmt::format("access to attribute '{}' of 'dict' object is unsafe", name));
      }
      Value found = TRY(method(object, name));
      if (!found.is(Value::Kind::undefined)) return found;
      const Value* item = object.map().find(name);
      return item != nullptr ? *item : undefined(missing(object, name));
    }
    case Value::Kind::list:
      if (object.list().shown_as == "group" && object.list().items.size() == 2) {
        if (name == "grouper") return object.list().items[0];
        if (name == "list") return object.list().items[1];
      }
      [[fallthrough]];
    default: {
      Value found = TRY(method(object, name));
      if (!found.is(Value::Kind::undefined)) return found;
      return undefined(object.is(Value::Kind::none)
                           ? fmt::format("'None' has no attribute '{}'", name)
                           : missing(object, name));
    }
  }
}

// Items first, then attributes, as Jinja's `object[key]`.
Result<Value> Evaluator::item(const Value& object, const Value& key) {
  if (object.is(Value::Kind::undefined)) return undefined_error(object);
  if (object.is(Value::Kind::map)) {
    if (const Value* found = object.map().find(key)) return *found;
  } else if (has_items(object)) {
    if (const auto at = place(key, object.list().items.size())) return object.list().items[*at];
  } else if (object.is(Value::Kind::text)) {
    const Marked& text = object.text();
    if (const auto at = place(key, text.length())) {
      TRY(work(text.ascii() ? 1 : text.size() / 16));
      const size_t begin = text.offset_of(*at);
      return Value(text.part(begin, code_point_bytes(text.bytes(), begin)));
    }
  }
  if (key.is(Value::Kind::text) && !object.is(Value::Kind::none)) {
    const std::string_view name = key.text().bytes();
    if (object.is(Value::Kind::map)) {
      Value found = TRY(method(object, name));
      if (found.is(Value::Kind::undefined)) return undefined(missing(object, name));
      return found;
    }
    return attribute(object, name);
  }
  const Marked shown = TRY(show(key));
  return undefined(fmt::format("'{} object' has no element {}", type_name(object),
                               shown.bytes().substr(0, 100)));
}

namespace {

struct Range {
  int64_t start, stop, step;
};

// The bounds of a slice over so many elements, as Python's slice.indices().
Range indices(const std::array<std::optional<int64_t>, 3>& bounds, int64_t count) {
  const int64_t step = bounds[2].value_or(1);
  const int64_t low = step < 0 ? -1 : 0;
  const int64_t high = step < 0 ? count - 1 : count;
  const auto clamp = [&](std::optional<int64_t> bound, int64_t otherwise) {
    if (!bound) return otherwise;
    if (*bound < 0) return std::max(*bound + count, low);
    return std::min(*bound, high);
  };
  return {clamp(bounds[0], step < 0 ? high : low), clamp(bounds[1], step < 0 ? low : high), step};
}

}  // namespace

Result<Value> Evaluator::slice(const Value& object, const std::array<Value, 3>& bounds) {
  if (object.is(Value::Kind::undefined)) return undefined_error(object);
  std::array<std::optional<int64_t>, 3> numbers;
  for (size_t i = 0; i < 3; ++i) {
    if (bounds[i].is(Value::Kind::none)) continue;
    if (bounds[i].is(Value::Kind::undefined)) return undefined_error(bounds[i]);
    if (!bounds[i].is_integral()) return error("the bounds of a slice have to be integers");
    // Beyond these bounds nothing changes.
    numbers[i] = std::clamp<int64_t>(bounds[i].integer(), -(int64_t{1} << 60), int64_t{1} << 60);
  }
  if (numbers[2] == 0) return error("the step of a slice is zero");
  if (object.is(Value::Kind::text)) {
    const Marked& text = object.text();
    const Range range = indices(numbers, static_cast<int64_t>(text.length()));
    TRY(work(text.size()));
    if (range.step == 1) {
      const size_t begin = text.offset_of(static_cast<size_t>(range.start));
      const size_t end = text.offset_of(static_cast<size_t>(std::max(range.start, range.stop)));
      return Value(text.part(begin, end - begin));
    }
    std::vector<size_t> starts;
    for (size_t at = 0; at < text.size(); at += code_point_bytes(text.bytes(), at)) {
      starts.push_back(at);
    }
    MarkedBuilder made;
    for (int64_t i = range.start; range.step > 0 ? i < range.stop : i > range.stop;
         i += range.step) {
      const size_t at = starts[static_cast<size_t>(i)];
      made.add(text, at, code_point_bytes(text.bytes(), at));
    }
    return Value(made.take());
  }
  if (has_items(object)) {
    const auto& items = object.list().items;
    const Range range = indices(numbers, static_cast<int64_t>(items.size()));
    std::vector<Value> made;
    for (int64_t i = range.start; range.step > 0 ? i < range.stop : i > range.stop;
         i += range.step) {
      made.push_back(items[static_cast<size_t>(i)]);
    }
    const List::Form form =
        object.list().form == List::Form::tuple ? List::Form::tuple : List::Form::list;
    return list(std::move(made), form);
  }
  return error("a {} has no slices", type_name(object));
}

}  // namespace hone::jinja
