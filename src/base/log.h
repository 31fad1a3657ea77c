// Messages for people and for collectors, on standard error only.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/field.h"

namespace hone {

// A note tells the user of a command what it did beyond what was asked, such as sizes it chose.
enum class LogLevel : uint8_t { error, warn, note, info, debug };
enum class LogFormat : uint8_t { text, json };

std::optional<LogLevel> parse_log_level(std::string_view text);
std::optional<LogFormat> parse_log_format(std::string_view text);
std::string_view name(LogLevel level);

// main() calls this once, before other threads exist. Until then: notes and what is graver, as
// text.
void configure_log(LogLevel level, LogFormat format);
bool log_enabled(LogLevel level);
LogFormat log_format();
// Now, as log lines in JSON give it: "2024-05-01T10:00:00.000Z".
std::string log_time();

// Writes one line at once, so that lines of several threads do not mix. Use LOG.
void log_message(LogLevel level, std::string_view message,
                 std::initializer_list<Field> fields = {});

// The line without its newline; `time` is seconds since the epoch and appears in JSON only.
//   hone: warning: cache is full path=/var/cache/hone bytes=1024
//   {"time": "2024-05-01T10:00:00.000Z", "level": "warn", "message": "cache is full", "bytes":
//   1024}
std::string log_line(LogFormat format, LogLevel level, double time, std::string_view message,
                     std::initializer_list<Field> fields);

}  // namespace hone

// LOG(info, "loaded", {{"file", path}, {"bytes", size}}); fields are not evaluated when the level
// is off.
#define LOG(level, ...)                                          \
  do {                                                           \
    if (::hone::log_enabled(::hone::LogLevel::level)) {          \
      ::hone::log_message(::hone::LogLevel::level, __VA_ARGS__); \
    }                                                            \
  } while (0)
