// Ensembles of decision trees for regression, and the form of ai.onnx.ml 5.
#include <algorithm>

#include "ops/trees.h"

namespace hone {
namespace {

enum class Aggregate : uint8_t { average, sum, min, max };

Result<Aggregate> aggregate_named(const Infer& c, const std::string& name) {
  if (name == "AVERAGE") return Aggregate::average;
  if (name == "SUM") return Aggregate::sum;
  if (name == "MIN") return Aggregate::min;
  if (name == "MAX") return Aggregate::max;
  return attribute_error(c, "aggregate_function is \"" + name + "\"");
}

constexpr int64_t kMaxTargets = int64_t{1} << 24;

Result<int64_t> target_count(const Infer& c) {
  const int64_t n = c.integer("n_targets");
  if (n < 1 || n > kMaxTargets) return attribute_error(c, "n_targets is " + std::to_string(n));
  return n;
}

// All rows through all trees; `base` is empty or has one value for each target.
Status regress(Call& c, const Forest& forest, Aggregate aggregate, Transform transform,
               const std::vector<double>& base) {
  const Tensor& x = c.in(0);
  const Rows rows = TRY(rows_of(c, x));
  const auto targets = size_t(TRY(target_count(c)));
  TRY(forest.check(c, rows.width));
  Tensor& y = *TRY(c.out(0));
  const std::vector<double> values = reals(x);
  for (int64_t r = 0; r < rows.count; ++r) {
    std::vector<double> scores(targets, 0);
    std::vector<bool> seen(targets);
    for (int64_t root : forest.roots) {
      const auto& leaf = forest.leaf(root, values.data() + r * rows.width);
      for (int64_t k = leaf.first; k < leaf.last; ++k) {
        const auto [target, weight] = forest.votes[size_t(k)];
        double& score = scores[size_t(target)];
        if (aggregate == Aggregate::sum || aggregate == Aggregate::average)
          score += weight;
        else if (!seen[size_t(target)])
          score = weight;
        else
          score = aggregate == Aggregate::min ? std::min(score, weight) : std::max(score, weight);
        seen[size_t(target)] = true;
      }
    }
    for (size_t t = 0; t < targets; ++t) {
      if (aggregate == Aggregate::average && !forest.roots.empty())
        scores[t] /= double(forest.roots.size());
      if (!base.empty()) scores[t] += base[base.size() == 1 ? 0 : t];
    }
    apply(transform, scores);
    for (size_t t = 0; t < targets; ++t)
      store_real(y, r * int64_t(targets) + int64_t(t), scores[t]);
  }
  return ok();
}

Result<Types> infer_regressor(const Infer& c) {
  const int64_t targets = TRY(target_count(c));
  TRY(transform_of(c));
  TRY(aggregate_named(c, c.text("aggregate_function")));
  return Types{Type(DType::f32, {TRY(row_count(c)), targets})};
}

Status regressor(Call& c) {
  const int64_t targets = TRY(target_count(c));
  const Forest forest = TRY(forest_of(c, "target", targets));
  std::vector<double> base;
  if (c.has(3)) base = reals(c.in(3));
  if (base.size() > 1 && int64_t(base.size()) != targets)
    return shape_error(c, std::to_string(base.size()) + " base values for " +
                              std::to_string(targets) + " targets");
  return regress(c, forest, TRY(aggregate_named(c, c.text("aggregate_function"))),
                 TRY(transform_of(c)), base);
}

// --- ai.onnx.ml 5: inner nodes and leaves apart --------------------------------------------------

constexpr Transform kTransforms[] = {Transform::none, Transform::softmax, Transform::logistic,
                                     Transform::softmax_zero, Transform::probit};
constexpr Aggregate kAggregates[] = {Aggregate::average, Aggregate::sum, Aggregate::min,
                                     Aggregate::max};

Result<Types> infer_ensemble(const Infer& c) {
  const int64_t targets = TRY(target_count(c));
  const int64_t transform = c.integer("post_transform");
  const int64_t aggregate = c.integer("aggregate_function");
  if (transform < 0 || transform > 4)
    return attribute_error(c, "post_transform is " + std::to_string(transform));
  if (aggregate < 0 || aggregate > 3)
    return attribute_error(c, "aggregate_function is " + std::to_string(aggregate));
  return Types{Type(c.dtype(0), {TRY(row_count(c)), targets})};
}

// The sets of the `member` nodes, separated by NaN, in the order of the nodes.
Status read_members(const Call& c, Forest& f) {
  std::vector<double> values;
  if (c.has(4)) values = reals(c.in(4));
  size_t at = 0;
  for (Forest::Node& node : f.nodes) {
    if (node.leaf || node.split != Split::member) continue;
    if (at >= values.size())
      return value_error(c, "membership_values has fewer sets than there are nodes of that mode");
    node.first = int64_t(f.members.size());
    for (; at < values.size() && !std::isnan(values[at]); ++at) f.members.push_back(values[at]);
    ++at;
    node.last = int64_t(f.members.size());
    std::sort(f.members.begin() + node.first, f.members.end());
  }
  return ok();
}

Result<Forest> read_ensemble(const Call& c, int64_t targets) {
  const Integers &features = c.list("nodes_featureids"), &yes = c.list("nodes_truenodeids"),
                 &no = c.list("nodes_falsenodeids"), &yes_leaf = c.list("nodes_trueleafs"),
                 &no_leaf = c.list("nodes_falseleafs"), &leaf_targets = c.list("leaf_targetids");
  const Integers missing = c.given("nodes_missing_value_tracks_true")
                               ? c.list("nodes_missing_value_tracks_true")
                               : Integers{};
  const Tensor &splits = c.in(1), &modes = c.in(2), &weights = c.in(3);
  const size_t n = features.size(), leaves = leaf_targets.size();
  TRY(check_node_lists(c, n,
                       {yes.size(), no.size(), yes_leaf.size(), no_leaf.size(),
                        size_t(splits.count()), size_t(modes.count())},
                       missing.size()));
  if (size_t(weights.count()) != leaves)
    return attribute_error(c, std::to_string(leaves) + " leaf_targetids, but " +
                                  std::to_string(weights.count()) + " leaf_weights");
  Forest f;
  f.nodes.resize(n + leaves);  // the leaves follow the inner nodes
  for (size_t i = 0; i < n; ++i) {
    Forest::Node& node = f.nodes[i];
    const int64_t mode = load_integer(modes, int64_t(i));
    if (mode < 0 || mode > 6) return value_error(c, "nodes_modes holds " + std::to_string(mode));
    node.split = Split(mode);
    node.feature = features[i];
    node.value = load_real(splits, int64_t(i));
    node.missing_true = !missing.empty() && missing[i] != 0;
    for (const bool side : {true, false}) {
      const int64_t child = side ? yes[i] : no[i];
      const bool leaf = (side ? yes_leaf[i] : no_leaf[i]) != 0;
      if (child < 0 || uint64_t(child) >= (leaf ? leaves : n))
        return attribute_error(c, "a node has the child " + std::to_string(child) + " of " +
                                      std::to_string(leaf ? leaves : n));
      (side ? node.yes : node.no) = leaf ? int64_t(n) + child : child;
    }
  }
  for (size_t i = 0; i < leaves; ++i) {
    if (leaf_targets[i] < 0 || leaf_targets[i] >= targets)
      return attribute_error(c, "leaf_targetids holds " + std::to_string(leaf_targets[i]) + " of " +
                                    std::to_string(targets));
    Forest::Node& node = f.nodes[n + i];
    node.leaf = true;
    node.first = int64_t(i);
    node.last = int64_t(i) + 1;
    f.votes.push_back({leaf_targets[i], load_real(weights, int64_t(i))});
  }
  for (int64_t root : c.list("tree_roots")) {
    if (root < 0 || uint64_t(root) >= n)
      return attribute_error(
          c, "tree_roots holds " + std::to_string(root) + " of " + std::to_string(n) + " nodes");
    f.roots.push_back(root);
  }
  TRY(read_members(c, f));
  return f;
}

Status ensemble(Call& c) {
  const Forest forest = TRY(read_ensemble(c, TRY(target_count(c))));
  return regress(c, forest, kAggregates[c.integer("aggregate_function")],
                 kTransforms[c.integer("post_transform")], {});
}

std::vector<AttrDef> regressor_attrs() {
  auto attrs = forest_attrs("target");
  attrs.push_back({"n_targets", AttrKind::integer, false, int64_t{1}});
  attrs.push_back({"aggregate_function", AttrKind::text, false, "SUM"});
  return attrs;
}

}  // namespace

const OpDef& tree_ensemble_regressor_op() {
  static const OpDef def{
      .name = "tree_ensemble_regressor",
      .doc =
          "For each row of features the votes of the leaves that it reaches, aggregated over the "
          "trees, plus base values (ai.onnx.ml 3).",
      .inputs = {{"x", kFeatures},
                 {"nodes_values", DType::f32 | DType::f64},
                 {"target_weights", DType::f32 | DType::f64},
                 {"base_values", DType::f32 | DType::f64, 0, Port::Presence::optional}},
      .outputs = {{"y", DType::f32}},
      .attrs = regressor_attrs(),
      .infer = infer_regressor,
      .reference = regressor,
      .examples = {R"(graph one_stump(x: f32[3,2]) -> (y) {
        y = tree_ensemble_regressor(x, f32[3]{0.5, 0, 0}, f32[2]{1, -1})
            <nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0],
             nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0],
             nodes_falsenodeids=[2, 0, 0], target_treeids=[0, 0], target_nodeids=[1, 2],
             target_ids=[0, 0]>
      })"},
  };
  return def;
}

const OpDef& tree_ensemble_op() {
  static const OpDef def{
      .name = "tree_ensemble",
      .doc =
          "For each row of features the weights of the leaves that it reaches, aggregated by "
          "target over the trees (ai.onnx.ml 5). Modes of nodes: 0 <=, 1 <, 2 >=, 3 >, 4 =, 5 !=, "
          "6 member of a set; membership_values holds the sets, separated by NaN.",
      .inputs = {{"x", kFloats, 'T'},
                 {"nodes_splits", kFloats, 'T'},
                 {"nodes_modes", DType::u8},
                 {"leaf_weights", kFloats, 'T'},
                 {"membership_values", kFloats, 'T', Port::Presence::optional}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"tree_roots", AttrKind::integers, true},
                {"nodes_featureids", AttrKind::integers, true},
                {"nodes_truenodeids", AttrKind::integers, true},
                {"nodes_falsenodeids", AttrKind::integers, true},
                {"nodes_trueleafs", AttrKind::integers, true},
                {"nodes_falseleafs", AttrKind::integers, true},
                {"nodes_missing_value_tracks_true", AttrKind::integers},
                {"leaf_targetids", AttrKind::integers, true},
                {"n_targets", AttrKind::integer, false, int64_t{1}},
                {"aggregate_function", AttrKind::integer, false, int64_t{1},
                 "0 average, 1 sum, 2 min, 3 max"},
                {"post_transform", AttrKind::integer, false, int64_t{0},
                 "0 none, 1 softmax, 2 logistic, 3 softmax_zero, 4 probit"}},
      .infer = infer_ensemble,
      .reference = ensemble,
      .examples = {R"(graph one_split(x: f32[3,2]) -> (y) {
        y = tree_ensemble(x, f32[1]{0.5}, u8[1]{0}, f32[2]{1, -1}, _)
            <tree_roots=[0], nodes_featureids=[1], nodes_truenodeids=[0], nodes_falsenodeids=[1],
             nodes_trueleafs=[1], nodes_falseleafs=[1], leaf_targetids=[0, 0]>
      })"},
  };
  return def;
}

}  // namespace hone
