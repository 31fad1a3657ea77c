// What commands print: tables, colours, JSON documents, errors.
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/field.h"
#include "base/json_writer.h"
#include "cli/command.h"

namespace hone::cli {

// Writes to standard output.
void put(std::string_view text);

// Escape codes, or nothing where colours are off: on a terminal only, unless NO_COLOR is set, the
// terminal is dumb, or `color` says otherwise.
struct Style {
  std::string_view bold, dim, red, green, yellow, reset;
};
Style style(const Config& config, int descriptor = 1);

// Rows with columns of equal width, two spaces apart; columns that `right` names by position are
// aligned to the right. The first row is the header where `header` is set.
std::string table(const std::vector<std::vector<std::string>>& rows,
                  const std::vector<size_t>& right = {}, std::string_view indent = "  ");

// One JSON document and a newline on standard output.
void put_json(const std::function<void(JsonWriter&)>& write);

// A line on a terminal's standard error while long work goes on; nothing when that is not a
// terminal, with --json, or in the first half second.
class Progress {
 public:
  explicit Progress(const Arguments& arguments);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // wipes the line
  void show(std::string_view what, size_t done, size_t all);
  void hide();  // until the next show()

 private:
  bool on_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

// Tells the user on standard error what the command did beyond what was asked, unless the log level
// hides notes. With --json, standard error holds errors in JSON and nothing else: there notes are
// told only if the log is JSON too.
void note(const Arguments& arguments, std::string_view message);

// What a flag asked for and what goes to standard error: `text`, or a log line of `message` and
// `fields` where the log is JSON.
void put_aside(std::string_view message, std::initializer_list<Field> fields,
               std::string_view text);

// The error as the command line shows it, on standard error: as text, as a JSON document where
// `json` is set, and as a line of JSON where the log is JSON.
void print_error(const Error& error, bool json, const Style& style);
// What print_error writes; `time` stands in log lines of JSON, unless it is empty.
std::string error_text(const Error& error, bool json, const Style& style, const std::string& time);
// The error as a JSON object, for documents that tell of errors.
void write_error(JsonWriter& json, const Error& error);

}  // namespace hone::cli
