// Fuzzes grammars and JSON schemas: what is read compiles or is refused, its text reads back, and
// masks agree with what is accepted token by token. The first byte says which of the two it is.
#include "target.h"
#include "text/grammar/constraint.h"

namespace {

constexpr std::string_view kPieces[] = {
    "",  "a", "b",  "\"",  "{",    "}",  "[", "]",  ",",    ":",    "1",    "0",   "-",
    " ", "x", "ab", "\":", "{\"a", "}}", "é", "\n", "true", "\xc3", "\xa9", "aaaa"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hone;
  if (size == 0) return 0;
  GrammarLimits limits;
  limits.depth = 40;
  limits.expressions = 20'000;
  limits.nodes = 20'000;
  limits.repeat = 1000;
  limits.stack = 50;
  limits.states = 2'000;
  limits.ambiguity = 500;
  const std::string_view text = fuzz::text(data + 1, size - 1);
  const bool schema = data[0] % 2 == 1;
  const auto grammar = schema ? Grammar::json_schema(text, limits) : Grammar::gbnf(text, limits);
  fuzz::require_clean(grammar);
  if (!grammar) return 0;
  GrammarLimits room;
  room.source = 1 << 26;
  const auto again = Grammar::gbnf(grammar->text(), room);
  if (again) fuzz::require(again->text() == grammar->text());
  const int32_t end = 0;
  const auto trie = TokenTrie::make(kPieces, {&end, 1});
  fuzz::require(trie.ok());
  Constraint constraint(*grammar, limits);
  for (size_t step = 0; step < 12; ++step) {
    const auto mask = constraint.allowed(*trie);
    fuzz::require_clean(mask);
    if (!mask) return 0;
    int32_t chosen = -1;
    for (int32_t t = 1; t < static_cast<int32_t>(std::size(kPieces)); ++t) {
      Constraint copy = constraint;
      const auto taken = copy.accept(kPieces[t]);
      fuzz::require_clean(taken);
      if (!taken) return 0;
      // Deeper than the stack may be is seen when a text is accepted, not always before.
      if (*taken) fuzz::require((**mask)[t]);
      if (*taken && (chosen < 0 || data[step % size] % 3 == t % 3)) chosen = t;
    }
    fuzz::require((**mask)[end] == constraint.finished());
    if (chosen < 0) return 0;
    fuzz::require(*constraint.accept(kPieces[chosen]));
  }
  return 0;
}
