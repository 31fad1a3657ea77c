// Writes JSON as a stream of calls, in a stable form.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/field.h"

namespace hone {

// Appends to a string. Numbers read back exactly; NaN and infinities become null. Text that is not
// UTF-8 gets U+FFFD for each wrong byte; whatever could move a terminal's cursor is escaped. Calls
// in an impossible order (a value without its key) are bugs and abort.
class JsonWriter {
 public:
  // indent 0 writes one line.
  explicit JsonWriter(std::string& out, int indent = 2) : out_(out), indent_(indent) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  void begin_object() { begin('{'); }
  void end_object() { end('{', '}'); }
  void begin_array() { begin('['); }
  void end_array() { end('[', ']'); }
  void key(std::string_view name);

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(std::same_as<bool> auto flag) { raw(flag ? "true" : "false"); }
  void value(double number);
  void value(float number);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void value(T number) {
    raw(std::to_string(number));
  }
  void null() { raw("null"); }
  // Already valid JSON.
  void raw(std::string_view json);

  template <class T>
  void member(std::string_view name, const T& value) {
    key(name);
    this->value(value);
  }
  void member(const Field& field);
  // One complete value was written.
  bool done() const { return open_.empty() && wrote_; }

 private:
  struct Level {
    char kind;
    bool empty = true;
  };
  void begin(char kind);
  void end(char kind, char closing);
  void before_value();
  void new_line();

  std::string& out_;
  int indent_;
  std::vector<Level> open_;
  bool after_key_ = false;
  bool wrote_ = false;
};

// The text as a JSON string with its quotes.
std::string json_quote(std::string_view text);

}  // namespace hone
