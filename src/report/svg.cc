#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/escape.h"

namespace hone::report {
namespace {

// Narrower drawings are shown as a whole on narrow screens.
constexpr double kWide = 600;

std::string class_of(std::string_view classes) {
  return classes.empty() ? "" : fmt::format(" class=\"{}\"", classes);
}

}  // namespace

Scale::Scale(double low, double high, double from, double to, bool logarithmic)
    : low_(low), high_(high), from_(from), to_(to), logarithmic_(logarithmic) {
  if (logarithmic_) low_ = std::max(low_, 1e-300);
  if (!(high_ > low_)) high_ = logarithmic_ ? low_ * 10 : low_ + 1;
}

double Scale::operator()(double value) const {
  const double share = logarithmic_
                           ? std::log(std::max(value, 1e-300) / low_) / std::log(high_ / low_)
                           : (value - low_) / (high_ - low_);
  return from_ + share * (to_ - from_);
}

std::vector<double> Scale::ticks(size_t most) const {
  std::vector<double> ticks;
  if (logarithmic_) {
    const int first = int(std::ceil(std::log10(low_) - 1e-9)),
              last = int(std::floor(std::log10(high_) + 1e-9));
    // Of few powers of ten, also what is 2 and 5 times as much.
    const bool few = 3 * size_t(std::max(0, last - first + 1)) <= most;
    const int step = std::max(1, int(std::ceil(double(last - first + 1) / double(most))));
    for (int e = few ? first - 1 : first; e <= last; e += step)
      for (const double factor : {1.0, 2.0, 5.0}) {
        const double tick = factor * std::pow(10, e);
        if ((factor == 1 || few) && tick >= low_ * (1 - 1e-9) && tick <= high_ * (1 + 1e-9))
          ticks.push_back(tick);
      }
    return ticks;
  }
  const double least = (high_ - low_) / double(most);
  double step = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0})
    if (step * factor >= least) {
      step *= factor;
      break;
    }
  for (double at = std::ceil(low_ / step) * step; at <= high_ + step * 1e-9; at += step)
    ticks.push_back(at);
  return ticks;
}

// Without a namespace, which HTML does not need.
Svg::Svg(double width, double height, std::string_view words)
    : out_(fmt::format("<svg{} viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"{}\">",
                       width < kWide ? " class=\"small\"" : "", width, height, html_text(words))) {}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view classes) {
  out_ += fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"{}/>)", x1, y1, x2,
                      y2, class_of(classes));
}

void Svg::rectangle(double x, double y, double width, double height, std::string_view classes,
                    std::string_view title) {
  out_ += fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"{}>)", x, y,
                      std::max(0.0, width), std::max(0.0, height), class_of(classes));
  if (!title.empty()) out_ += "<title>" + html_text(title) + "</title>";
  out_ += "</rect>";
}

void Svg::circle(double x, double y, double radius, std::string_view classes,
                 std::string_view title) {
  out_ += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}"{}><title>{}</title></circle>)",
                      x, y, radius, class_of(classes), html_text(title));
}

void Svg::path(std::string_view d, std::string_view classes) {
  out_ += fmt::format(R"(<path d="{}"{}/>)", d, class_of(classes));
}

void Svg::text(double x, double y, std::string_view text, std::string_view anchor,
               std::string_view classes) {
  out_ += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}"{}>{}</text>)", x, y, anchor,
                      class_of(classes), html_text(text));
}

void Svg::text_up(double x, double y, std::string_view text) {
  out_ += fmt::format(
      R"svg(<text x="{0:.1f}" y="{1:.1f}" text-anchor="middle" transform="rotate(-90 {0:.1f} {1:.1f})">{2}</text>)svg",
      x, y, html_text(text));
}

void draw_axes(Svg& svg, const Frame& f, const Scale& x, const Scale& y,
               std::string (*x_text)(double), std::string (*y_text)(double),
               std::string_view x_name, std::string_view y_name) {
  constexpr size_t kMostTicks = 8;
  for (const double tick : x.ticks(kMostTicks)) {
    svg.line(x(tick), f.top, x(tick), f.bottom, "grid");
    svg.text(x(tick), f.bottom + 16, x_text(tick), "middle");
  }
  for (const double tick : y.ticks(kMostTicks)) {
    svg.line(f.left, y(tick), f.right, y(tick), "grid");
    svg.text(f.left - 6, y(tick) + 4, y_text(tick), "end");
  }
  svg.line(f.left, f.bottom, f.right, f.bottom, "axis");
  svg.line(f.left, f.top, f.left, f.bottom, "axis");
  svg.text((f.left + f.right) / 2, f.bottom + 34, x_name, "middle");
  if (!y_name.empty()) svg.text_up(14, (f.top + f.bottom) / 2, y_name);
}

}  // namespace hone::report
