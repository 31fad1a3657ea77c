// The values of templates: those of Python, as far as templates see them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "text/template/marked.h"

namespace hone::jinja {

struct List;
struct Map;
struct Space;
struct Callable;
struct LoopState;

// What a name without a value is; `what` goes into the error of those who use it.
struct Undefined {
  std::shared_ptr<const std::string> what;
};
struct None {};

// A handle: numbers by value, text shared, everything else owned by a Heap that has to outlive it.
class Value {
 public:
  enum class Kind : uint8_t {
    undefined,
    none,
    boolean,
    integer,
    real,
    text,
    list,
    map,
    space,
    callable,
    loop
  };

  Value() = default;  // undefined
  Value(Undefined undefined) : state_(std::move(undefined)) {}
  Value(None none) : state_(none) {}
  Value(bool flag) : state_(flag) {}
  Value(int64_t number) : state_(number) {}
  Value(double number) : state_(number) {}
  Value(Marked text) : state_(std::move(text)) {}
  Value(List* list) : state_(list) {}
  Value(Map* map) : state_(map) {}
  Value(Space* space) : state_(space) {}
  Value(const Callable* callable) : state_(callable) {}
  Value(LoopState* loop) : state_(loop) {}
  Value(const char*) = delete;  // would be a boolean

  Kind kind() const { return static_cast<Kind>(state_.index()); }
  bool is(Kind kind) const { return this->kind() == kind; }
  bool is_number() const {  // booleans are numbers, as in Python
    return is(Kind::boolean) || is(Kind::integer) || is(Kind::real);
  }
  bool is_integral() const { return is(Kind::boolean) || is(Kind::integer); }

  const Undefined& undefined() const { return std::get<Undefined>(state_); }
  bool boolean() const { return std::get<bool>(state_); }
  int64_t integer() const {
    return is(Kind::boolean) ? static_cast<int64_t>(boolean()) : std::get<int64_t>(state_);
  }
  double real() const {
    return is_integral() ? static_cast<double>(integer()) : std::get<double>(state_);
  }
  const Marked& text() const { return std::get<Marked>(state_); }
  List& list() const { return *std::get<List*>(state_); }
  Map& map() const { return *std::get<Map*>(state_); }
  Space& space() const { return *std::get<Space*>(state_); }
  const Callable& callable() const { return *std::get<const Callable*>(state_); }
  LoopState& loop() const { return *std::get<LoopState*>(state_); }

 private:
  std::variant<Undefined, None, bool, int64_t, double, Marked, List*, Map*, Space*, const Callable*,
               LoopState*>
      state_;
};

// Anything that a Heap owns.
struct Object {
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
};

struct List : Object {
  // A generator is gone through once; a view is what `items()` of a map gives.
  enum class Form : uint8_t { list, tuple, range, view, generator };
  std::vector<Value> items;
  Form form = Form::list;
  bool frozen = false;                    // from outside: may not be changed
  size_t taken = 0;                       // of a generator
  std::string_view shown_as;              // how str() names a view or a generator
  int64_t start = 0, stop = 0, step = 1;  // of a range
};

// In the order of insertion.
struct Map : Object {
  std::vector<std::pair<Value, Value>> items;
  bool frozen = false;

  // Keys are text, numbers, booleans and none; others are never found.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);

 private:
  // For maps of more than a few: hashes of keys to positions.
  std::unordered_multimap<size_t, uint32_t> index_;
  size_t indexed_ = 0;
  const std::pair<Value, Value>* look_up(const Value& key) const;
};

// What `namespace()` makes: attributes that `set` may change.
struct Space : Object {
  std::vector<std::pair<std::string, Value>> attributes;
  Value* find(std::string_view name);
};

class Heap {
 public:
  Heap() = default;
  Heap(Heap&&) = default;
  Heap& operator=(Heap&&) = default;

  template <class T, class... Arguments>
  T* make(Arguments&&... arguments) {
    auto object = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T* made = object.get();
    objects_.push_back(std::move(object));
    return made;
  }
  size_t objects() const { return objects_.size(); }

 private:
  std::vector<std::unique_ptr<Object>> objects_;
};

// The variables of a rendering, made by the caller and never changed by a template.
class Values {
 public:
  Value text(std::string_view bytes, bool trusted) const {
    return Marked(std::string(bytes), trusted);
  }
  Value list(std::vector<Value> items);
  Value map(std::vector<std::pair<std::string, Value>> items);
  // JSON text as values; its strings have the given trust.
  Result<Value> json(std::string_view text, bool trusted);

  void set(std::string_view name, Value value);
  const Value* find(std::string_view name) const;

 private:
  Heap heap_;
  std::vector<std::pair<std::string, Value>> variables_;
};

}  // namespace hone::jinja
