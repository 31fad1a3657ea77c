// Documents as Markdown, of the kind that repositories show.
#include <cmath>

#include "report/document.h"
#include "report/escape.h"
#include "report/figures.h"

namespace hone::report {
namespace {

std::string row_of(const std::vector<std::string>& cells) {
  std::string text = "|";
  for (const std::string& cell : cells) text += " " + markdown_text(cell) + " |";
  return text + "\n";
}

std::string grid(const std::vector<std::string>& head, const std::vector<bool>& numbers,
                 const std::vector<std::vector<std::string>>& rows) {
  std::string text = row_of(head) + "|";
  for (const bool number : numbers) text += number ? "---:|" : "---|";
  text += "\n";
  for (const auto& row : rows) text += row_of(row);
  return text + "\n";
}

std::string titled(const std::string& title) {
  return title.empty() ? "" : "### " + markdown_text(title) + "\n\n";
}
std::string below(const std::string& note) {
  return note.empty() ? "" : markdown_text(note) + "\n\n";
}

struct Writer {
  std::string operator()(const Facts& facts) const {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [name, what] : facts.rows) rows.push_back({name, what});
    return grid({"", ""}, {false, false}, rows);
  }
  std::string operator()(const Table& table) const {
    std::vector<std::string> head;
    std::vector<bool> numbers;
    for (const Column& c : table.columns) {
      head.push_back(c.name);
      numbers.push_back(c.number);
    }
    return titled(table.title) + grid(head, numbers, table.rows) + below(table.note);
  }
  std::string operator()(const Figure& figure) const { return below(figure.words); }
  std::string operator()(const HeatMap& map) const {
    std::vector<std::string> head{map.corner};
    head.insert(head.end(), map.columns.begin(), map.columns.end());
    std::vector<bool> numbers(head.size(), true);
    numbers[0] = false;
    std::vector<std::vector<std::string>> rows;
    for (size_t r = 0; r < map.rows.size(); ++r) {
      rows.push_back({map.rows[r]});
      for (const double cell : map.cells[r])
        rows.back().push_back(std::isfinite(cell) ? percent_text(cell) : "");
    }
    return titled(map.title) + grid(head, numbers, rows) + below(map.note);
  }
  std::string operator()(const Paragraph& paragraph) const { return below(paragraph.text); }
};

}  // namespace

std::string markdown(const Document& document) {
  std::string text = "# " + markdown_text(document.title) + "\n\n" + below(document.subtitle);
  for (const Section& section : document.sections) {
    if (!section.title.empty()) text += "## " + markdown_text(section.title) + "\n\n";
    for (const Part& part : section.parts) text += std::visit(Writer{}, part);
  }
  // One line break at the end, not two.
  if (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace hone::report
