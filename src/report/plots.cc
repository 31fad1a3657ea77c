#include "report/plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/figures.h"
#include "report/svg.h"

namespace hone::report {
namespace {

std::string step_text(double value) { return fmt::format("{:g}", value); }

// Columns of a timeline, at most: more are narrower than can be seen.
constexpr size_t kMostColumns = 1000;

// Of paths, the end says more than the beginning.
std::string end_of(const std::string& name) {
  constexpr size_t kMostBytes = 36;
  if (name.size() <= kMostBytes) return name;
  size_t from = name.size() - kMostBytes;
  while (from < name.size() && (static_cast<unsigned char>(name[from]) & 0xC0) == 0x80) ++from;
  return "…" + name.substr(from);
}

}  // namespace

Figure memory_timeline(const estimate::Workload& work, const estimate::MemoryPeak& peak) {
  if (work.steps.empty() || work.arena_bytes <= 0) return {};
  constexpr double kHeight = 260;
  constexpr Frame kFrame{72, 20, 740, 212};
  const auto steps = double(work.steps.size());
  const Scale x(0.5, steps + 0.5, kFrame.left, kFrame.right, false),
      y(0, double(work.arena_bytes) * 1.12, kFrame.bottom, kFrame.top, false);
  const std::string words = fmt::format(
      "Bytes of the arena in use at each of {} steps; most at step {}: {} of the {} that are "
      "planned.",
      work.steps.size(), peak.step + 1, bytes_text(double(peak.live_bytes)),
      bytes_text(double(work.arena_bytes)));
  Svg svg(760, kHeight, words);
  draw_axes(svg, kFrame, x, y, step_text, bytes_text, "step", "");
  // The most of each column, where several steps share one.
  const size_t width = (work.steps.size() + kMostColumns - 1) / kMostColumns;
  std::string d = fmt::format("M{:.1f} {:.1f}", x(0.5), y(0));
  for (size_t at = 0; at < work.steps.size(); at += width) {
    const size_t end = std::min(at + width, work.steps.size());
    int64_t most = 0;
    for (size_t i = at; i < end; ++i) most = std::max(most, work.steps[i].live_bytes);
    d += fmt::format("V{:.1f}H{:.1f}", y(double(most)), x(double(end) + 0.5));
  }
  svg.path(d + fmt::format("V{:.1f}Z", y(0)), "area");
  const double arena = y(double(work.arena_bytes));
  svg.line(kFrame.left, arena, kFrame.right, arena, "planned");
  svg.text(kFrame.right - 4, arena - 5, "arena " + bytes_text(double(work.arena_bytes)), "end",
           "label");
  const double left = x(double(peak.step) + 0.5), right = x(double(peak.step) + 1.5);
  svg.rectangle(
      left, y(double(peak.live_bytes)), std::max(2.0, right - left),
      y(0) - y(double(peak.live_bytes)), "peak",
      fmt::format("step {}: {} in use", peak.step + 1, bytes_text(double(peak.live_bytes))));
  return {"Memory of activations", svg.str(), words};
}

Figure bounds(const estimate::Analysis& a) {
  std::string words = "Time by what it is bound by:";
  for (size_t b = 0; b < estimate::kBounds; ++b)
    words += fmt::format("{} {} {}", b > 0 ? "," : "", estimate::name(estimate::Bound(b)),
                         percent_text(a.bound_shares[b]));
  constexpr double kWidth = 480;
  Svg svg(kWidth, 52, words);
  double x = 4;
  for (size_t b = 0; b < estimate::kBounds; ++b) {
    const double share = a.bound_shares[b], width = (kWidth - 8) * share;
    const std::string name(estimate::name(estimate::Bound(b)));
    svg.rectangle(x, 4, width, 22, "bar " + name, name + " " + percent_text(share));
    x += width;
  }
  x = 4;
  for (size_t b = 0; b < estimate::kBounds; ++b) {
    const std::string name(estimate::name(estimate::Bound(b)));
    svg.rectangle(x, 35, 11, 11, "bar " + name);
    svg.text(x + 16, 45, name + " " + percent_text(a.bound_shares[b]));
    x += 118;
  }
  return {"Bound by", svg.str(), words, false};
}

Figure intervals(const std::string& title, std::vector<Interval> rows, std::string (*text)(double),
                 const std::string& axis) {
  if (rows.empty()) return {};
  const size_t all = rows.size();
  constexpr size_t kMostRows = 100;
  if (all > kMostRows) rows.resize(kMostRows);
  constexpr double kRow = 24;
  double low = INFINITY, high = 0;
  for (const Interval& r : rows) {
    low = std::min(low, r.quantity.low);
    high = std::max(high, r.quantity.is_at_least() ? r.quantity.value : r.quantity.high);
  }
  size_t longest = 0;
  for (const Interval& r : rows) longest = std::max(longest, end_of(printable(r.name)).size());
  constexpr double kLetter = 6.8;  // about
  const Frame frame{20 + kLetter * double(longest), 10, 740, 10 + kRow * double(rows.size()) + 8};
  const Scale x(std::max(low, 1e-12) / 1.2, high * 1.2, frame.left, frame.right, true);
  const std::string words =
      fmt::format("{}: 90 % intervals{}, on a logarithmic axis.", title,
                  rows.size() < all ? fmt::format(" of the first {} of {}", rows.size(), all) : "");
  Svg svg(760, frame.bottom + 44, words);
  for (const double tick : x.ticks(6)) {
    svg.line(x(tick), frame.top, x(tick), frame.bottom, "grid");
    svg.text(x(tick), frame.bottom + 16, text(tick), "middle");
  }
  svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis");
  svg.text((frame.left + frame.right) / 2, frame.bottom + 34, axis, "middle");
  for (size_t i = 0; i < rows.size(); ++i) {
    const estimate::Quantity& q = rows[i].quantity;
    const double y = frame.top + kRow * (double(i) + 0.5) + 4;
    svg.text(frame.left - 8, y + 4, end_of(printable(rows[i].name)), "end");
    // What is open goes to the edge.
    const double end = q.is_at_least() ? frame.right : x(q.high);
    svg.rectangle(x(q.low), y - 4, end - x(q.low), 8, rows[i].marked ? "interval tie" : "interval",
                  rows[i].name + ": " + bound_text(q, text) + ", " + interval_text(q, text));
    svg.circle(x(q.value), y, 4.5, "point value", rows[i].name + ": " + bound_text(q, text));
  }
  return {title, svg.str(), words};
}

}  // namespace hone::report
