// Regular expressions in RE2's syntax (the part without named classes of Unicode), matched in time
// linear in the text: all states of the automaton advance together (Thompson 1968).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone {

class Regex {
 public:
  // Fails with `bad_attribute` for patterns that are malformed, not supported or too large.
  static Result<Regex> compile(std::string_view pattern);
  // Does the whole text match? Invalid UTF-8 counts byte by byte.
  bool matches(std::string_view text) const;

 private:
  friend class RegexCompiler;
  enum class Op : uint8_t { set, split, assertion, match };
  enum class Assertion : uint8_t { begin, end, line_begin, line_end, boundary, no_boundary };
  struct Range {
    char32_t first, last;
  };
  struct Instruction {
    Op op = Op::match;
    Assertion assertion = Assertion::begin;
    int32_t next = 0, other = 0;  // other: of split
    int32_t first = 0, last = 0;  // of set: its ranges, sorted
  };
  std::vector<Instruction> program_;  // the first one matches
  int32_t start_ = 0;
  std::vector<Range> ranges_;
};

}  // namespace hone
