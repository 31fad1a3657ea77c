#include "ops/ml.h"

#include <algorithm>
#include <limits>
#include <numbers>

namespace hone {
namespace {

// Inverse of the error function: the approximation of Winitzki (2008), refined by Newton's method.
double inverse_erf(double y) {
  if (!(std::abs(y) < 1)) return std::abs(y) == 1 ? y * INFINITY : NAN;
  const double l = std::log1p(-y * y), a = 0.147;
  const double t = 2 / (std::numbers::pi * a) + l / 2;
  double x = std::copysign(std::sqrt(std::max(0.0, std::sqrt(t * t - l / a) - t)), y);
  for (int i = 0; i < 4; ++i) {
    const double error = y < 0 ? std::erfc(-x) - (1 + y) : (1 - y) - std::erfc(x);
    const double slope = 2 / std::sqrt(std::numbers::pi) * std::exp(-x * x);
    if (slope == 0) break;
    x -= error / slope;
  }
  return x;
}

}  // namespace

Result<Rows> rows_of(const Infer& c, const Tensor& x) {
  if (x.rank() == 1) return Rows{1, x.shape()[0]};
  if (x.rank() == 2) return Rows{x.shape()[0], x.shape()[1]};
  return shape_error(c, "x must have one or two axes, has shape " + Shape::of(x.shape()).str());
}

Result<Dim> row_count(const Infer& c) {
  const Shape& shape = c.shape(0);
  if (!shape.ranked) return Dim::unknown();
  if (shape.rank() == 1) return Dim(1);
  if (shape.rank() == 2) return shape.dims[0];
  return shape_error(c, "x must have one or two axes, has shape " + shape.str());
}

Result<Transform> transform_named(const Infer& c, const std::string& name) {
  if (name == "NONE") return Transform::none;
  if (name == "SOFTMAX") return Transform::softmax;
  if (name == "LOGISTIC") return Transform::logistic;
  if (name == "SOFTMAX_ZERO") return Transform::softmax_zero;
  if (name == "PROBIT") return Transform::probit;
  return attribute_error(c, "post_transform is \"" + name + "\"");
}

Result<Transform> transform_of(const Infer& c) {
  return transform_named(c, c.text("post_transform"));
}

double logistic(double x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const double e = std::exp(x);
  return e / (1 + e);
}

void apply(Transform transform, std::vector<double>& scores) {
  if (transform == Transform::none || scores.empty()) return;
  if (transform == Transform::logistic || transform == Transform::probit) {
    for (double& s : scores)
      s = transform == Transform::logistic ? logistic(s)
                                           : std::numbers::sqrt2 * inverse_erf(2 * s - 1);
    return;
  }
  // softmax_zero: scores of zero stay zero and take no part.
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) {
    const bool skip = transform == Transform::softmax_zero && std::abs(s) <= 1e-7;
    s = skip ? 0 : std::exp(s - top);
    sum += s;
  }
  if (sum != 0)
    for (double& s : scores) s /= sum;
}

Result<Labels> labels_of(const Infer& c, std::string_view integers, std::string_view strings) {
  const size_t numbers = c.given(integers) ? c.list(integers).size() : 0;
  const size_t texts = c.given(strings) ? c.texts(strings).size() : 0;
  if (numbers > 0 && texts > 0)
    return attribute_error(
        c, std::string(integers) + " and " + std::string(strings) + " cannot both be given");
  return Labels{texts > 0, std::max(numbers, texts)};
}

void store_label(const Call& c, const Labels& labels, std::string_view integers,
                 std::string_view strings, int64_t index, Tensor& y, int64_t row) {
  const bool listed = index >= 0 && uint64_t(index) < labels.count;
  if (labels.strings)
    y.mutable_strings()[size_t(row)] =
        listed ? c.texts(strings)[size_t(index)] : std::to_string(index);
  else
    store_integer(y, row, listed ? c.list(integers)[size_t(index)] : index);
}

std::vector<double> two_scores(Transform transform, double score, bool positive) {
  if (transform == Transform::probit) {
    std::vector<double> one{score};
    apply(transform, one);
    return {1 - one[0], one[0]};
  }
  if (positive) return {1 - score, score};
  std::vector<double> both{-score, score};
  apply(transform, both);
  return both;
}

}  // namespace hone
