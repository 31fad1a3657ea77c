// The table of settings, their parsing, merging and printing.
#include "base/config.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <optional>

#include "base/check.h"
#include "base/config_file.h"
#include "base/json_writer.h"
#include "base/mapped_file.h"
#include "base/text.h"

namespace hone {
namespace {

constexpr size_t kMostFile = 64 << 10;
constexpr std::string_view kLimits = "limits.";

constexpr std::array kSettings{
    SettingInfo{.key = "log.level",
                .type = SettingType::text,
                .initial = "note",
                .doc = "least severe messages on standard error",
                .choices = "error|warn|note|info|debug"},
    SettingInfo{.key = "log.format",
                .type = SettingType::text,
                .initial = "text",
                .doc = "form of the messages on standard error",
                .choices = "text|json"},
    SettingInfo{.key = "threads",
                .type = SettingType::integer,
                .initial = "0",
                .doc = "threads of the process; 0 means one for each CPU it may use",
                .high = 1024},
    SettingInfo{.key = "backend",
                .type = SettingType::text,
                .initial = "auto",
                .doc = "what executes models; `hone backends` lists them",
                .from_model_folder = true},
    SettingInfo{.key = "follow_links",
                .type = SettingType::boolean,
                .initial = "false",
                .doc = "follow links in the names of external weights, within bounds"},
    SettingInfo{.key = "color",
                .type = SettingType::text,
                .initial = "auto",
                .doc = "colours in reports; auto means on a terminal",
                .choices = "auto|always|never"},
    SettingInfo{.key = "engines.python",
                .type = SettingType::text,
                .initial = "python3",
                .doc = "the Python that has the engines which are its modules",
                .names_program = true},
    SettingInfo{
        .key = "cache.dir",
        .type = SettingType::text,
        .initial = "",
        .doc = "folder of compiled artefacts; empty means hone/ in the user's cache folder"},
    SettingInfo{.key = "cache.max_bytes",
                .type = SettingType::bytes,
                .initial = "10GB",
                .doc = "size at which the oldest artefacts are removed"},
    SettingInfo{.key = "compile.measure",
                .type = SettingType::text,
                .initial = "auto",
                .doc = "times that decide between kernels; auto: missing for `hone compile`, else "
                       "cached",
                .choices = "auto|never|cached|missing|always"},
    SettingInfo{.key = "compile.measure_seconds",
                .type = SettingType::number,
                .initial = "1.5",
                .doc = "time for measuring the kernels of one model, at most"},
};

// In the largest binary or decimal unit that divides it: reads back exactly.
std::string exact_bytes(uint64_t bytes) {
  constexpr std::array<std::pair<uint64_t, std::string_view>, 6> kUnits{{{1u << 30, "GiB"},
                                                                         {1'000'000'000, "GB"},
                                                                         {1u << 20, "MiB"},
                                                                         {1'000'000, "MB"},
                                                                         {1u << 10, "KiB"},
                                                                         {1000, "kB"}}};
  for (const auto& [unit, name] : kUnits) {
    if (bytes != 0 && bytes % unit == 0) return fmt::format("{}{}", bytes / unit, name);
  }
  return std::to_string(bytes);
}

// Texts of the rows that are made from the table of limits; the rows hold views.
struct Table {
  std::deque<std::string> texts;
  std::vector<SettingInfo> rows{kSettings.begin(), kSettings.end()};
  std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }

  Table() {
    for (const LimitInfo& limit : all_limits()) {
      const uint64_t initial = Limits().*limit.field;
      rows.push_back(
          {.key = keep(fmt::format("{}{}", kLimits, limit.name)),
           .type = limit.is_bytes ? SettingType::bytes : SettingType::integer,
           .initial = keep(limit.is_bytes ? exact_bytes(initial) : std::to_string(initial)),
           .doc = limit.doc,
           .from_model_folder = true});
    }
  }
};

const Table& table() {
  static const Table made;
  return made;
}

std::optional<size_t> find(std::string_view key) {
  const auto& rows = all_settings();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].key == key) return i;
  }
  return std::nullopt;
}

bool is_section(std::string_view key) {
  for (const SettingInfo& info : all_settings()) {
    if (info.key.size() > key.size() && info.key.starts_with(key) && info.key[key.size()] == '.') {
      return true;
    }
  }
  return false;
}

std::string expected(const SettingInfo& info) {
  if (!info.choices.empty()) return fmt::format("one of {}", info.choices);
  switch (info.type) {
    case SettingType::text: return "text";
    case SettingType::integer:
      return info.high == INT64_MAX
                 ? fmt::format("a whole number from {}", info.low)
                 : fmt::format("a whole number from {} to {}", info.low, info.high);
    case SettingType::boolean: return "true or false";
    case SettingType::bytes: return "a size such as 512MB";
    case SettingType::number: return "a number";
  }
  return "a value";
}

Error unknown(std::string_view key, std::string_view where,
              std::span<const std::string_view> known) {
  const auto near = closest(key, known.data(), known.size());
  return fail(ErrorId::bad_config,
              fmt::format("{}: there is no setting {}{}", where, printable(key),
                          near ? fmt::format("; did you mean {}?", *near) : std::string()));
}

Error unknown_key(std::string_view key, std::string_view where) {
  std::vector<std::string_view> keys;
  for (const SettingInfo& info : all_settings()) keys.push_back(info.key);
  return unknown(key, where, keys);
}

std::string environment_name(std::string_view key) {
  std::string name("HONE_");
  for (const char c : key) {
    name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

template <class T>
std::optional<T> parsed_number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [to, failure] = std::from_chars(text.data(), end, value);
  return failure == std::errc() && to == end ? std::optional(value) : std::nullopt;
}

bool is_choice(std::string_view choices, std::string_view text) {
  while (!choices.empty()) {
    const size_t bar = choices.find('|');
    if (choices.substr(0, bar) == text) return true;
    choices.remove_prefix(bar == std::string_view::npos ? choices.size() : bar + 1);
  }
  return false;
}

}  // namespace

const std::vector<SettingInfo>& all_settings() { return table().rows; }

Config::Config() {
  for (const SettingInfo& info : all_settings()) {
    auto value = parse(info, info.initial, "default");
    CHECK(value.ok());
    settings_.push_back({value.take(), "default"});
  }
}

Result<Config::Value> Config::parse(const SettingInfo& info, std::string_view text,
                                    std::string_view source) {
  Value value;
  bool valid = false;
  switch (info.type) {
    case SettingType::text:
      valid = (info.choices.empty() || is_choice(info.choices, text)) && is_utf8(text) &&
              text.find('\0') == std::string_view::npos;
      value.emplace<std::string>(text);
      break;
    case SettingType::integer: {
      const auto number = parsed_number<int64_t>(text);
      valid = number && *number >= info.low && *number <= info.high;
      value.emplace<int64_t>(number.value_or(0));
      break;
    }
    case SettingType::boolean:
      valid = text == "true" || text == "false";
      value.emplace<bool>(text == "true");
      break;
    case SettingType::bytes: {
      const auto number = parse_bytes(text);
      valid = number.has_value();
      value.emplace<uint64_t>(number.value_or(0));
      break;
    }
    case SettingType::number: {
      const auto number = parsed_number<double>(text);
      valid = number && std::isfinite(*number);
      value.emplace<double>(number.value_or(0));
      break;
    }
  }
  if (valid) return value;
  return fail(ErrorId::bad_config, fmt::format("{}: {} takes {}, not \"{}\"", source, info.key,
                                               expected(info), printable(text)));
}

Status Config::load_file(const std::string& path, ConfigTrust trust) {
  const MappedFile file = TRY(MappedFile::open(path));
  if (file.size() > kMostFile) {
    return fail(ErrorId::bad_config,
                fmt::format("{} has {} bytes, above {}", printable(path), file.size(), kMostFile));
  }
  const std::string text(reinterpret_cast<const char*>(file.bytes().data()), file.size());
  return load_text(text, path, trust);
}

Status Config::load_text(std::string_view text, const std::string& name, ConfigTrust trust) {
  std::vector<Setting> changed = settings_;
  std::vector<bool> seen(changed.size());
  for (const ConfigEntry& entry : TRY(read_config(text, name))) {
    const std::string where = fmt::format("{}:{}", printable(name), entry.line);
    const auto found = find(entry.key);
    if (!found) {
      // `log:` with all its keys commented out.
      if (entry.kind == ConfigEntry::Kind::nothing && is_section(entry.key)) continue;
      return unknown_key(entry.key, where);
    }
    const SettingInfo& info = all_settings()[*found];
    if (seen[*found]) {  // once as a tree and once with dots
      return fail(ErrorId::bad_config, fmt::format("{}: the key {} stands twice", where, info.key));
    }
    seen[*found] = true;
    const bool quoted_number =
        entry.kind == ConfigEntry::Kind::quoted &&
        (info.type == SettingType::integer || info.type == SettingType::boolean ||
         info.type == SettingType::number);
    if (quoted_number || entry.kind == ConfigEntry::Kind::list ||
        entry.kind == ConfigEntry::Kind::nothing) {
      return fail(ErrorId::bad_config,
                  fmt::format("{}: {} takes {}, not {}", where, info.key, expected(info),
                              quoted_number                           ? "a quoted text"
                              : entry.kind == ConfigEntry::Kind::list ? "a list"
                                                                      : "nothing"));
    }
    Value value = TRY(parse(info, entry.text, where));
    if (trust == ConfigTrust::working_folder && info.names_program) {
      Error error = fail(ErrorId::bad_config,
                         fmt::format("{}: a file in the working folder may not set {}, which is a "
                                     "program to run",
                                     where, info.key));
      error.hint = "if you trust the file, give it with --config; else remove the line";
      return error;
    }
    if (trust == ConfigTrust::model_folder) {
      if (!info.from_model_folder) {
        Error error =
            fail(ErrorId::bad_config,
                 fmt::format("{}: a file beside a model may not set {}", where, info.key));
        error.hint = "if you trust the file, give it with --config; else remove the line";
        return error;
      }
      // Values of one setting have one alternative, so < compares numbers.
      if (info.key.starts_with(kLimits) && settings_[*found].value < value) {
        return fail(
            ErrorId::bad_config,
            fmt::format("{}: a file beside a model may lower {} below {}, not raise it to {}",
                        where, info.key, print(settings_[*found].value), print(value)));
      }
    }
    changed[*found] = {std::move(value), where};
  }
  settings_ = std::move(changed);
  return ok();
}

Status Config::load_environment(const char* const* environment) {
  std::vector<std::string> names;
  for (const SettingInfo& info : all_settings()) names.push_back(environment_name(info.key));
  std::vector<Setting> changed = settings_;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const size_t equals = variable.find('=');
    const std::string_view name = variable.substr(0, equals);
    if (!name.starts_with("HONE_") || equals == std::string_view::npos || name == "HONE_CONFIG" ||
        name == "HONE_INSTRUCTION_SET") {
      continue;
    }
    size_t i = 0;
    while (i < names.size() && names[i] != name) ++i;
    if (i == names.size()) {
      const std::vector<std::string_view> known(names.begin(), names.end());
      return unknown(name, "environment", known);
    }
    const std::string source = fmt::format("environment {}", name);
    Value value = TRY(parse(all_settings()[i], variable.substr(equals + 1), source));
    changed[i] = {std::move(value), source};
  }
  settings_ = std::move(changed);
  return ok();
}

Status Config::set(std::string_view key, std::string_view text, std::string_view source) {
  const auto found = find(key);
  if (!found) return unknown_key(key, source);
  settings_[*found] = {TRY(parse(all_settings()[*found], text, source)), std::string(source)};
  return ok();
}

template <class T>
const T& Config::get(std::string_view key) const {
  const auto found = find(key);
  CHECK(found.has_value());
  const T* value = std::get_if<T>(&settings_[*found].value);
  CHECK(value != nullptr);
  return *value;
}

const std::string& Config::text(std::string_view key) const { return get<std::string>(key); }
int64_t Config::integer(std::string_view key) const { return get<int64_t>(key); }
bool Config::boolean(std::string_view key) const { return get<bool>(key); }
uint64_t Config::bytes(std::string_view key) const { return get<uint64_t>(key); }
double Config::number(std::string_view key) const { return get<double>(key); }

const std::string& Config::source(std::string_view key) const {
  const auto found = find(key);
  CHECK(found.has_value());
  return settings_[*found].source;
}

Limits Config::limits() const {
  Limits limits;
  for (const LimitInfo& limit : all_limits()) {
    const std::string key = fmt::format("{}{}", kLimits, limit.name);
    limits.*limit.field = limit.is_bytes ? bytes(key) : static_cast<uint64_t>(integer(key));
  }
  return limits;
}

std::string Config::print(const Value& value) {
  switch (static_cast<SettingType>(value.index())) {
    case SettingType::text: return printable(std::get<std::string>(value));
    case SettingType::integer: return std::to_string(std::get<int64_t>(value));
    case SettingType::boolean: return std::get<bool>(value) ? "true" : "false";
    case SettingType::bytes: return exact_bytes(std::get<uint64_t>(value));
    case SettingType::number: return exact(std::get<double>(value));
  }
  return "";
}

std::string Config::show() const {
  std::string out;
  for (size_t i = 0; i < settings_.size(); ++i) {
    const std::string value = print(settings_[i].value);
    out += fmt::format("{} = {}  # {}\n", all_settings()[i].key, value.empty() ? "\"\"" : value,
                       settings_[i].source);
  }
  return out;
}

void Config::write_json(JsonWriter& json) const {
  json.begin_object();
  for (size_t i = 0; i < settings_.size(); ++i) {
    json.key(all_settings()[i].key);
    json.begin_object();
    json.key("value");
    std::visit([&](const auto& value) { json.value(value); }, settings_[i].value);
    json.member("source", settings_[i].source);
    json.end_object();
  }
  json.end_object();
}

std::string Config::file_template() {
  std::string out(
      "# Settings of hone. Precedence: defaults, this file, environment (HONE_LOG_LEVEL), flags.\n"
      "# Take the # off a line to set it.\n");
  std::string_view section;
  for (const SettingInfo& info : all_settings()) {
    const size_t dot = info.key.find('.');
    const std::string_view here =
        dot == std::string_view::npos ? std::string_view() : info.key.substr(0, dot);
    if (here != section && !here.empty()) out += fmt::format("\n{}:\n", here);
    if (here != section && here.empty()) out += '\n';
    section = here;
    const std::string_view name = info.key.substr(here.empty() ? 0 : dot + 1);
    const std::string_view indent = here.empty() ? "" : "  ";
    out += fmt::format("{}# {}; {}\n{}# {}: {}\n", indent, info.doc, expected(info), indent, name,
                       info.initial.empty() ? "\"\"" : info.initial);
  }
  return out;
}

}  // namespace hone
