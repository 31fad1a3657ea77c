// Operators under the roofs of a device.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/escape.h"
#include "report/figures.h"
#include "report/plots.h"
#include "report/svg.h"

namespace hone::report {
namespace {

using estimate::Analysis;
using estimate::Bound;
using estimate::OperatorCost;
using estimate::Roof;

constexpr double kWidth = 760, kHeight = 440;
constexpr Frame kFrame{72, 34, 740, 390};

struct Point {
  const OperatorCost* op;
  double intensity, rate, share;
};

// Of those that compute: the others have no place on logarithmic axes.
std::vector<Point> points_of(const Analysis& a, size_t most) {
  std::vector<Point> points;
  double all = 0;
  for (const OperatorCost& o : a.operators) all += o.seconds.value;
  for (const OperatorCost* o : estimate::slowest(a, a.operators.size())) {
    const double flops = std::max(o->flops, 2 * o->macs);
    if (flops <= 0 || o->bytes <= 0 || o->seconds.value <= 0) continue;
    points.push_back(
        {o, flops / o->bytes, flops / o->seconds.value, o->seconds.value / std::max(all, 1e-300)});
    if (points.size() == most) break;
  }
  return points;
}

std::string intensity_text(double value) { return fmt::format("{:g}", value); }
std::string rate_text(double value) { return value < 1 ? "" : count_text(value); }

double decade_below(double value) { return std::pow(10, std::floor(std::log10(value) + 1e-9)); }
double decade_above(double value) { return std::pow(10, std::ceil(std::log10(value) - 1e-9)); }

struct Range {
  double low = INFINITY, high = 0;
  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

double highest_peak(const std::vector<Roof>& roofs) {
  double peak = 0;
  for (const Roof& r : roofs)
    if (r.computes) peak = std::max(peak, r.per_second);
  return peak;
}

std::string slope_class(std::string_view what, const Roof& r) {
  return fmt::format("{} {}{}", what, r.name == "memory" ? "memory" : "cache",
                     r.name.starts_with("third") ? " far" : "");
}

// Peaks from the left to the right, bandwidths up to the highest peak.
void draw_roofs(Svg& svg, const std::vector<Roof>& roofs, const Scale& x, const Scale& y) {
  const double peak = highest_peak(roofs);
  double last_y = -INFINITY;
  std::vector<const Roof*> by_rate;
  for (const Roof& r : roofs) by_rate.push_back(&r);
  std::ranges::stable_sort(by_rate, std::greater<>(), &Roof::per_second);
  for (const Roof* r : by_rate) {
    if (r->computes) {
      const double at = y(r->per_second);
      svg.line(x(x.low()), at, kFrame.right, at, "roof compute");
      // Names of peaks that are near each other would be one on the other.
      const double below = at - last_y < 13 ? 14 : -5;
      svg.text(kFrame.right - 4, at + below, r->name + " " + count_text(r->per_second) + "OP/s",
               "end", "label compute");
      last_y = at;
      continue;
    }
    const double from = std::max(x.low(), y.low() / r->per_second),
                 to = peak > 0 ? std::min(x.high(), peak / r->per_second) : x.high();
    if (to <= from) continue;
    svg.line(x(from), y(from * r->per_second), x(to), y(to * r->per_second),
             slope_class("roof", *r));
  }
}

// Where points are rare: right below.
void draw_slope_names(Svg& svg, const std::vector<Roof>& roofs) {
  const auto slopes = size_t(std::ranges::count(roofs, false, &Roof::computes));
  double y = kFrame.bottom - 16 * double(slopes) + 4;
  for (const Roof& r : roofs) {
    if (r.computes) continue;
    const std::string text = r.name + " " + bytes_text(r.per_second) + "/s";
    svg.text(kFrame.right - 44, y, text, "end", slope_class("label", r));
    svg.line(kFrame.right - 38, y - 4, kFrame.right - 6, y - 4, slope_class("roof", r));
    y += 16;
  }
}

void draw_legend(Svg& svg) {
  double x = kFrame.left;
  for (size_t b = 0; b < estimate::kBounds; ++b) {
    const std::string name(estimate::name(Bound(b)));
    svg.circle(x + 6, 16, 5, "point " + name, "bound by " + name);
    svg.text(x + 16, 20, name);
    x += 96;
  }
}

std::string described(const Point& p) {
  return fmt::format("{}: {} ({}), {:.3g} FLOP/byte, {}FLOP/s, {} = {} of the time, bound by {}",
                     short_name(p.op->name), p.op->op, p.op->family, p.intensity,
                     count_text(p.rate), time_text(p.op->seconds.value), percent_text(p.share),
                     estimate::name(p.op->bound));
}

}  // namespace

Figure roofline(const Analysis& a, size_t most) {
  const std::vector<Point> points = points_of(a, most);
  if (points.empty()) return {};
  Range x_range, y_range;
  for (const Point& p : points) {
    x_range.take(p.intensity);
    y_range.take(p.rate);
  }
  const double peak = highest_peak(a.roofs);
  if (peak > 0) y_range.take(peak);
  for (const Roof& r : a.roofs)
    if (peak > 0 && r.name == "memory") x_range.take(std::min(peak / r.per_second, 1e5));
  const Scale x(decade_below(x_range.low), decade_above(x_range.high * 1.01), kFrame.left,
                kFrame.right, true),
      y(decade_below(y_range.low), y_range.high * 2, kFrame.bottom, kFrame.top, true);
  const std::string words = fmt::format(
      "Roofline of {}: {} operators by operations for each byte that they touch and by the rate "
      "that they reach.",
      a.device_name.empty() ? a.device : a.device_name, points.size());
  Svg svg(kWidth, kHeight, words);
  draw_axes(svg, kFrame, x, y, intensity_text, rate_text, "operations for each byte (FLOP/byte)",
            "operations a second (FLOP/s)");
  draw_roofs(svg, a.roofs, x, y);
  draw_slope_names(svg, a.roofs);
  for (const Point& p : points)
    svg.circle(x(p.intensity), y(p.rate), 3 + 9 * std::sqrt(p.share),
               fmt::format("point {}", estimate::name(p.op->bound)), described(p));
  draw_legend(svg);
  return {"Roofline", svg.str(), words};
}

}  // namespace hone::report
