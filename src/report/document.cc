#include "report/document.h"

#include "base/text.h"

namespace hone::report {

std::string_view name(Format format) {
  switch (format) {
    case Format::html: return "html";
    case Format::markdown: return "md";
    case Format::csv: return "csv";
    case Format::json: break;
  }
  return "json";
}

Result<Format> format_named(std::string_view text) {
  for (const Format format : {Format::html, Format::markdown, Format::csv, Format::json})
    if (text == name(format)) return format;
  Error error = fail(ErrorId::usage, "there is no format '" + printable(text) + "' of reports");
  error.hint = "html, md, csv or json";
  return error;
}

Result<Format> format_of(std::string_view path) {
  const size_t name = path.rfind('/') + 1, dot = path.rfind('.');
  const std::string_view ending =
      dot == std::string_view::npos || dot < name ? std::string_view() : path.substr(dot + 1);
  if (ending == "htm") return Format::html;
  if (ending == "markdown") return Format::markdown;
  if (auto format = format_named(ending)) return format;
  Error error =
      fail(ErrorId::usage, "the ending of '" + printable(path) + "' says no format of reports");
  error.hint = "end it with .html, .md, .csv or .json, or name one with --report-format";
  return error;
}

std::string written(const Report& report, Format format) {
  switch (format) {
    case Format::html: return html(report.document);
    case Format::markdown: return markdown(report.document);
    case Format::csv: return csv(report.records);
    case Format::json: break;
  }
  return report.json + "\n";
}

}  // namespace hone::report
