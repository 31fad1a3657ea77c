// Text from files that nobody has checked, made harmless for each form of a report.
#pragma once

#include <string>
#include <string_view>

namespace hone::report {

// A name as reports show it: long ones lose their end.
std::string short_name(std::string_view name);

// Control and bidirectional characters and invalid UTF-8 first become printable (base/text.h), and
// texts of more than 4 kB are cut. Then what could be markup is escaped; for attributes too.
std::string html_text(std::string_view text);
// Also line breaks: the result is one line, and fits a cell of a table.
std::string markdown_text(std::string_view text);
// With quotes where needed. What a spreadsheet would take for a formula gets an apostrophe.
std::string csv_text(std::string_view text);

}  // namespace hone::report
