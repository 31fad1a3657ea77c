// Records as comma-separated values.
#include <charconv>
#include <cmath>

#include "report/document.h"
#include "report/escape.h"

namespace hone::report {
namespace {

// The shortest text that reads back as the same number; nothing where there is none.
std::string number_text(double number) {
  if (!std::isfinite(number)) return {};
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number);
  return {text, end.ptr};
}

}  // namespace

// RFC 4180, with line feeds.
std::string csv(const Records& records) {
  std::string text;
  const auto put = [&](size_t i, const std::string& cell) { text += (i > 0 ? "," : "") + cell; };
  for (size_t i = 0; i < records.columns.size(); ++i) put(i, csv_text(records.columns[i]));
  text += '\n';
  for (const auto& row : records.rows) {
    for (size_t i = 0; i < row.size(); ++i)
      put(i, std::holds_alternative<double>(row[i]) ? number_text(std::get<double>(row[i]))
                                                    : csv_text(std::get<std::string>(row[i])));
    text += '\n';
  }
  return text;
}

}  // namespace hone::report
