// Graphs remember where values leave them, whatever is replaced, removed or renumbered.
#include "ir/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "ir/op.h"

namespace hone {
namespace {

const Type kType(DType::f32, {2});

const OpDef& any_op() {
  static const OpDef def{.name = "any"};
  return def;
}

ValueId add(Graph& g, std::vector<ValueId> inputs) {
  return g[g.add_node(any_op(), {}, std::move(inputs), {kType})].outputs[0];
}

// What is_output() says, by looking everywhere.
bool leaves(const Graph& g, ValueId v) {
  return std::ranges::find(g.outputs(), v) != g.outputs().end() ||
         std::ranges::any_of(g.states(), [&](const State& s) { return s.next == v; });
}

void expect_consistent(const Graph& g) {
  for (uint32_t v = 0; v < g.value_count(); ++v)
    ASSERT_EQ(g.is_output(ValueId{v}), leaves(g, ValueId{v})) << "value " << v;
}

TEST(Graph, OutputsFollowReplacements) {
  Graph g;
  const ValueId x = g.add_input("x", kType);
  const ValueId a = add(g, {x}), b = add(g, {a, a}), c = add(g, {x});
  EXPECT_FALSE(g.is_output(b));
  g.add_output("b", b);
  g.add_output("again", b);
  EXPECT_TRUE(g.is_output(b));
  g.replace_uses(b, c);
  EXPECT_FALSE(g.is_output(b));
  EXPECT_EQ(g.outputs(), (std::vector{c, c}));
  g.replace_uses(c, x);
  EXPECT_EQ(g.outputs(), (std::vector{x, x}));
  EXPECT_EQ(g.output_names(), (std::vector<std::string>{"b", "again"}));
}

TEST(Graph, AllUsesOfANodeAreReplacedAndRecorded) {
  Graph g;
  const ValueId x = g.add_input("x", kType), y = g.add_input("y", kType);
  const ValueId s = add(g, {x, y, x, x});
  const NodeId n = g[s].producer;
  g.replace_uses(x, y);
  EXPECT_EQ(g[n].inputs, (std::vector{y, y, y, y}));
  EXPECT_TRUE(g[x].users.empty());
  EXPECT_EQ(g[y].users, (std::vector{n, n, n, n}));
}

TEST(Graph, StatesKeepTheirValueUntilTheyGetANextOne) {
  Graph g;
  const ValueId x = g.add_input("x", kType);
  const ValueId s = g.add_state("s", kType), t = g.add_state("t", kType);
  EXPECT_TRUE(g.is_output(s));
  g.set_next(s, x);
  EXPECT_FALSE(g.is_output(s));
  EXPECT_TRUE(g.is_output(x));
  EXPECT_EQ(g.states()[0].next, x);
  EXPECT_EQ(g.states()[1].next, t);
  g.set_next(t, x);
  g.set_next(s, s);
  EXPECT_TRUE(g.is_output(x)) << "still the next of t";
  g.replace_uses(x, t);
  EXPECT_EQ(g.states()[1].next, t);
  expect_consistent(g);
}

TEST(Graph, RemovedOutputsAreNone) {
  Graph g;
  const ValueId x = g.add_input("x", kType), a = add(g, {x}), b = add(g, {x});
  g.add_output("a", a);
  g.add_output("b", b);
  g.add_output("c", a);
  g.remove_outputs({true, false, true});
  EXPECT_EQ(g.outputs(), std::vector{b});
  EXPECT_EQ(g.output_names(), std::vector<std::string>{"b"});
  EXPECT_FALSE(g.is_output(a));
  EXPECT_TRUE(g.is_output(b));
}

// Random edits; the index of what leaves says what a search finds.
TEST(GraphProperty, IsOutputIsWhatASearchFinds) {
  std::mt19937 random(1);
  const auto below = [&](size_t n) { return uint32_t(random() % n); };
  for (int round = 0; round < 50; ++round) {
    Graph g;
    std::vector<ValueId> values{g.add_input("x", kType), g.add_input("y", kType)};
    for (int i = 0; i < 3; ++i) values.push_back(g.add_state("s" + std::to_string(i), kType));
    for (int i = 0; i < 20; ++i) {
      const ValueId left = values[below(values.size())], right = values[below(values.size())];
      values.push_back(add(g, {left, right}));
    }
    for (int edit = 0; edit < 60; ++edit) {
      const uint32_t a = below(values.size()), b = below(values.size());
      switch (below(4)) {
        case 0: g.add_output("o" + std::to_string(edit), values[a]); break;
        case 1: g.set_next(values[2 + below(3)], values[a]); break;
        case 2: {
          std::vector<bool> marked(g.outputs().size());
          if (!marked.empty()) marked[below(marked.size())] = true;
          g.remove_outputs(marked);
          break;
        }
        // Later values depend on earlier ones only: no cycles.
        default: g.replace_uses(values[std::max(a, b)], values[std::min(a, b)]);
      }
      expect_consistent(g);
    }
    ASSERT_TRUE(g.compact().ok());
    expect_consistent(g);
    for (uint32_t s = 0; s < 3; ++s) {
      g.set_next(g.states()[s].now, g.inputs[0]);
      EXPECT_EQ(g.states()[s].next, g.inputs[0]);
    }
    expect_consistent(g);
  }
}

}  // namespace
}  // namespace hone
