// Finds the bodies and other spellings of composite operators and puts the operators in their
// place.
#include <algorithm>
#include <deque>
#include <map>

#include "ir/match.h"
#include "ir/syntax.h"
#include "passes/pass.h"

namespace hone {
namespace {

// All patterns, by the operator of their root; larger ones first.
class Patterns {
 public:
  static Result<Patterns> of(const Catalogue& catalogue) {
    Patterns all;
    for (const OpDef* op : catalogue.all()) {
      std::vector<std::string_view> spellings = op->also;
      if (!op->body.empty()) spellings.insert(spellings.begin(), op->body);
      for (std::string_view text : spellings) TRY(all.add(*op, text, {}));
      for (const OpDef::Variant& v : op->variants)
        TRY(all.add(*op, v.text, {{std::string(v.attribute), std::string(v.value)}}));
    }
    for (auto& [root, list] : all.by_root_)
      std::stable_sort(list.begin(), list.end(),
                       [](const Pattern& a, const Pattern& b) { return a.calls() > b.calls(); });
    return all;
  }
  const std::vector<Pattern>* rooted_at(std::string_view op) const {
    auto it = by_root_.find(op);
    return it == by_root_.end() ? nullptr : &it->second;
  }

 private:
  Status add(const OpDef& op, std::string_view text, Pattern::Attributes fixed) {
    texts_.push_back(
        TRY(syntax::parse_graph(text, Limits{}).context("in a body of " + std::string(op.name))));
    Pattern pattern(op, texts_.back(), std::move(fixed));
    const std::string root = pattern.root_op();
    by_root_[root].push_back(std::move(pattern));
    return ok();
  }

  std::deque<syntax::GraphText> texts_;  // patterns refer to them: they must not move
  std::map<std::string, std::vector<Pattern>, std::less<>> by_root_;
};

// Puts the operator in the place of the match; false when its types do not fit there.
Result<bool> apply(Rewriter& rewriter, const Pattern& pattern, const Match& match) {
  const std::vector<ValueId> outputs = pattern.outputs(match);
  rewriter.stands_for(match.nodes);
  auto made = rewriter.add(pattern.op(), pattern.inputs(match), match.attrs, outputs.size());
  if (!made) return false;  // the operator does not take these types: not a match after all
  const std::vector<ValueId> values = made.take();
  bool fits = true;
  for (size_t i = 0; i < outputs.size(); ++i)
    fits = fits && (!pattern.may_leave(i) || rewriter.can_replace(outputs[i], values[i]));
  if (!fits) {
    rewriter.graph().remove(rewriter.graph()[values[0]].producer);
    return false;
  }
  const std::string what = "recognized " + std::string(pattern.op().name);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (pattern.may_leave(i)) TRY(rewriter.replace(outputs[i], values[i], what));
  return true;
}

// Users come before producers, so that a part of a spelling that is itself one is not taken first:
// relu in celu, reduce_sum_square in reduce_l2.
Status recognize(PassContext& c, GraphId graph, const Patterns& patterns) {
  Rewriter rewriter = c.rewriter(graph);
  std::vector<NodeId> order = TRY(rewriter.graph().order());
  std::reverse(order.begin(), order.end());
  std::vector<bool> matched(rewriter.graph().node_capacity());
  for (NodeId n : order) {
    if (rewriter.done()) return ok();
    if (matched[n.index]) continue;
    const auto* candidates = patterns.rooted_at(rewriter.graph()[n].op->name);
    if (!candidates) continue;
    for (const Pattern& pattern : *candidates) {
      const auto match = pattern.find(c.model, rewriter.graph(), n);
      if (!match || !TRY(apply(rewriter, pattern, *match))) continue;
      for (NodeId part : match->nodes) matched[part.index] = true;
      break;
    }
  }
  rewriter.sweep();
  return ok();
}

}  // namespace

const PassDef& recognize_pass() {
  static const PassDef def{
      .name = "recognize",
      .doc = "replaces the bodies and known spellings of composite operators by the operators",
      .run = [](PassContext& c) -> Status {
        const Patterns patterns = TRY(Patterns::of(c.catalogue));
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g)
          TRY(recognize(c, GraphId{g}, patterns));
        return ok();
      },
  };
  return def;
}

}  // namespace hone
