// The settings of hone: one typed table, and the places a value may come from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace hone {

class JsonWriter;

enum class SettingType : uint8_t { text, integer, boolean, bytes, number };

struct SettingInfo {
  std::string_view key;  // "log.level"
  SettingType type;
  std::string_view initial;
  std::string_view doc;
  std::string_view choices = {};   // "a|b" for a text of few values
  bool from_model_folder = false;  // may a file beside a model set it? such a file is not trusted
  bool names_program = false;      // may a file that was found, not named, set it? then not
  int64_t low = 0, high = INT64_MAX;  // of an integer
};

// In the order in which they are shown. Every limit is a setting `limits.NAME`.
const std::vector<SettingInfo>& all_settings();

// Who wrote a file decides what it may set.
enum class ConfigTrust : uint8_t {
  user,            // named by the user
  working_folder,  // found there: anything but which programs are run
  model_folder,    // found beside a model: only what the table allows, and limits only lower
};

// Values with their sources. Later calls win, so load in the order of precedence:
// defaults (the constructor), file, environment, flags.
class Config {
 public:
  Config();

  // YAML or JSON of at most 64 KiB. All or nothing: a wrong file changes no value.
  Status load_file(const std::string& path, ConfigTrust trust);
  Status load_text(std::string_view text, const std::string& name, ConfigTrust trust);
  // HONE_LOG_LEVEL=… for log.level and so on, from an array like `environ`. Other names that begin
  // with HONE_ are refused; HONE_CONFIG, the path of the file, is the caller's.
  Status load_environment(const char* const* environment);
  // `source` says where it was written: "--threads".
  Status set(std::string_view key, std::string_view text, std::string_view source);

  // The key must be in the table with this type.
  const std::string& text(std::string_view key) const;
  int64_t integer(std::string_view key) const;
  bool boolean(std::string_view key) const;
  uint64_t bytes(std::string_view key) const;
  double number(std::string_view key) const;
  const std::string& source(std::string_view key) const;
  Limits limits() const;

  // "log.level = warn  # default", a line for each setting.
  std::string show() const;
  // {"log.level": {"value": "warn", "source": "default"}, …}
  void write_json(JsonWriter& json) const;
  // A YAML file that load_file takes: everything documented and commented out.
  static std::string file_template();

 private:
  using Value = std::variant<std::string, int64_t, bool, uint64_t, double>;  // as SettingType
  struct Setting {
    Value value;
    std::string source;
  };
  static Result<Value> parse(const SettingInfo& info, std::string_view text,
                             std::string_view source);
  static std::string print(const Value& value);
  template <class T>
  const T& get(std::string_view key) const;

  std::vector<Setting> settings_;  // as all_settings()
};

}  // namespace hone
