// Linear classification and regression of ai.onnx.ml.
#include <algorithm>

#include "ops/ml.h"

namespace hone {
namespace {

constexpr std::string_view kIntegers = "classlabels_ints", kStrings = "classlabels_strings";

struct Model {
  int64_t outputs;
  const Reals& coefficients;
  Reals intercepts;  // empty or one for each output
};

Result<Model> model_of(const Infer& c, int64_t outputs) {
  static const Reals none;
  Model m{outputs, c.given("coefficients") ? c.reals("coefficients") : none, {}};
  if (c.given("intercepts")) m.intercepts = c.reals("intercepts");
  if (outputs < 1 || m.coefficients.size() % size_t(outputs) != 0)
    return attribute_error(c, std::to_string(m.coefficients.size()) + " coefficients for " +
                                  std::to_string(outputs) + " outputs");
  if (!m.intercepts.empty() && m.intercepts.size() != size_t(outputs))
    return attribute_error(c, std::to_string(m.intercepts.size()) + " intercepts for " +
                                  std::to_string(outputs) + " outputs");
  const Shape& shape = c.shape(0);
  const auto width = shape.ranked && shape.rank() > 0 ? shape.dims.back().constant() : std::nullopt;
  if (width && uint64_t(*width) != m.coefficients.size() / size_t(outputs))
    return shape_error(c, std::to_string(m.coefficients.size()) + " coefficients for " +
                              std::to_string(outputs) + " outputs and " + std::to_string(*width) +
                              " features");
  return m;
}

std::vector<double> scores_of(const Model& m, const double* row, int64_t width) {
  std::vector<double> scores;
  for (int64_t k = 0; k < m.outputs; ++k) {
    double sum = m.intercepts.empty() ? 0 : m.intercepts[size_t(k)];
    for (int64_t i = 0; i < width; ++i) sum += m.coefficients[size_t(k * width + i)] * row[i];
    scores.push_back(sum);
  }
  return scores;
}

// One row of coefficients may stand for two classes.
int64_t rows_of_coefficients(const Infer& c, const Labels& labels) {
  if (c.given("intercepts") && !c.reals("intercepts").empty())
    return int64_t(c.reals("intercepts").size());
  return std::max<int64_t>(1, int64_t(labels.count));
}

Result<Types> infer_classifier(const Infer& c) {
  const Labels labels = TRY(labels_of(c, kIntegers, kStrings));
  const Model m = TRY(model_of(c, rows_of_coefficients(c, labels)));
  TRY(transform_of(c));
  const Dim rows = TRY(row_count(c));
  const int64_t scores = m.outputs == 1 && labels.count == 2 ? 2 : m.outputs;
  return Types{Type(labels.strings ? DType::string : DType::i64, {rows}),
               Type(DType::f32, {rows, scores})};
}

Status classifier(Call& c) {
  const Tensor& x = c.in(0);
  const Rows rows = TRY(rows_of(c, x));
  const Labels labels = TRY(labels_of(c, kIntegers, kStrings));
  const Model m = TRY(model_of(c, rows_of_coefficients(c, labels)));
  const Transform transform = TRY(transform_of(c));
  Tensor& label = *TRY(c.out(0));
  Tensor* y = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
  const std::vector<double> values = reals(x);
  for (int64_t r = 0; r < rows.count; ++r) {
    std::vector<double> scores = scores_of(m, values.data() + r * rows.width, rows.width);
    int64_t winner = scores.size() == 1
                         ? int64_t(scores[0] > 0)
                         : std::max_element(scores.begin(), scores.end()) - scores.begin();
    if (scores.size() == 1 && labels.count == 1) winner = 0;
    apply(transform, scores);
    if (scores.size() == 1 && labels.count == 2) scores.insert(scores.begin(), 1 - scores[0]);
    store_label(c, labels, kIntegers, kStrings, winner, label, r);
    for (size_t k = 0; y && k < scores.size(); ++k)
      store_real(*y, r * int64_t(scores.size()) + int64_t(k), scores[k]);
  }
  return ok();
}

Result<Types> infer_regressor(const Infer& c) {
  TRY(model_of(c, c.integer("targets")));
  TRY(transform_of(c));
  return Types{Type(DType::f32, {TRY(row_count(c)), c.integer("targets")})};
}

Status regressor(Call& c) {
  const Tensor& x = c.in(0);
  const Rows rows = TRY(rows_of(c, x));
  const Model m = TRY(model_of(c, c.integer("targets")));
  const Transform transform = TRY(transform_of(c));
  Tensor& y = *TRY(c.out(0));
  const std::vector<double> values = reals(x);
  for (int64_t r = 0; r < rows.count; ++r) {
    std::vector<double> scores = scores_of(m, values.data() + r * rows.width, rows.width);
    apply(transform, scores);
    for (int64_t k = 0; k < m.outputs; ++k) store_real(y, r * m.outputs + k, scores[size_t(k)]);
  }
  return ok();
}

Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  const Shape& shape = c.shape(0);
  cost.macs = element_count(out.back().tensor.shape) *
              (shape.ranked && shape.rank() > 0 ? shape.dims.back() : Dim::unknown());
  cost.flops = cost.macs * Dim(2);
  return cost;
}

}  // namespace

const OpDef& linear_classifier_op() {
  static const OpDef def{
      .name = "linear_classifier",
      .doc =
          "scores = x coefficientsᵀ + intercepts with one row of coefficients for each class, and "
          "the label of the highest. A single row tells two classes apart: a positive score is "
          "the second (ai.onnx.ml).",
      .inputs = {{"x", kFeatures}},
      .outputs = {{"label", DType::string | DType::i64}, {"scores", DType::f32}},
      .attrs = {{"coefficients", AttrKind::reals, true},
                {"intercepts", AttrKind::reals},
                {"multi_class", AttrKind::integer, false, int64_t{0}, "without effect"},
                {kIntegers, AttrKind::integers},
                {kStrings, AttrKind::texts},
                {"post_transform", AttrKind::text, false, "NONE"}},
      .infer = infer_classifier,
      .cost = cost,
      .reference = classifier,
      .examples = {R"(graph classify(x: f32[2,2]) -> (label, scores) {
        label, scores = linear_classifier(x) <coefficients=[1.0, -1.0, 0.5, 2.0],
            intercepts=[0.5, 0.0], classlabels_ints=[3, 4], post_transform="SOFTMAX">
      })"},
  };
  return def;
}

const OpDef& linear_regressor_op() {
  static const OpDef def{
      .name = "linear_regressor",
      .doc =
          "x coefficientsᵀ + intercepts with one row of coefficients for each target "
          "(ai.onnx.ml).",
      .inputs = {{"x", kFeatures}},
      .outputs = {{"y", DType::f32}},
      .attrs = {{"coefficients", AttrKind::reals},
                {"intercepts", AttrKind::reals},
                {"targets", AttrKind::integer, false, int64_t{1}},
                {"post_transform", AttrKind::text, false, "NONE"}},
      .infer = infer_regressor,
      .cost = cost,
      .reference = regressor,
      .examples = {R"(graph regress(x: f32[2,3]) -> (y) {
        y = linear_regressor(x) <coefficients=[1.0, -1.0, 0.5], intercepts=[0.5]>
      })"},
  };
  return def;
}

}  // namespace hone
