// What the operators of ai.onnx.ml share: rows of features, class labels, transforms of scores.
#pragma once

#include <string>
#include <vector>

#include "ops/common.h"

namespace hone {

inline constexpr DTypes kFeatures = DType::f32 | DType::f64 | DType::i64 | DTypes(DType::i32);

// Rows and columns of a tensor of features: [N, F], or [F] as one row.
struct Rows {
  int64_t count = 0, width = 0;
};
Result<Rows> rows_of(const Infer& c, const Tensor& x);
// The number of rows; unknown when unranked. Fails for more than two axes or none.
Result<Dim> row_count(const Infer& c);

// "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT".
enum class Transform : uint8_t { none, softmax, logistic, softmax_zero, probit };
Result<Transform> transform_of(const Infer& c);
Result<Transform> transform_named(const Infer& c, const std::string& name);
void apply(Transform transform, std::vector<double>& scores);
double logistic(double x);

// The labels of a classifier: strings or integers.
struct Labels {
  bool strings = false;
  size_t count = 0;
};
Result<Labels> labels_of(const Infer& c, std::string_view integers, std::string_view strings);
// Label number `index` as element `row` of y; beyond the list the number itself.
void store_label(const Call& c, const Labels& labels, std::string_view integers,
                 std::string_view strings, int64_t index, Tensor& y, int64_t row);

// One score of a choice between two classes as two, transformed. `positive`: all weights are
// positive, so that the score is the probability of the second class; else its margin.
std::vector<double> two_scores(Transform transform, double score, bool positive);

}  // namespace hone
