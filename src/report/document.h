// What a report says, apart from the form in which it is written.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace hone::report {

// All text is plain: names of models and nodes come from files that nobody has checked, and each
// form escapes what it has to. Only figures are markup, made by this module.

// Names with what they are.
struct Facts {
  std::vector<std::pair<std::string, std::string>> rows;
};

struct Column {
  std::string name;
  bool number = false;  // aligned to the right
  bool wraps = false;   // names of any length
};
struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
  std::string note;  // below it; "" for none
};

// An SVG, with what it shows in words for those who do not see it.
struct Figure {
  std::string title, svg, words;
  bool caption = true;  // show the words below it too
};

// Shades of cells between two names; NaN where there is nothing to tell.
struct HeatMap {
  std::string title;
  std::string corner;  // what rows are
  std::vector<std::string> columns, rows;
  std::vector<std::vector<double>> cells;  // relative errors, by row
  std::string note;
};

struct Paragraph {
  std::string text;
};

using Part = std::variant<Facts, Table, Figure, HeatMap, Paragraph>;

struct Section {
  std::string title;
  std::vector<Part> parts;
};

struct Document {
  std::string title, subtitle;
  std::vector<Section> sections;
};

// Numbers and texts for spreadsheets and programs, in base units.
struct Records {
  using Cell = std::variant<std::string, double>;
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
};

struct Report {
  Document document;
  Records records;
  std::string json;
};

enum class Format : uint8_t { html, markdown, csv, json };
// "html", "md", "csv", "json".
std::string_view name(Format format);
// By name, or by the ending of a path. Fails with `usage`.
Result<Format> format_named(std::string_view name);
Result<Format> format_of(std::string_view path);

std::string html(const Document& document);
std::string markdown(const Document& document);
std::string csv(const Records& records);
std::string written(const Report& report, Format format);

}  // namespace hone::report
