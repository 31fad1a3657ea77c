#include "cli/text_diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace hone::cli {
namespace {

constexpr int64_t kMostEdits = 2000;  // of an exact search: memory grows with its square

struct Edit {
  char kind;  // ' ', '-', '+'
  size_t a, b;
};
using Lines = std::vector<std::string_view>;

// The edits between a[lo, a_end) and b[lo, b_end), appended; false when there are too many.
bool shortest_edits(const Lines& a, const Lines& b, size_t lo, size_t a_end, size_t b_end,
                    std::vector<Edit>& edits) {
  const auto n = static_cast<int64_t>(a_end - lo), m = static_cast<int64_t>(b_end - lo);
  const int64_t most = std::min(n + m, kMostEdits);
  std::vector<std::vector<int64_t>> trace;  // furthest x on diagonal k after d edits, at k + d
  auto at = [&](int64_t d, int64_t k) { return trace[size_t(d)][size_t(k + d)]; };
  int64_t found = -1;
  for (int64_t d = 0; d <= most && found < 0; ++d) {
    trace.emplace_back(size_t(2 * d + 1));
    for (int64_t k = -d; k <= d; k += 2) {
      int64_t x = 0;
      if (d > 0) {
        const bool down = k == -d || (k != d && at(d - 1, k - 1) < at(d - 1, k + 1));
        x = down ? at(d - 1, k + 1) : at(d - 1, k - 1) + 1;
      }
      while (x < n && x - k < m && a[lo + size_t(x)] == b[lo + size_t(x - k)]) ++x;
      trace.back()[size_t(k + d)] = x;
      if (x >= n && x - k >= m) {
        found = d;
        break;
      }
    }
  }
  if (found < 0) return false;
  std::vector<Edit> reversed;
  int64_t x = n, y = m;
  auto push = [&](char kind) { reversed.push_back({kind, lo + size_t(x), lo + size_t(y)}); };
  for (int64_t d = found; d > 0; --d) {
    const int64_t k = x - y;
    const bool down = k == -d || (k != d && at(d - 1, k - 1) < at(d - 1, k + 1));
    const int64_t previous = down ? k + 1 : k - 1;
    const int64_t px = at(d - 1, previous), py = px - previous;
    while (x > px && y > py) --x, --y, push(' ');
    if (down)
      --y, push('+');
    else
      --x, push('-');
  }
  while (x > 0 && y > 0) --x, --y, push(' ');
  edits.insert(edits.end(), reversed.rbegin(), reversed.rend());
  return true;
}

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

TextDiff diff_lines(const Lines& a, const Lines& b, size_t most_lines, size_t context) {
  TextDiff diff;
  size_t lo = 0, a_end = a.size(), b_end = b.size();
  while (lo < a_end && lo < b_end && a[lo] == b[lo]) ++lo;
  while (a_end > lo && b_end > lo && a[a_end - 1] == b[b_end - 1]) --a_end, --b_end;
  std::vector<Edit> edits;
  for (size_t i = lo - std::min(lo, context); i < lo; ++i) edits.push_back({' ', i, i});
  if (!shortest_edits(a, b, lo, a_end, b_end, edits)) {
    diff.exact = false;
    for (size_t i = lo; i < a_end; ++i) edits.push_back({'-', i, lo});
    for (size_t i = lo; i < b_end; ++i) edits.push_back({'+', a_end, i});
  }
  for (size_t i = 0; i < context && a_end + i < a.size(); ++i)
    edits.push_back({' ', a_end + i, b_end + i});

  std::vector<bool> shown(edits.size());
  for (size_t i = 0; i < edits.size(); ++i) {
    if (edits[i].kind == ' ') continue;
    ++(edits[i].kind == '-' ? diff.removed : diff.added);
    const size_t begin = i - std::min(i, context), end = std::min(i + context + 1, edits.size());
    std::fill(shown.begin() + int64_t(begin), shown.begin() + int64_t(end), true);
  }
  size_t lines = 0;
  for (size_t i = 0; i < edits.size() && lines < most_lines; ++i) {
    if (!shown[i]) continue;
    if (i == 0 || !shown[i - 1])
      diff.text += fmt::format("@@ -{} +{} @@\n", edits[i].a + 1, edits[i].b + 1);
    const auto& line = edits[i].kind == '+' ? b[edits[i].b] : a[edits[i].a];
    diff.text += fmt::format("{}{}\n", edits[i].kind, printable(line));
    ++lines;
  }
  return diff;
}

}  // namespace hone::cli
