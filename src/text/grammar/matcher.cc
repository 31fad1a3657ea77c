#include "text/grammar/matcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/grammar/constraint.h"

namespace hone {

using Kind = Automaton::Node::Kind;

Matcher::Matcher(std::shared_ptr<const Automaton> automaton, const GrammarLimits& limits)
    : automaton_(std::move(automaton)), limits_(limits) {
  frames_ = {{Automaton::kEnd, kEmptyStack, 0}, {Automaton::kEnd, kUnknownStack, 0}};
  states_.emplace_back();  // kDead
  states_.back().next.assign(automaton_->classes, kDead);
  state_ids_.emplace(0, kDead);
  auto start = close({place(automaton_->root, kEmptyStack)});
  if (start) {
    start_ = *start;
  } else {
    broken_ = start.error();
  }
}

Error Matcher::too_many(std::string_view what, uint64_t most) const {
  Error error = fail(ErrorId::over_memory,
                     fmt::format("matching the grammar takes more than {} {}", most, what));
  error.hint = "make the grammar less ambiguous, or its counted repetitions shorter";
  return error;
}

std::optional<uint32_t> Matcher::push(uint32_t node, uint32_t stack) {
  if (node == Automaton::kEnd) return stack;  // nothing to return to
  if (frames_[stack].depth >= limits_.stack) return std::nullopt;
  const auto [found, added] =
      frame_ids_.emplace(place(node, stack), static_cast<uint32_t>(frames_.size()));
  if (added) frames_.push_back({node, stack, frames_[stack].depth + 1});
  return found->second;
}

Result<uint32_t> Matcher::intern(State state) {
  uint64_t hash = state.ends ? 1 : state.leaves ? 2 : 0;
  for (const Place p : state.places) hash = (hash ^ p) * 0x9e3779b97f4a7c15 + (hash >> 29);
  const auto [begin, end] = state_ids_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    const State& known = states_[at->second];
    if (known.places == state.places && known.ends == state.ends && known.leaves == state.leaves) {
      return at->second;
    }
  }
  if (states_.size() >= limits_.states) return too_many("states", limits_.states);
  if (frames_.size() >= 4 * limits_.states) return too_many("stacks", 4 * limits_.states);
  const uint64_t bytes =
      sizeof(State) + state.places.size() * sizeof(Place) + automaton_->classes * sizeof(uint32_t);
  if (bytes > limits_.memory - state_bytes_) return too_many("bytes of states", limits_.memory);
  state_bytes_ += bytes;
  state.next.assign(automaton_->classes, kNotYet);
  const auto id = static_cast<uint32_t>(states_.size());
  states_.push_back(std::move(state));
  state_ids_.emplace(hash, id);
  return id;
}

Result<uint32_t> Matcher::close(std::vector<Place> open) {
  seen_.clear();
  State made;
  const auto add = [&](uint32_t node, uint32_t stack) {
    const Place p = place(node, stack);
    if (seen_.insert(p).second) open.push_back(p);
  };
  for (const Place p : open) seen_.insert(p);
  while (!open.empty()) {
    const Place p = open.back();
    open.pop_back();
    if (seen_.size() > limits_.ambiguity) return too_many("places at a time", limits_.ambiguity);
    const uint32_t stack = stack_of(p);
    const Automaton::Node& node = automaton_->nodes[node_of(p)];
    switch (node.kind) {
      case Kind::bytes: made.places.push_back(p); break;
      case Kind::split:
        add(node.next, stack);
        add(node.other, stack);
        break;
      case Kind::call:
        if (const auto inner = push(node.next, stack)) add(node.other, *inner);
        break;
      case Kind::end:
        if (stack == kEmptyStack) {
          made.ends = true;
        } else if (stack == kUnknownStack) {
          made.leaves = true;
        } else {
          add(frames_[stack].node, frames_[stack].parent);
        }
        break;
    }
  }
  std::sort(made.places.begin(), made.places.end());
  return intern(std::move(made));
}

Result<uint32_t> Matcher::step(uint32_t state, uint8_t byte) {
  const uint32_t byte_class = automaton_->class_of[byte];
  const uint32_t known = states_[state].next[byte_class];
  if (known != kNotYet) return known;
  std::vector<Place> open;
  for (const Place p : states_[state].places) {
    const Automaton::Node& node = automaton_->nodes[node_of(p)];
    if (!automaton_->set_has_class[node.other][byte_class]) continue;
    open.push_back(place(node.next, stack_of(p)));
  }
  std::sort(open.begin(), open.end());
  open.erase(std::unique(open.begin(), open.end()), open.end());
  const uint32_t made = open.empty() ? kDead : TRY(close(std::move(open)));
  states_[state].next[byte_class] = made;
  return made;
}

Result<uint8_t> Matcher::stays(uint32_t state) {
  if (states_[state].stays >= 0) return static_cast<uint8_t>(states_[state].stays);
  uint8_t other = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const uint8_t kind = TokenTrie::kind_of(static_cast<uint8_t>(byte));
    if ((other & kind) == 0 && TRY(step(state, static_cast<uint8_t>(byte))) != state) other |= kind;
  }
  const auto kinds = static_cast<uint8_t>(~other);
  states_[state].stays = kinds;
  return kinds;
}

Result<std::optional<uint32_t>> Matcher::accept(uint32_t state, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  for (const char byte : bytes) {
    state = TRY(step(state, static_cast<uint8_t>(byte)));
    if (state == kDead) return std::optional<uint32_t>();
  }
  return std::optional(state);
}

bool Matcher::may_end(uint32_t state) {
  const std::lock_guard lock(mutex_);
  return states_[state].ends;
}

bool Matcher::must_end(uint32_t state) {
  const std::lock_guard lock(mutex_);
  return states_[state].ends && states_[state].places.empty();
}

Status Matcher::walk(uint32_t from, uint32_t state, const TokenTrie& trie, TokenMask& tokens,
                     std::vector<uint32_t>* exits) {
  struct Level {
    uint32_t after, state;
  };
  const auto nodes = trie.nodes();
  const auto ids = trie.ids();
  std::vector<Level> path{{nodes[from].after, state}};
  const uint32_t end = nodes[from].after;
  for (uint32_t at = from + 1; at < end;) {
    while (at >= path.back().after) path.pop_back();
    const TokenTrie::Node& node = nodes[at];
    const uint32_t next = TRY(step(path.back().state, node.byte));
    if (next == kDead) {
      at = node.after;
      continue;
    }
    for (uint32_t i = 0; i < node.count; ++i) tokens.set(ids[node.first + i]);
    const bool leaves = states_[next].leaves && exits != nullptr;
    if (leaves) exits->push_back(at);
    if (states_[next].places.empty()) {
      at = node.after;
      continue;
    }
    // Whatever is below leads back to the same state: all of it is allowed.
    if (!leaves && node.after > at + 1 && (node.below & ~TRY(stays(next))) == 0) {
      const uint32_t end_of_ids =
          node.after < nodes.size() ? nodes[node.after].first : static_cast<uint32_t>(ids.size());
      for (uint32_t i = node.first + node.count; i < end_of_ids; ++i) tokens.set(ids[i]);
      at = node.after;
      continue;
    }
    path.push_back({node.after, next});
    ++at;
  }
  return ok();
}

Result<std::shared_ptr<const Matcher::NodeMask>> Matcher::node_mask(uint32_t node,
                                                                    const TokenTrie& trie) {
  const auto found = node_masks_.find(node);
  if (found != node_masks_.end()) return found->second;
  auto made = std::make_shared<NodeMask>();
  made->tokens = TokenMask(trie.tokens());
  const uint32_t state = TRY(close({place(node, kUnknownStack)}));
  TRY(walk(0, state, trie, made->tokens, &made->exits));
  if (node_masks_.size() >= kMostMasks) node_masks_.clear();
  node_masks_.emplace(node, made);
  return std::shared_ptr<const NodeMask>(made);
}

Result<std::shared_ptr<const TokenMask>> Matcher::allowed(uint32_t state, const TokenTrie& trie) {
  const std::lock_guard lock(mutex_);
  if (!trie_ || !trie_->same(trie)) {
    trie_ = trie;
    masks_.clear();
    node_masks_.clear();
  }
  const auto found = masks_.find(state);
  if (found != masks_.end()) return found->second;
  auto made = std::make_shared<TokenMask>(trie.tokens());
  const std::vector<Place> places = states_[state].places;  // new states move the old ones
  for (const Place p : places) {
    const auto known = TRY(node_mask(node_of(p), trie));
    made->add(known->tokens);
    const uint32_t stack = stack_of(p);
    if (stack == kEmptyStack || known->exits.empty()) continue;
    const uint32_t outer = TRY(close({place(frames_[stack].node, frames_[stack].parent)}));
    for (const uint32_t exit : known->exits) TRY(walk(exit, outer, trie, *made, nullptr));
  }
  if (states_[state].ends) {
    for (const int32_t end : trie.ends()) made->set(end);
  }
  if (masks_.size() >= kMostMasks) masks_.clear();
  masks_.emplace(state, made);
  return std::shared_ptr<const TokenMask>(made);
}

Constraint::Constraint(const Grammar& grammar, const GrammarLimits& limits)
    : matcher_(std::make_shared<Matcher>(grammar.automaton_, limits)), state_(matcher_->start()) {}

Result<std::shared_ptr<const TokenMask>> Constraint::allowed(const TokenTrie& trie) {
  if (matcher_->broken()) return *matcher_->broken();
  return matcher_->allowed(state_, trie);
}

Result<bool> Constraint::accept(std::string_view bytes) {
  if (matcher_->broken()) return *matcher_->broken();
  const auto next = TRY(matcher_->accept(state_, bytes));
  if (!next) return false;
  state_ = *next;
  return true;
}

bool Constraint::finished() const { return matcher_->may_end(state_); }

bool Constraint::must_end() const { return matcher_->must_end(state_); }

}  // namespace hone
