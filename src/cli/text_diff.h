// Differences between two lists of lines, shown like `diff -u`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hone::cli {

std::vector<std::string_view> lines_of(std::string_view text);

struct TextDiff {
  std::string text;  // hunks, at most `most_lines` lines of them
  size_t removed = 0, added = 0;
  bool exact = true;  // false: so much differs that what fits was not searched for
  bool equal() const { return removed == 0 && added == 0; }
};
// The shortest edit script (Myers 1986) where it is not too long; else all of the differing middle
// counts as replaced.
TextDiff diff_lines(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b,
                    size_t most_lines, size_t context = 2);

}  // namespace hone::cli
