#include "ops/trees.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace hone {
namespace {

std::optional<Split> split_named(std::string_view mode) {
  if (mode == "BRANCH_LEQ") return Split::leq;
  if (mode == "BRANCH_LT") return Split::lt;
  if (mode == "BRANCH_GTE") return Split::gte;
  if (mode == "BRANCH_GT") return Split::gt;
  if (mode == "BRANCH_EQ") return Split::eq;
  if (mode == "BRANCH_NEQ") return Split::neq;
  return std::nullopt;
}

struct Key {
  int64_t tree, node;
  bool operator==(const Key&) const = default;
};
struct KeyHash {
  size_t operator()(const Key& k) const {
    return size_t(uint64_t(k.tree) * 0x9e3779b97f4a7c15 ^ uint64_t(k.node) * 0xc2b2ae3d27d4eb4f);
  }
};

struct Names {
  std::string_view ids, nodes, trees;
};
Names names_of(std::string_view prefix) {
  if (prefix == "class") return {"class_ids", "class_nodeids", "class_treeids"};
  return {"target_ids", "target_nodeids", "target_treeids"};
}

Integers listed(const Infer& c, std::string_view name) {
  return c.given(name) ? c.list(name) : Integers{};
}

bool holds(const Forest& f, const Forest::Node& n, double v) {
  switch (n.split) {
    case Split::leq: return v <= n.value;
    case Split::lt: return v < n.value;
    case Split::gte: return v >= n.value;
    case Split::gt: return v > n.value;
    case Split::eq: return v == n.value;
    case Split::neq: return v != n.value;
    case Split::member:
      return std::binary_search(f.members.begin() + n.first, f.members.begin() + n.last, v);
  }
  return false;
}

}  // namespace

std::vector<AttrDef> forest_attrs(std::string_view prefix) {
  const Names names = names_of(prefix);
  return {{"nodes_treeids", AttrKind::integers},
          {"nodes_nodeids", AttrKind::integers},
          {"nodes_featureids", AttrKind::integers},
          {"nodes_modes", AttrKind::texts},
          {"nodes_truenodeids", AttrKind::integers},
          {"nodes_falsenodeids", AttrKind::integers},
          {"nodes_missing_value_tracks_true", AttrKind::integers},
          {names.trees, AttrKind::integers},
          {names.nodes, AttrKind::integers},
          {names.ids, AttrKind::integers},
          {"post_transform", AttrKind::text, false, "NONE"}};
}

Status check_node_lists(const Infer& c, size_t n, std::initializer_list<size_t> lengths,
                        size_t missing) {
  for (size_t length : lengths)
    if (length != n)
      return attribute_error(c, "the lists nodes_* have " + std::to_string(n) + " and " +
                                    std::to_string(length) + " elements");
  if (missing != 0 && missing != n)
    return attribute_error(c, "nodes_missing_value_tracks_true has " + std::to_string(missing) +
                                  " elements, there are " + std::to_string(n) + " nodes");
  return ok();
}

Result<Forest> forest_of(const Call& c, std::string_view prefix, int64_t targets) {
  const Names names = names_of(prefix);
  const Integers trees = listed(c, "nodes_treeids"), ids = listed(c, "nodes_nodeids"),
                 features = listed(c, "nodes_featureids"), yes = listed(c, "nodes_truenodeids"),
                 no = listed(c, "nodes_falsenodeids"),
                 missing = listed(c, "nodes_missing_value_tracks_true");
  const Texts modes = c.given("nodes_modes") ? c.texts("nodes_modes") : Texts{};
  const size_t n = trees.size();
  TRY(check_node_lists(
      c, n,
      {ids.size(), features.size(), yes.size(), no.size(), modes.size(), size_t(c.in(1).count())},
      missing.size()));
  Forest f;
  f.nodes.resize(n);
  std::unordered_map<Key, int64_t, KeyHash> index;
  for (size_t i = 0; i < n; ++i)
    if (!index.emplace(Key{trees[i], ids[i]}, int64_t(i)).second)
      return attribute_error(
          c, "tree " + std::to_string(trees[i]) + " has two nodes " + std::to_string(ids[i]));
  std::vector<bool> is_child(n);
  for (size_t i = 0; i < n; ++i) {
    Forest::Node& node = f.nodes[i];
    if (modes[i] == "LEAF") {
      node.leaf = true;
      continue;
    }
    const auto split = split_named(modes[i]);
    if (!split) return attribute_error(c, "nodes_modes holds \"" + modes[i] + "\"");
    node.split = *split;
    node.feature = features[i];
    node.value = load_real(c.in(1), int64_t(i));
    node.missing_true = !missing.empty() && missing[i] != 0;
    for (const bool side : {true, false}) {
      const int64_t child = side ? yes[i] : no[i];
      const auto it = index.find({trees[i], child});
      if (it == index.end())
        return attribute_error(
            c, "tree " + std::to_string(trees[i]) + " has no node " + std::to_string(child));
      (side ? node.yes : node.no) = it->second;
      is_child[size_t(it->second)] = true;
    }
  }
  // The root of a tree is its node that is nobody's child.
  std::map<int64_t, int64_t> roots;
  for (size_t i = 0; i < n; ++i)
    if (!is_child[i] && !roots.emplace(trees[i], int64_t(i)).second)
      return attribute_error(c, "tree " + std::to_string(trees[i]) + " has two roots");
  for (int64_t tree : trees)
    if (!roots.contains(tree))
      return attribute_error(c, "tree " + std::to_string(tree) + " has no root");
  for (const auto& [tree, root] : roots) f.roots.push_back(root);

  const Integers vote_trees = listed(c, names.trees), vote_nodes = listed(c, names.nodes),
                 vote_ids = listed(c, names.ids);
  const size_t votes = vote_ids.size();
  for (size_t length : {vote_trees.size(), vote_nodes.size(), size_t(c.in(2).count())})
    if (length != votes)
      return attribute_error(c, "the lists " + std::string(prefix) + "_* have " +
                                    std::to_string(votes) + " and " + std::to_string(length) +
                                    " elements");
  std::vector<int64_t> owner(votes), order(votes);
  for (size_t i = 0; i < votes; ++i) {
    const auto it = index.find({vote_trees[i], vote_nodes[i]});
    if (it == index.end() || !f.nodes[size_t(it->second)].leaf)
      return attribute_error(c, "node " + std::to_string(vote_nodes[i]) + " of tree " +
                                    std::to_string(vote_trees[i]) + " is no leaf");
    if (vote_ids[i] < 0 || vote_ids[i] >= targets)
      return attribute_error(c, std::string(names.ids) + " holds " + std::to_string(vote_ids[i]) +
                                    " of " + std::to_string(targets));
    owner[i] = it->second;
    order[i] = int64_t(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return owner[size_t(a)] < owner[size_t(b)]; });
  for (size_t k = 0; k < votes; ++k) {
    const auto i = size_t(order[k]);
    Forest::Node& leaf = f.nodes[size_t(owner[i])];
    if (leaf.last == leaf.first) leaf.first = int64_t(k);
    leaf.last = int64_t(k) + 1;
    f.votes.push_back({vote_ids[i], load_real(c.in(2), int64_t(i))});
  }
  return f;
}

Status Forest::check(const Infer& c, int64_t features) const {
  const auto n = int64_t(nodes.size());
  for (const Node& node : nodes) {
    if (node.leaf) continue;
    if (node.feature < 0 || node.feature >= features)
      return attribute_error(c, "a node tests feature " + std::to_string(node.feature) + " of " +
                                    std::to_string(features));
    if (node.yes < 0 || node.yes >= n || node.no < 0 || node.no >= n)
      return attribute_error(c, "a node has no such child");
  }
  // Depth first with a stack of our own: a node met again while still open closes a cycle.
  enum : uint8_t { fresh, open, done };
  std::vector<uint8_t> state(nodes.size(), fresh);
  for (int64_t root : roots) {
    if (root < 0 || root >= n) return attribute_error(c, "a root is no node");
    std::vector<int64_t> stack{root};
    while (!stack.empty()) {
      const auto at = size_t(stack.back());
      if (state[at] != fresh || nodes[at].leaf) {
        state[at] = done;
        stack.pop_back();
        continue;
      }
      state[at] = open;
      for (int64_t child : {nodes[at].yes, nodes[at].no}) {
        if (state[size_t(child)] == open)
          return attribute_error(c, "the nodes of a tree form a cycle");
        if (state[size_t(child)] == fresh) stack.push_back(child);
      }
    }
  }
  return ok();
}

const Forest::Node& Forest::leaf(int64_t root, const double* row) const {
  const Node* node = &nodes[size_t(root)];
  while (!node->leaf) {
    const double v = row[node->feature];
    const bool yes = holds(*this, *node, v) || (node->missing_true && std::isnan(v));
    node = &nodes[size_t(yes ? node->yes : node->no)];
  }
  return *node;
}

}  // namespace hone
