// Ensembles of decision trees that vote for classes.
#include <algorithm>

#include "ops/trees.h"

namespace hone {
namespace {

constexpr std::string_view kIntegers = "classlabels_int64s", kStrings = "classlabels_strings";

Result<Types> infer(const Infer& c) {
  const Labels labels = TRY(labels_of(c, kIntegers, kStrings));
  if (labels.count == 0) return attribute_error(c, "there are no class labels");
  TRY(transform_of(c));
  const Dim rows = TRY(row_count(c));
  return Types{Type(labels.strings ? DType::string : DType::i64, {rows}),
               Type(DType::f32, {rows, int64_t(labels.count)})};
}

struct Voting {
  Labels labels;
  Transform transform;
  std::vector<double> base;
  bool binary = false;   // two classes, but votes for a single one: its score decides
  bool positive = true;  // no weight is negative
};

// Scores and the index of the winner. With a single voted class, its score is the probability (all
// weights positive) or the margin of the second class.
int64_t decide(const Voting& v, std::vector<double>& scores, const std::vector<bool>& seen) {
  const size_t bases = v.base.size();
  if (scores.size() == 2 && v.binary && !seen[1]) {
    double score = scores[0];
    if (bases == 2) {
      score += v.base[1];
      scores = {-score, score};
      apply(v.transform, scores);
      return score > (v.positive ? 0.5 : 0.0);
    }
    if (bases == 1) score += v.base[0];
    const bool second = score > (v.positive ? 0.5 : 0.0);
    scores = two_scores(v.transform, score, v.positive);
    return second;
  }
  for (size_t i = 0; i < scores.size() && bases > 0; ++i)
    if (bases == scores.size() || i == 0) scores[i] += v.base[i];
  int64_t winner = std::max_element(scores.begin(), scores.end()) - scores.begin();
  if (v.binary && scores.size() == 2) winner = scores[1] > (v.positive ? 0.5 : 0.0);
  if (scores.size() == 1) winner = v.labels.strings ? 0 : scores[0] > 0;
  apply(v.transform, scores);
  return winner;
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  const Rows rows = TRY(rows_of(c, x));
  Voting v;
  v.labels = TRY(labels_of(c, kIntegers, kStrings));
  v.transform = TRY(transform_of(c));
  const auto classes = int64_t(v.labels.count);
  const Forest forest = TRY(forest_of(c, "class", classes));
  TRY(forest.check(c, rows.width));
  if (c.has(3)) v.base = reals(c.in(3));
  if (v.base.size() > 1 && v.base.size() != v.labels.count)
    return shape_error(c, std::to_string(v.base.size()) + " base values for " +
                              std::to_string(classes) + " classes");
  v.binary = classes == 2;
  for (const auto& vote : forest.votes) {
    v.binary = v.binary && vote.target == forest.votes[0].target;
    v.positive = v.positive && vote.weight >= 0;
  }
  Tensor& label = *TRY(c.out(0));
  Tensor* y = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
  const std::vector<double> values = reals(x);
  for (int64_t r = 0; r < rows.count; ++r) {
    std::vector<double> scores(size_t(classes), 0);
    std::vector<bool> seen(size_t(classes), false);
    for (int64_t root : forest.roots) {
      const auto& leaf = forest.leaf(root, values.data() + r * rows.width);
      for (int64_t k = leaf.first; k < leaf.last; ++k) {
        const auto [target, weight] = forest.votes[size_t(k)];
        scores[size_t(target)] += weight;
        seen[size_t(target)] = true;
      }
    }
    store_label(c, v.labels, kIntegers, kStrings, decide(v, scores, seen), label, r);
    for (int64_t k = 0; y && k < classes; ++k) store_real(*y, r * classes + k, scores[size_t(k)]);
  }
  return ok();
}

std::vector<AttrDef> attrs() {
  auto attrs = forest_attrs("class");
  attrs.push_back({kIntegers, AttrKind::integers});
  attrs.push_back({kStrings, AttrKind::texts});
  return attrs;
}

}  // namespace

const OpDef& tree_ensemble_classifier_op() {
  static const OpDef def{
      .name = "tree_ensemble_classifier",
      .doc =
          "For each row of features the label that the leaves it reaches give the most votes, and "
          "the score of each class (ai.onnx.ml 3). Where two classes are told apart by votes for "
          "one, the score is that of the second class and the first one's is its complement.",
      .inputs = {{"x", kFeatures},
                 {"nodes_values", DType::f32 | DType::f64},
                 {"class_weights", DType::f32 | DType::f64},
                 {"base_values", DType::f32 | DType::f64, 0, Port::Presence::optional}},
      .outputs = {{"label", DType::string | DType::i64}, {"scores", DType::f32}},
      .attrs = attrs(),
      .infer = infer,
      .reference = reference,
      .examples = {R"(graph two_classes(x: f32[3,2]) -> (label, scores) {
        label, scores = tree_ensemble_classifier(x, f32[3]{0.5, 0, 0}, f32[2]{1, 2})
            <nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0],
             nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0],
             nodes_falsenodeids=[2, 0, 0], class_treeids=[0, 0], class_nodeids=[1, 2],
             class_ids=[0, 1], classlabels_int64s=[7, 9]>
      })"},
  };
  return def;
}

}  // namespace hone
