// Runs the automaton of a grammar: sets of places become states, which are made when they are
// needed.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "text/grammar/automaton.h"
#include "text/grammar/token_trie.h"

namespace hone {

// A place is a node in front of a byte, and the stack of calls around it. Stacks and states are
// numbered, equal ones once, so that a state is a number, and what is known of it is kept. Every
// public function takes the lock.
class Matcher {
 public:
  Matcher(std::shared_ptr<const Automaton> automaton, const GrammarLimits& limits);

  uint32_t start() const { return start_; }
  Result<std::optional<uint32_t>> accept(uint32_t state, std::string_view bytes);
  Result<std::shared_ptr<const TokenMask>> allowed(uint32_t state, const TokenTrie& trie);
  bool may_end(uint32_t state);
  bool must_end(uint32_t state);
  // Why there is no start; tried when something is asked first.
  const std::optional<Error>& broken() const { return broken_; }

 private:
  using Place = uint64_t;  // node, stack
  static constexpr uint32_t kEmptyStack = 0;
  static constexpr uint32_t kUnknownStack = 1;  // of which only the top frame's rule is looked at
  static constexpr uint32_t kDead = 0;          // the state without places
  static constexpr uint32_t kNotYet = UINT32_MAX;

  struct Frame {
    uint32_t node, parent, depth;
  };
  struct State {
    std::vector<Place> places;   // sorted
    bool ends = false;           // the whole text may end here
    bool leaves = false;         // the rule on top of an unknown stack may end here
    std::vector<uint32_t> next;  // by class of byte
    int16_t stays = -1;  // kinds of bytes (TokenTrie) all of which lead back here; -1: not known
  };
  // What a node in front of a byte allows whatever the stack: tokens, and the nodes of the trie
  // where its rule may end, so that the stack decides about what follows.
  struct NodeMask {
    TokenMask tokens;
    std::vector<uint32_t> exits;
  };

  static Place place(uint32_t node, uint32_t stack) { return uint64_t{node} << 32 | stack; }
  static uint32_t node_of(Place place) { return static_cast<uint32_t>(place >> 32); }
  static uint32_t stack_of(Place place) { return static_cast<uint32_t>(place); }

  std::optional<uint32_t> push(uint32_t node, uint32_t stack);  // nothing: too deep
  // The state of all places that can be reached without a byte.
  Result<uint32_t> close(std::vector<Place> open);
  Result<uint32_t> step(uint32_t state, uint8_t byte);
  Result<uint32_t> intern(State state);
  // The kinds of bytes with which the state stays the same.
  Result<uint8_t> stays(uint32_t state);
  Result<std::shared_ptr<const NodeMask>> node_mask(uint32_t node, const TokenTrie& trie);
  // Tokens below a node of the trie, from the state there.
  Status walk(uint32_t from, uint32_t state, const TokenTrie& trie, TokenMask& tokens,
              std::vector<uint32_t>* exits);
  Error too_many(std::string_view what, uint64_t most) const;

  std::mutex mutex_;
  std::shared_ptr<const Automaton> automaton_;
  GrammarLimits limits_;
  std::optional<Error> broken_;
  uint32_t start_ = kDead;

  std::vector<Frame> frames_;
  std::unordered_map<uint64_t, uint32_t> frame_ids_;
  std::vector<State> states_;
  uint64_t state_bytes_ = 0;
  std::unordered_multimap<uint64_t, uint32_t> state_ids_;  // by hash
  std::unordered_set<Place> seen_;                         // scratch of close()

  // For one vocabulary at a time; so many at most, because each is as large as the vocabulary.
  static constexpr size_t kMostMasks = 2048;
  std::optional<TokenTrie> trie_;
  std::unordered_map<uint32_t, std::shared_ptr<const TokenMask>> masks_;
  std::unordered_map<uint32_t, std::shared_ptr<const NodeMask>> node_masks_;
};

}  // namespace hone
