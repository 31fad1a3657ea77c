#include "cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace hone::cli {
namespace {

// Columns that a text takes on a terminal, near enough: one for each code point.
size_t width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

void put(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

Style style(const Config& config, int descriptor) {
  const std::string& when = config.text("color");
  const char* none = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool able =
      isatty(descriptor) && !(none && *none) && !(terminal && std::string_view(terminal) == "dumb");
  if (when == "never" || (when != "always" && !able)) return {};
  return {"\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m"};
}

std::string table(const std::vector<std::vector<std::string>>& rows,
                  const std::vector<size_t>& right, std::string_view indent) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line(indent);
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string pad(widths[c] - width(row[c]), ' ');
      const bool to_right = std::find(right.begin(), right.end(), c) != right.end();
      line += (c ? "  " : "") + (to_right ? pad + row[c] : row[c] + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

void put_json(const std::function<void(JsonWriter&)>& write) {
  std::string out;
  JsonWriter json(out);
  write(json);
  put(out + "\n");
}

Progress::Progress(const Arguments& arguments)
    : on_(isatty(2) && !arguments.json && log_format() == LogFormat::text),
      next_(std::chrono::steady_clock::now() + std::chrono::milliseconds(500)) {}

Progress::~Progress() { hide(); }

void Progress::hide() {
  if (std::exchange(shown_, false)) std::fputs("\r\033[K", stderr);
}

void Progress::show(std::string_view what, size_t done, size_t all) {
  const auto now = std::chrono::steady_clock::now();
  if (!on_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  shown_ = true;
  fmt::print(stderr, "\r\033[K{} {} of {}", what, done, all);
  std::fflush(stderr);
}

void note(const Arguments& arguments, std::string_view message) {
  if (arguments.json && log_format() != LogFormat::json) return;
  LOG(note, message);
}

void put_aside(std::string_view message, std::initializer_list<Field> fields,
               std::string_view text) {
  std::fflush(stdout);  // the two may go to one place, where each line follows what was said before
  if (log_format() == LogFormat::json)
    log_message(LogLevel::note, message, fields);
  else
    std::fwrite(text.data(), 1, text.size(), stderr);
}

void write_error(JsonWriter& json, const Error& error) {
  const ErrorInfo& known = info(error.id);
  json.begin_object();
  json.member("code", known.code);
  json.member("message", error.message);
  json.key("context");
  json.begin_array();
  for (const std::string& what : error.context) json.value(what);
  json.end_array();
  json.member("hint", error.hint.empty() ? known.hint : std::string_view(error.hint));
  json.member("exit_code", exit_code(known.blame));
  json.end_object();
}

std::string error_text(const Error& error, bool json, const Style& style, const std::string& time) {
  std::string out;
  if (const bool line = log_format() == LogFormat::json; line || json) {
    JsonWriter writer(out, line ? 0 : 2);
    writer.begin_object();
    if (line) {
      if (!time.empty()) writer.member("time", time);
      writer.member("level", name(LogLevel::error));
      writer.member("message", error.message);
    }
    writer.key("error");
    write_error(writer, error);
    writer.end_object();
  } else {
    out = std::string(style.red) + "hone: " + std::string(style.reset) + describe(error);
  }
  return out += "\n";
}

void print_error(const Error& error, bool json, const Style& style) {
  const std::string out = error_text(error, json, style, log_time());
  std::fwrite(out.data(), 1, out.size(), stderr);
}

}  // namespace hone::cli
