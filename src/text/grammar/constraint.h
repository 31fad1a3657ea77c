// Holds a generated text to a grammar: which tokens may come next.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "text/grammar/grammar.h"
#include "text/grammar/token_trie.h"

namespace hone {

class Matcher;

// The place in a text. A copy costs as much as a shared pointer and is independent. What matching
// learns is kept by the copies together, behind a lock.
class Constraint {
 public:
  explicit Constraint(const Grammar& grammar, const GrammarLimits& limits = {});

  // Tokens that keep the text the beginning of one that the grammar has, and the ends where it is
  // one. Fails when the grammar takes more than its limits to match.
  Result<std::shared_ptr<const TokenMask>> allowed(const TokenTrie& trie);
  // Goes on by the bytes of a token. False, and no change, where the grammar does not allow them.
  Result<bool> accept(std::string_view bytes);
  // May the text end here?
  bool finished() const;
  // Is an end all that is left?
  bool must_end() const;

 private:
  std::shared_ptr<Matcher> matcher_;
  uint32_t state_ = 0;
};

}  // namespace hone
