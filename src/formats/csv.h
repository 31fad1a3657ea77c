// Tables of comma-separated values (RFC 4180): a header with the names of the columns, then rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace hone {

// A table in memory, its cells unquoted. Lines end in LF or CR LF; the last one need not; a byte
// order mark in front, and empty lines behind the last row, are left out. Every row has as many
// cells as the header, and no two columns have the same name. Text must be UTF-8 without NULs.
class CsvTable {
 public:
  static constexpr uint64_t kMostColumns = 4096;

  // `name` is what errors call the file. Text above the limit `memory` is refused; what is kept is
  // charged to the ledger.
  static Result<CsvTable> parse(std::string_view text, std::string_view name, Ledger& ledger);

  const std::string& name() const { return name_; }
  size_t rows() const { return lines_.size() - 1; }
  size_t columns() const { return columns_; }
  std::string_view header(size_t column) const { return at(column); }
  // The line on which a row begins, from 1: the header is on the first.
  uint64_t line(size_t row) const { return lines_[row + 1]; }
  std::string_view cell(size_t row, size_t column) const {
    return at((row + 1) * columns_ + column);
  }

  std::optional<size_t> find(std::string_view header) const;
  // Of a column that has to be there; the error lists those that are.
  Result<size_t> column(std::string_view header) const;
  // A finite number, which is all of the cell; the error names file, line and column.
  Result<double> number(size_t row, size_t column) const;
  // None where the cell is empty.
  Result<std::optional<double>> optional_number(size_t row, size_t column) const;
  // An error about a cell: "FILE:LINE, column NAME: what".
  Error error(size_t row, size_t column, std::string_view what) const;

 private:
  friend class CsvParser;
  struct Cell {
    uint64_t offset;  // in text_
    uint64_t length;
  };
  std::string_view at(size_t cell) const {
    return std::string_view(text_).substr(cells_[cell].offset, cells_[cell].length);
  }

  std::string name_;
  std::string text_;  // of all cells, one behind the other
  std::vector<Cell> cells_;
  std::vector<uint64_t> lines_;  // of the header and the rows
  size_t columns_ = 0;
};

// One line of a table, with quotes where a cell needs them, and LF.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace hone
