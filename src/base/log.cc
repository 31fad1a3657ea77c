// Log lines: their two forms and the one write that puts them out.
#include "base/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "base/json_writer.h"
#include "base/text.h"

namespace hone {
namespace {

constexpr std::array<std::string_view, 5> kLevels{"error", "warn", "note", "info", "debug"};

// Set once by main; constant-initialized, so there is no order of initialization to get wrong.
constinit std::atomic<LogLevel> g_level{LogLevel::note};
constinit std::atomic<LogFormat> g_format{LogFormat::text};

double seconds_now() {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  return now.count();
}

std::string utc(double time) {
  const double whole = std::floor(time);
  const auto seconds = static_cast<time_t>(whole);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> buffer;
  const size_t length = std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string text(buffer.data(), length);
  const int milliseconds = static_cast<int>((time - whole) * 1000);
  std::snprintf(buffer.data(), buffer.size(), ".%03dZ", milliseconds);
  return text += buffer.data();
}

std::string text_value(const Field& field) {
  switch (field.kind) {
    case Field::Kind::boolean: return field.integer != 0 ? "true" : "false";
    case Field::Kind::integer: return std::to_string(field.integer);
    case Field::Kind::large: return std::to_string(field.large);
    case Field::Kind::real: return exact(field.real);
    case Field::Kind::text: break;
  }
  const std::string safe = printable(field.text);
  const bool plain = !safe.empty() && safe.find_first_of(" =\"") == std::string::npos;
  return plain ? safe : quote(safe);
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == text) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::optional<LogFormat> parse_log_format(std::string_view text) {
  if (text == "text") return LogFormat::text;
  if (text == "json") return LogFormat::json;
  return std::nullopt;
}

std::string_view name(LogLevel level) { return kLevels[static_cast<size_t>(level)]; }

void configure_log(LogLevel level, LogFormat format) {
  g_level.store(level, std::memory_order_relaxed);
  g_format.store(format, std::memory_order_relaxed);
}

bool log_enabled(LogLevel level) { return level <= g_level.load(std::memory_order_relaxed); }

LogFormat log_format() { return g_format.load(std::memory_order_relaxed); }

std::string log_time() { return utc(seconds_now()); }

std::string log_line(LogFormat format, LogLevel level, double time, std::string_view message,
                     std::initializer_list<Field> fields) {
  std::string line;
  if (format == LogFormat::json) {
    JsonWriter json(line, 0);
    json.begin_object();
    json.member("time", utc(time));
    json.member("level", name(level));
    json.member("message", message);
    for (const Field& field : fields) json.member(field);
    json.end_object();
    return line;
  }
  line = "hone: ";
  line += level == LogLevel::warn ? std::string_view("warning") : name(level);
  line += ": ";
  // A message may have several lines of our own; names inside it went through printable() already.
  line += message;
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += text_value(field);
  }
  return line;
}

void log_message(LogLevel level, std::string_view message, std::initializer_list<Field> fields) {
  std::string line = log_line(log_format(), level, seconds_now(), message, fields);
  line += '\n';
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t wrote = write(STDERR_FILENO, left.data(), left.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;  // nowhere to report it
    left.remove_prefix(static_cast<size_t>(wrote));
  }
}

}  // namespace hone
