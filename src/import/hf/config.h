// What a config.json says, asked key by key; null counts as not being there.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"

namespace hone::hf {

// A view of an object of a JsonDocument, which has to outlive it. Errors name the key.
class Config {
 public:
  explicit Config(Json object, std::string name = {}) : json_(object), name_(std::move(name)) {}

  bool has(std::string_view key) const;
  bool is_given(std::string_view key) const { return json_.find(key).has_value(); }  // null too
  std::optional<Json> find(std::string_view key) const;  // none for null too

  // `bad_data` where a needed key is missing; `malformed` where a value is of another kind.
  Result<int64_t> integer(std::string_view key) const;
  Result<int64_t> integer_or(std::string_view key, int64_t otherwise) const;
  Result<double> real_or(std::string_view key, double otherwise) const;
  Result<bool> flag_or(std::string_view key, bool otherwise) const;
  Result<std::string> text_or(std::string_view key, std::string_view otherwise) const;
  // Elements of an array; empty where there is none.
  Result<std::vector<int64_t>> integers(std::string_view key) const;
  Result<std::vector<float>> reals(std::string_view key) const;
  Result<std::vector<std::string>> texts(std::string_view key) const;
  // An object inside; none where there is none.
  Result<std::optional<Config>> inside(std::string_view key) const;

 private:
  std::string path_of(std::string_view key) const;
  template <class T>
  Result<T> in_key(Result<T> result, std::string_view key) const {
    return std::move(result).context("reading '" + path_of(key) + "'");
  }
  template <class T>
  Result<std::vector<T>> elements(std::string_view key, Result<T> (*read)(const Json&)) const;

  Json json_;
  std::string name_;  // "text_config"; "" for the whole file
};

}  // namespace hone::hf
