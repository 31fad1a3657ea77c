#include "text/template/value.h"

#include <cmath>
#include <functional>

#include "formats/json.h"

namespace hone::jinja {
namespace {

constexpr size_t kLinear = 8;  // so few keys are found by a walk

// Equal keys hash equally: 1, 1.0 and true are the same key, as in Python.
size_t hash_key(const Value& key) {
  if (key.is(Value::Kind::text)) return std::hash<std::string_view>()(key.text().bytes());
  if (key.is_number()) return std::hash<double>()(key.real());
  return 0;
}

bool same_key(const Value& a, const Value& b) {
  if (a.is(Value::Kind::text)) {
    return b.is(Value::Kind::text) && a.text().bytes() == b.text().bytes();
  }
  if (a.is_integral() && b.is_integral()) return a.integer() == b.integer();
  if (a.is_number()) return b.is_number() && a.real() == b.real();
  return a.is(Value::Kind::none) && b.is(Value::Kind::none);
}

// JSON to values that nobody may change.
struct Converter {
  Heap& heap;
  bool trusted;

  // JsonDocument limits the depth.
  Result<Value> convert(Json json) const {
    if (json.is_null()) return Value(None{});
    if (json.is_bool()) return Value(TRY(json.as_bool()));
    if (json.is_string()) return Value(Marked(std::string(TRY(json.as_string())), trusted));
    if (json.is_array()) {
      List* list = heap.make<List>();
      list->frozen = true;
      list->items.reserve(json.size());
      for (const Json element : json.elements()) list->items.push_back(TRY(convert(element)));
      return Value(list);
    }
    if (json.is_object()) {
      Map* map = heap.make<Map>();
      map->frozen = true;
      for (const auto [key, inner] : json.members()) {
        map->set(Marked(std::string(key), trusted), TRY(convert(inner)));
      }
      return Value(map);
    }
    if (const auto integer = json.as_int64(); integer.ok()) return Value(*integer);
    return Value(TRY(json.as_double()));
  }
};

}  // namespace

const std::pair<Value, Value>* Map::look_up(const Value& key) const {
  if (items.size() <= kLinear) {
    for (const auto& item : items) {
      if (same_key(item.first, key)) return &item;
    }
    return nullptr;
  }
  const auto [begin, end] = index_.equal_range(hash_key(key));
  for (auto at = begin; at != end; ++at) {
    if (same_key(items[at->second].first, key)) return &items[at->second];
  }
  return nullptr;
}

const Value* Map::find(const Value& key) const {
  const auto* item = look_up(key);
  return item != nullptr ? &item->second : nullptr;
}

const Value* Map::find(std::string_view key) const { return find(Marked(std::string(key), true)); }

void Map::set(Value key, Value value) {
  if (const auto* item = look_up(key)) {
    items[static_cast<size_t>(item - items.data())].second = std::move(value);
    return;
  }
  items.emplace_back(std::move(key), std::move(value));
  if (items.size() <= kLinear) return;
  for (; indexed_ < items.size(); ++indexed_) {
    index_.emplace(hash_key(items[indexed_].first), static_cast<uint32_t>(indexed_));
  }
}

Value* Space::find(std::string_view name) {
  for (auto& [key, value] : attributes) {
    if (key == name) return &value;
  }
  return nullptr;
}

Value Values::list(std::vector<Value> items) {
  List* list = heap_.make<List>();
  list->items = std::move(items);
  list->frozen = true;
  return list;
}

Value Values::map(std::vector<std::pair<std::string, Value>> items) {
  Map* map = heap_.make<Map>();
  for (auto& [key, value] : items) map->set(Marked(std::move(key), true), std::move(value));
  map->frozen = true;
  return map;
}

Result<Value> Values::json(std::string_view text, bool trusted) {
  Ledger ledger{Limits()};
  const JsonDocument document = TRY(JsonDocument::parse(text, ledger));
  return Converter{heap_, trusted}.convert(document.root());
}

void Values::set(std::string_view name, Value value) {
  for (auto& [key, old] : variables_) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  variables_.emplace_back(name, std::move(value));
}

const Value* Values::find(std::string_view name) const {
  for (const auto& [key, value] : variables_) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace hone::jinja
