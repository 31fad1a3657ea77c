// Drawings as SVG within a page: coordinates, axes, text that cannot be markup. Colours are classes
// of the page (html.cc), so that drawings follow it into the dark and onto paper.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone::report {

// From values to coordinates, straight or logarithmic.
class Scale {
 public:
  Scale(double low, double high, double from, double to, bool logarithmic);
  double operator()(double value) const;
  // Round values within, few enough to be read: powers of ten, or steps of 1, 2 or 5 of one.
  std::vector<double> ticks(size_t most) const;
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  double low_, high_, from_, to_;
  bool logarithmic_;
};

class Svg {
 public:
  // `words` is for those who do not see it.
  Svg(double width, double height, std::string_view words);
  // Class names are ours: "grid", "roof memory".
  void line(double x1, double y1, double x2, double y2, std::string_view classes);
  void rectangle(double x, double y, double width, double height, std::string_view classes,
                 std::string_view title = {});
  void circle(double x, double y, double radius, std::string_view classes, std::string_view title);
  // `d` in the syntax of paths.
  void path(std::string_view d, std::string_view classes);
  // anchor: "start", "middle", "end"
  void text(double x, double y, std::string_view text, std::string_view anchor = "start",
            std::string_view classes = {});
  void text_up(double x, double y, std::string_view text);  // turned by a quarter to the left
  std::string str() const { return out_ + "</svg>"; }

 private:
  std::string out_;
};

// Where a plot lies within its drawing.
struct Frame {
  double left, top, right, bottom;
};
// Grid lines, their values and the names of the axes.
void draw_axes(Svg& svg, const Frame& frame, const Scale& x, const Scale& y,
               std::string (*x_text)(double), std::string (*y_text)(double),
               std::string_view x_name, std::string_view y_name);

}  // namespace hone::report
