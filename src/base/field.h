// A named value for log lines and trace spans.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace hone {

struct Field {
  enum class Kind : uint8_t { boolean, integer, large, real, text };

  Field(std::string_view key, std::string_view text) : key(key), kind(Kind::text), text(text) {}
  Field(std::string_view key, const char* text) : Field(key, std::string_view(text)) {}
  Field(std::string_view key, const std::string& text) : Field(key, std::string_view(text)) {}
  Field(std::string_view key, std::same_as<bool> auto flag)
      : key(key), kind(Kind::boolean), integer(flag) {}
  Field(std::string_view key, std::floating_point auto number)
      : key(key), kind(Kind::real), real(static_cast<double>(number)) {}
  template <std::signed_integral T>
  Field(std::string_view key, T number) : key(key), kind(Kind::integer), integer(number) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  Field(std::string_view key, T number) : key(key), kind(Kind::large), large(number) {}

  // The member that `kind` names; a boolean is in `integer`.
  std::string key;
  Kind kind;
  union {
    int64_t integer = 0;
    uint64_t large;
    double real;
  };
  std::string text;
};

}  // namespace hone
