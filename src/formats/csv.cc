#include "formats/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace hone {
namespace {
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
}  // namespace

class CsvParser {
 public:
  CsvParser(std::string_view text, Ledger& ledger, CsvTable& table)
      : text_(text), ledger_(ledger), table_(table) {}

  Status parse() {
    TRY(prepare());
    while (at_ < text_.size()) {
      if (blank_to_the_end()) break;
      TRY(row());
    }
    if (table_.lines_.empty()) {
      return fail(ErrorId::malformed, fmt::format("{}: there is no header", table_.name_));
    }
    return unique_headers();
  }

 private:
  Error error(std::string_view what) const {
    return fail(ErrorId::malformed, fmt::format("{}:{}: {}", table_.name_, line_, what));
  }

  Status prepare() {
    TRY(ledger_.charge(text_.size(), "a CSV table"));
    const size_t valid = utf8_prefix(text_);
    if (valid != text_.size()) {
      return fail(ErrorId::not_utf8, fmt::format("{}: the byte at {}", table_.name_, valid));
    }
    if (const size_t nul = text_.find('\0'); nul != std::string_view::npos) {
      return fail(ErrorId::malformed, fmt::format("{}: a NUL at byte {}", table_.name_, nul));
    }
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    table_.text_.reserve(text_.size());  // cells are never longer than what they are written as
    return ok();
  }

  bool blank_to_the_end() const {
    return text_.find_first_not_of("\r\n", at_) == std::string_view::npos;
  }

  Status row() {
    TRY(reserve_charged(ledger_, table_.lines_, 1, "rows of a CSV table"));
    table_.lines_.push_back(line_);
    const uint64_t first_line = line_;
    size_t count = 0;
    for (bool more = true; more; ++count) {
      if (count == CsvTable::kMostColumns) {
        return fail(ErrorId::over_size, fmt::format("{}:{}: more than {} columns", table_.name_,
                                                    line_, CsvTable::kMostColumns));
      }
      more = TRY(cell());
    }
    if (table_.columns_ == 0) table_.columns_ = count;
    if (count != table_.columns_) {
      return fail(ErrorId::malformed,
                  fmt::format("{}:{}: {} cells where the header has {}", table_.name_, first_line,
                              count, table_.columns_));
    }
    return ok();
  }

  // Reads a cell and what ends it; false at the end of a row.
  Result<bool> cell() {
    TRY(reserve_charged(ledger_, table_.cells_, 1, "cells of a CSV table"));
    const uint64_t offset = table_.text_.size();
    if (at_ < text_.size() && text_[at_] == '"') {
      TRY(quoted());
    } else {
      TRY(plain());
    }
    table_.cells_.push_back({offset, table_.text_.size() - offset});
    return separator();
  }

  Status plain() {
    const size_t end = std::min(text_.find_first_of(",\r\n\"", at_), text_.size());
    table_.text_.append(text_.substr(at_, end - at_));
    at_ = end;
    if (at_ < text_.size() && text_[at_] == '"') {
      return error("a quote inside a cell that does not begin with one");
    }
    return ok();
  }

  Status quoted() {
    const uint64_t begin = line_;
    for (++at_;;) {
      const size_t end = text_.find('"', at_);
      if (end == std::string_view::npos) {
        line_ = begin;
        return error("a quoted cell does not end");
      }
      const std::string_view piece = text_.substr(at_, end - at_);
      line_ += static_cast<uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
      table_.text_.append(piece);
      at_ = end + 1;
      if (at_ == text_.size() || text_[at_] != '"') return ok();
      table_.text_ += '"';
      ++at_;
    }
  }

  Result<bool> separator() {
    if (at_ == text_.size()) return false;
    if (text_[at_] == ',') {
      ++at_;
      return true;
    }
    const bool carriage_return = text_[at_] == '\r';
    if (carriage_return) ++at_;
    if (at_ == text_.size() || text_[at_] != '\n') {
      return error(carriage_return ? "a carriage return without a line feed"
                                   : "something follows the quote that ends a cell");
    }
    ++at_;
    ++line_;
    return false;
  }

  Status unique_headers() const {
    std::vector<std::string_view> names;
    for (size_t c = 0; c < table_.columns_; ++c) names.push_back(table_.header(c));
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice == names.end()) return ok();
    return fail(ErrorId::duplicate_name, fmt::format("{}:1: two columns are called \"{}\"",
                                                     table_.name_, printable(*twice)));
  }

  std::string_view text_;
  Ledger& ledger_;
  CsvTable& table_;
  size_t at_ = 0;
  uint64_t line_ = 1;
};

Result<CsvTable> CsvTable::parse(std::string_view text, std::string_view name, Ledger& ledger) {
  CsvTable table;
  table.name_ = printable(name);
  TRY(CsvParser(text, ledger, table).parse());
  return table;
}

std::optional<size_t> CsvTable::find(std::string_view header) const {
  for (size_t c = 0; c < columns_; ++c)
    if (at(c) == header) return c;
  return std::nullopt;
}

Result<size_t> CsvTable::column(std::string_view header) const {
  if (const auto found = find(header)) return *found;
  constexpr size_t kShown = 20;
  std::string all;
  for (size_t c = 0; c < std::min(columns_, kShown); ++c) {
    all += fmt::format("{}{}", c == 0 ? "" : ", ", printable(at(c)));
  }
  if (columns_ > kShown) all += fmt::format(" and {} more", columns_ - kShown);
  Error missing = fail(ErrorId::bad_data, fmt::format("{}:1: there is no column {}; there are {}",
                                                      name_, header, all));
  missing.hint = "name the columns in the first line of the table";
  return missing;
}

Error CsvTable::error(size_t row, size_t column, std::string_view what) const {
  Error wrong = fail(ErrorId::bad_data, fmt::format("{}:{}, column {}: {}", name_, line(row),
                                                    printable(header(column)), what));
  wrong.hint = "correct the cell, or take its row out of the table";
  return wrong;
}

Result<double> CsvTable::number(size_t row, size_t column) const {
  const std::string_view text = cell(row, column);
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return error(row, column, fmt::format("\"{}\" is not a number", printable(text)));
  }
  return value;
}

Result<std::optional<double>> CsvTable::optional_number(size_t row, size_t column) const {
  if (cell(row, column).empty()) return std::optional<double>();
  return std::optional<double>(TRY(number(row, column)));
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    // A cell that begins with a byte order mark would lose it in front of a file.
    if (cells[i].find_first_of(",\"\r\n") == std::string::npos &&
        !cells[i].starts_with(kByteOrderMark)) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (const char c : cells[i]) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  // A lone empty cell would read back as no row at all.
  if (cells.size() == 1 && cells[0].empty()) line = "\"\"";
  return line + '\n';
}

}  // namespace hone
