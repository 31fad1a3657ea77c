// Reports in every form, with names that try to break out of them.
#include <gtest/gtest.h>

#include <cmath>

#include "report/document.h"
#include "report/escape.h"
#include "report/figures.h"
#include "report/plots.h"
#include "report/svg.h"

namespace hone::report {
namespace {

constexpr std::string_view kHostile =
    "<script>alert('x')</script>&\"=1+1|`*_\x1b[2J\x80\xe2\x80\xae";

TEST(Escape, Html) {
  const std::string text = html_text(kHostile);
  for (const char c : {'<', '>', '"', '\''}) EXPECT_EQ(text.find(c), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("&lt;script&gt;"), std::string::npos);
  EXPECT_NE(text.find("\\x1b"), std::string::npos) << text;
  EXPECT_EQ(html_text("größer · 90 %"), "größer · 90 %");
}

TEST(Escape, LongTextsAreCut) {
  EXPECT_LE(short_name(std::string(100'000, 'x')).size(), 130u);
  EXPECT_LE(html_text(std::string(100'000, '<')).size(), 4 * 4100u);
  // At the border of a character.
  std::string umlauts;
  for (int i = 0; i < 5000; ++i) umlauts += "ä";
  EXPECT_EQ(html_text("x" + umlauts).find("\\x"), std::string::npos);
  EXPECT_EQ(short_name("x" + umlauts).find("\\x"), std::string::npos);
  EXPECT_EQ(short_name(umlauts).find("\\x"), std::string::npos);
}

TEST(Escape, Markdown) {
  const std::string text = markdown_text(kHostile);
  EXPECT_EQ(text.find('<'), std::string::npos);
  EXPECT_NE(text.find("\\|"), std::string::npos);
  EXPECT_NE(text.find("\\`"), std::string::npos);
  EXPECT_EQ(markdown_text("channels_last_conv"), "channels_last_conv");
  EXPECT_EQ(markdown_text("_a_"), "\\_a\\_");
  EXPECT_EQ(markdown_text("a\nb").find('\n'), std::string::npos);
}

TEST(Escape, Csv) {
  for (const char* formula : {"=1+1", "+1", "-1", "@SUM(A1)"})
    EXPECT_EQ(csv_text(formula), std::string("'") + formula);
  EXPECT_EQ(csv_text("plain/name_1"), "plain/name_1");
  EXPECT_EQ(csv_text("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_text("say \"a\""), "\"say \"\"a\"\"\"");
  EXPECT_EQ(csv_text("=HYPERLINK(\"a\")"), "\"'=HYPERLINK(\"\"a\"\")\"");
  EXPECT_EQ(csv_text("a\nb\tc").find_first_of("\n\t"), std::string::npos);
}

TEST(Csv, NumbersReadBack) {
  const std::string text =
      csv({{"name", "x"},
           {{std::string("a"), 0.1}, {std::string("b"), -0.25}, {std::string("c"), std::nan("")}}});
  EXPECT_EQ(text, "name,x\na,0.1\nb,-0.25\nc,\n");
}

TEST(Formats, ByEndingAndName) {
  EXPECT_EQ(*format_of("a/b.html"), Format::html);
  EXPECT_EQ(*format_of("b.md"), Format::markdown);
  EXPECT_EQ(*format_of("x.y.csv"), Format::csv);
  EXPECT_EQ(*format_of("b.json"), Format::json);
  EXPECT_EQ(*format_named("md"), Format::markdown);
  for (const char* path : {"a", "a.b/c", "a.", "a.pdf", ""}) {
    const auto format = format_of(path);
    ASSERT_FALSE(format.ok()) << path;
    EXPECT_EQ(format.error().id, ErrorId::usage);
    EXPECT_FALSE(format.error().hint.empty());
  }
}

Document document() {
  Document d;
  d.title = d.subtitle = kHostile;
  const std::string name(kHostile);
  d.sections.push_back(
      {name,
       {Facts{{{name, name}}}, Table{name, {{name}, {"n", true}}, {{name, "1"}}, name},
        HeatMap{name, name, {name, "b"}, {name}, {{0.03, std::nan("")}}, name}, Paragraph{name}}});
  return d;
}

// tests/cli/report_test.py parses whole pages.
TEST(Html, NamesStayText) {
  const std::string text = html(document());
  EXPECT_EQ(text.find("<script"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  for (const char* outside : {"http:", "https:", "src=", "url(", "@import", "<link"})
    EXPECT_EQ(text.find(outside), std::string::npos) << outside;
  EXPECT_NE(text.find("class=\"h1\">3.0 %"), std::string::npos);
}

TEST(Markdown, NamesStayText) {
  const std::string text = markdown(document());
  EXPECT_EQ(text.find('<'), std::string::npos);
  EXPECT_NE(text.find("| 3 % |"), std::string::npos) << text;
  EXPECT_FALSE(text.ends_with("\n\n"));
}

TEST(Scales, Ticks) {
  const Scale decades(1, 1e6, 0, 600, true);
  EXPECT_EQ(decades.ticks(8).size(), 7u);
  EXPECT_NEAR(decades(1e3), 300, 1e-9);
  // Few powers of ten: what lies between is named too.
  EXPECT_EQ(Scale(3, 60, 0, 1, true).ticks(8), (std::vector<double>{5, 10, 20, 50}));
  const auto steps = Scale(0, 10, 0, 1, false).ticks(8);
  EXPECT_EQ(steps, (std::vector<double>{0, 2, 4, 6, 8, 10}));
  // Nothing to span.
  EXPECT_FALSE(Scale(5, 5, 0, 1, false).ticks(8).empty());
  EXPECT_TRUE(std::isfinite(Scale(0, 0, 0, 1, true)(0)));
}

TEST(Plots, OfNothing) {
  EXPECT_TRUE(roofline({}, 10).svg.empty());
  EXPECT_TRUE(memory_timeline({}, {}).svg.empty());
  EXPECT_TRUE(intervals("", {}, time_text, "").svg.empty());
}

TEST(Plots, PointsUnderTheirRoofs) {
  estimate::Analysis a;
  a.device_name = std::string(kHostile);
  a.roofs = {{"32-bit floats", 1e11, true}, {"memory", 1e10, false}};
  for (int i = 0; i < 20; ++i)
    a.operators.push_back({size_t(i), std::string(kHostile), "conv", "conv", 1e6, 2e6, 1e5,
                           estimate::Quantity::exactly(1e-4 * (i + 1), "x"),
                           estimate::Bound::memory});
  a.operators.push_back({20, "moves", "transpose", "movement", 0, 0, 1e5,
                         estimate::Quantity::exactly(1, "x"), estimate::Bound::memory});
  const auto circles = [](const Figure& f) {
    size_t count = 0;
    for (size_t at = f.svg.find("<circle"); at != std::string::npos;
         at = f.svg.find("<circle", at + 1))
      ++count;
    return count - estimate::kBounds;  // those of the legend
  };
  const Figure all = roofline(a, 100);
  EXPECT_EQ(circles(all), 20u);
  EXPECT_EQ(all.svg.find("<script"), std::string::npos);
  EXPECT_EQ(all.svg.find("nan"), std::string::npos);
  EXPECT_EQ(circles(roofline(a, 5)), 5u);
  a.roofs.clear();
  EXPECT_EQ(circles(roofline(a, 100)), 20u);
}

}  // namespace
}  // namespace hone::report
