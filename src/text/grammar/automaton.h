// A grammar compiled to a pushdown automaton over bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/grammar/expressions.h"

namespace hone {

struct Automaton {
  struct Node {
    enum class Kind : uint8_t { bytes, split, call, end };
    Kind kind;
    uint32_t next;   // behind the byte; the first branch; where a call returns to
    uint32_t other;  // the set of bytes; the second branch; the beginning of what is called
  };
  // Node 0 is the end of every rule, so that a call in front of it needs no return.
  static constexpr uint32_t kEnd = 0;

  std::vector<Node> nodes;
  std::vector<std::array<uint64_t, 4>> sets;
  // Bytes that no set tells apart are one class.
  std::array<uint8_t, 256> class_of{};
  std::vector<std::vector<bool>> set_has_class;  // [set][class]
  uint32_t classes = 0;
  uint32_t root = 0;  // where the root rule begins
  std::string text;   // the grammar as GBNF
};

// Refuses rules that begin with themselves, and grammars without a finite text; leaves out what can
// never end.
Result<Automaton> compile(const grammar::Rules& rules);

}  // namespace hone
