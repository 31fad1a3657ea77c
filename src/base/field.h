// A named value for log lines and trace spans.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace hone {

struct Field {
  using Value = std::variant<bool, int64_t, uint64_t, double, std::string>;

  Field(std::string_view key, std::string_view text) : key(key), value(std::string(text)) {}
  Field(std::string_view key, const char* text) : key(key), value(std::string(text)) {}
  Field(std::string_view key, const std::string& text) : key(key), value(text) {}
  Field(std::string_view key, std::same_as<bool> auto flag) : key(key), value(flag) {}
  Field(std::string_view key, std::floating_point auto number)
      : key(key), value(static_cast<double>(number)) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Field(std::string_view key, T number) : key(key) {
    if constexpr (std::is_signed_v<T>) {
      value = static_cast<int64_t>(number);
    } else {
      value = static_cast<uint64_t>(number);
    }
  }

  std::string key;
  Value value;
};

}  // namespace hone
