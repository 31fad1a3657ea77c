#include "import/hf/config.h"

#include <cmath>

#include "base/text.h"

namespace hone::hf {

std::string Config::path_of(std::string_view key) const {
  return (name_.empty() ? "" : name_ + '.') + printable(key);
}

std::optional<Json> Config::find(std::string_view key) const {
  const auto value = json_.find(key);
  return value && !value->is_null() ? value : std::nullopt;
}

bool Config::has(std::string_view key) const { return find(key).has_value(); }

Result<int64_t> Config::integer(std::string_view key) const {
  const auto value = find(key);
  if (!value) return fail(ErrorId::bad_data, "the key '" + path_of(key) + "' is missing");
  return in_key(value->as_int64(), key);
}

Result<int64_t> Config::integer_or(std::string_view key, int64_t otherwise) const {
  const auto value = find(key);
  return value ? in_key(value->as_int64(), key) : Result<int64_t>(otherwise);
}

Result<double> Config::real_or(std::string_view key, double otherwise) const {
  const auto value = find(key);
  return value ? in_key(value->as_double(), key) : Result<double>(otherwise);
}

Result<bool> Config::flag_or(std::string_view key, bool otherwise) const {
  const auto value = find(key);
  return value ? in_key(value->as_bool(), key) : Result<bool>(otherwise);
}

Result<std::string> Config::text_or(std::string_view key, std::string_view otherwise) const {
  const auto value = find(key);
  if (!value) return std::string(otherwise);
  return std::string(TRY(in_key(value->as_string(), key)));
}

template <class T>
Result<std::vector<T>> Config::elements(std::string_view key,
                                        Result<T> (*read)(const Json&)) const {
  std::vector<T> out;
  const auto value = find(key);
  if (!value) return out;
  if (!value->is_array())
    return fail(ErrorId::malformed, "'" + path_of(key) + "' is " + std::string(value->kind_name()) +
                                        ", expected an array");
  for (const Json element : value->elements()) out.push_back(TRY(in_key(read(element), key)));
  return out;
}

Result<std::vector<int64_t>> Config::integers(std::string_view key) const {
  return elements<int64_t>(key, [](const Json& j) { return j.as_int64(); });
}

Result<std::vector<float>> Config::reals(std::string_view key) const {
  return elements<float>(
      key, [](const Json& j) -> Result<float> { return static_cast<float>(TRY(j.as_double())); });
}

Result<std::vector<std::string>> Config::texts(std::string_view key) const {
  return elements<std::string>(
      key, [](const Json& j) -> Result<std::string> { return std::string(TRY(j.as_string())); });
}

Result<std::optional<Config>> Config::inside(std::string_view key) const {
  const auto value = find(key);
  if (!value) return std::optional<Config>();
  if (!value->is_object())
    return fail(ErrorId::malformed, "'" + path_of(key) + "' is " + std::string(value->kind_name()) +
                                        ", expected an object");
  return std::optional(Config(*value, path_of(key)));
}

}  // namespace hone::hf
