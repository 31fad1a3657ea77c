// Documents as one HTML file: nothing is loaded and nothing runs. Follows the reader's choice of
// light and dark, narrow screens, and paper.
#include <fmt/format.h>

#include <cmath>

#include "report/document.h"
#include "report/escape.h"
#include "report/figures.h"

namespace hone::report {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--dim:#5b6470;--line:#d5dae0;--grid:#e9ecef;
--panel:#f6f7f9;--compute:#2f6fb5;--cache:#2c8a5b;--memory:#b9651b;--overhead:#8a5aa8;--accent:#2f6fb5;
--h0:#e6f3ea;--h1:#c9e6d1;--h2:#fdf0c4;--h3:#fbd7a0;--h4:#f5ab88;--h5:#e57a78;--hink:#1b1f24}
@media(prefers-color-scheme:dark){:root{--page:#14171b;--ink:#e4e7eb;--dim:#9aa4b0;--line:#3a414a;
--grid:#262b31;--panel:#1c2026;--compute:#6ea8e6;--cache:#62c493;--memory:#e6a05c;--overhead:#c398e0;
--accent:#6ea8e6;--h0:#1d3a2a;--h1:#2a5138;--h2:#5a4d1c;--h3:#6e4a1b;--h4:#7a3a25;--h5:#852c34;
--hink:#f1f3f5}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:68rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;line-height:1.3;margin:2.5rem 0 .75rem;padding-top:1rem;
border-top:1px solid var(--line);overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.75rem 0 .5rem}
p{margin:.5rem 0;max-width:48rem;overflow-wrap:anywhere}
.sub,.note,figcaption{color:var(--dim);font-size:.87rem}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.3rem 1.25rem;margin:1rem 0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-size:.87rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{font-weight:600;background:var(--panel);white-space:nowrap}
td{white-space:nowrap}
td.w{white-space:normal;min-width:15rem;max-width:30rem;overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap}
figure{margin:.5rem 0 1rem}
svg{display:block;width:100%;min-width:36rem;height:auto}
svg.small{min-width:0;max-width:36rem}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;fill:var(--dim)}
.grid{stroke:var(--grid)}.axis{stroke:var(--dim)}
.roof{stroke-width:1.8;fill:none}.roof.compute{stroke:var(--compute)}.roof.cache{stroke:var(--cache)}
.roof.memory{stroke:var(--memory)}.roof.far{stroke-dasharray:7 4}
svg .label{fill:var(--ink);paint-order:stroke;stroke:var(--page);stroke-width:3px}
svg .label.compute{fill:var(--compute)}svg .label.cache{fill:var(--cache)}
svg .label.memory{fill:var(--memory)}
.point{fill-opacity:.55;stroke-width:1.2}
.point.compute{fill:var(--compute);stroke:var(--compute)}.point.cache{fill:var(--cache);stroke:var(--cache)}
.point.memory{fill:var(--memory);stroke:var(--memory)}
.point.overhead{fill:var(--overhead);stroke:var(--overhead)}
.point.value{fill:var(--ink);fill-opacity:1}
.bar.compute{fill:var(--compute)}.bar.cache{fill:var(--cache)}.bar.memory{fill:var(--memory)}
.bar.overhead{fill:var(--overhead)}
.area{fill:var(--accent);fill-opacity:.28;stroke:var(--accent)}
.peak{fill:var(--memory);fill-opacity:.75}
.planned{stroke:var(--ink);stroke-dasharray:5 4}
.interval{fill:var(--accent);fill-opacity:.45}.interval.tie{fill:var(--memory)}
.heat td{text-align:right;color:var(--hink);border:1px solid var(--page);print-color-adjust:exact;
-webkit-print-color-adjust:exact}
.heat th[scope=row]{font-weight:400;white-space:normal;overflow-wrap:anywhere;min-width:9rem;
max-width:34rem}
.h0{background:var(--h0)}.h1{background:var(--h1)}.h2{background:var(--h2)}.h3{background:var(--h3)}
.h4{background:var(--h4)}.h5{background:var(--h5)}
@media(max-width:36rem){main{padding:1rem .75rem 2rem}dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:.6rem}h1{font-size:1.3rem}}
@media print{:root{--page:#fff;--ink:#000;--dim:#444;--line:#bbb;--grid:#e5e5e5;--panel:#f2f2f2;
--compute:#2f6fb5;--cache:#2c8a5b;--memory:#b9651b;--overhead:#8a5aa8;--accent:#2f6fb5;--h0:#e6f3ea;
--h1:#c9e6d1;--h2:#fdf0c4;--h3:#fbd7a0;--h4:#f5ab88;--h5:#e57a78;--hink:#000}
body{font-size:10pt}main{max-width:none;padding:0}.wide{overflow:visible}svg{min-width:0;max-height:7.5cm}
table{font-size:8pt}th,td{padding:.15rem .35rem}th,td{white-space:normal}td.w{min-width:0}h2,h3{break-after:avoid}
figure,tr{break-inside:avoid}thead{display:table-header-group}}
)";

std::string titled(const std::string& title) {
  return title.empty() ? "" : "<h3>" + html_text(title) + "</h3>\n";
}
std::string below(const std::string& note) {
  return note.empty() ? "" : "<p class=\"note\">" + html_text(note) + "</p>\n";
}

// Errors of 2, 5, 10, 20 and 50 %.
size_t shade(double error) {
  size_t shade = 0;
  for (const double bound : {0.02, 0.05, 0.1, 0.2, 0.5})
    if (std::abs(error) > bound) ++shade;
  return shade;
}

struct Writer {
  std::string operator()(const Facts& facts) const {
    std::string text = "<dl>\n";
    for (const auto& [name, what] : facts.rows)
      text += "<dt>" + html_text(name) + "</dt><dd>" + html_text(what) + "</dd>\n";
    return text + "</dl>\n";
  }
  std::string operator()(const Table& table) const {
    std::string text = titled(table.title) + "<div class=\"wide\"><table>\n<thead><tr>";
    const auto cell = [&](std::string_view tag, size_t i, const std::string& what) {
      const Column column = i < table.columns.size() ? table.columns[i] : Column{};
      const std::string_view classes = column.number  ? " class=\"n\""
                                       : column.wraps ? " class=\"w\""
                                                      : "";
      text += fmt::format("<{0}{1}>{2}</{0}>", tag, classes, html_text(what));
    };
    for (size_t i = 0; i < table.columns.size(); ++i) cell("th", i, table.columns[i].name);
    text += "</tr></thead>\n<tbody>\n";
    for (const auto& row : table.rows) {
      text += "<tr>";
      for (size_t i = 0; i < row.size(); ++i) cell("td", i, row[i]);
      text += "</tr>\n";
    }
    return text + "</tbody></table></div>\n" + below(table.note);
  }
  std::string operator()(const Figure& figure) const {
    if (figure.svg.empty()) return {};
    return titled(figure.title) + "<figure><div class=\"wide\">" + figure.svg + "</div>" +
           (figure.caption ? "<figcaption>" + html_text(figure.words) + "</figcaption>" : "") +
           "</figure>\n";
  }
  std::string operator()(const HeatMap& map) const {
    std::string text = titled(map.title) +
                       "<div class=\"wide\"><table class=\"heat\">\n<thead><tr><th>" +
                       html_text(map.corner) + "</th>";
    for (const std::string& c : map.columns) text += "<th class=\"n\">" + html_text(c) + "</th>";
    text += "</tr></thead>\n<tbody>\n";
    for (size_t r = 0; r < map.rows.size(); ++r) {
      text += "<tr><th scope=\"row\">" + html_text(map.rows[r]) + "</th>";
      for (const double cell : map.cells[r])
        text += std::isfinite(cell)
                    ? fmt::format("<td class=\"h{}\">{:.1f} %</td>", shade(cell), 100 * cell)
                    : "<td></td>";
      text += "</tr>\n";
    }
    return text + "</tbody></table></div>\n" + below(map.note);
  }
  std::string operator()(const Paragraph& paragraph) const {
    return "<p>" + html_text(paragraph.text) + "</p>\n";
  }
};

}  // namespace

std::string html(const Document& document) {
  const std::string title = html_text(document.title);
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      title + "</title>\n<style>" + std::string(kStyle) +
      "</style>\n</head>\n<body>\n<main>\n<h1>" + title + "</h1>\n";
  if (!document.subtitle.empty())
    text += "<p class=\"sub\">" + html_text(document.subtitle) + "</p>\n";
  for (const Section& section : document.sections) {
    text += "<section>\n";
    if (!section.title.empty()) text += "<h2>" + html_text(section.title) + "</h2>\n";
    for (const Part& part : section.parts) text += std::visit(Writer{}, part);
    text += "</section>\n";
  }
  return text + "</main>\n</body>\n</html>\n";
}

}  // namespace hone::report
