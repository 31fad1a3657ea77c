#include "calibrate/nnls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/hash.h"

namespace hone::calibrate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Random {
  uint64_t state;
  double uniform() { return double(finalize64(state += kMixStep) >> 11) * 0x1p-53; }
  double around_zero() { return 2 * uniform() - 1; }
  size_t below(size_t n) { return finalize64(state += kMixStep) % n; }
};

struct Problem {
  Matrix a;
  std::vector<double> b, weights;
  BoundedLeastSquares options;
};

double loss(const Problem& p, std::span<const double> x) {
  double sum = 0;
  for (size_t i = 0; i < p.a.rows(); ++i) {
    const double r = std::sqrt(p.weights[i]) * std::abs(dot(p.a.row(i), x) - p.b[i]);
    const double delta = p.options.huber;
    sum += delta > 0 && r > delta ? 2 * delta * r - delta * delta : r * r;
  }
  return sum;
}

// Karush, Kuhn and Tucker: no allowed direction along an axis lowers the loss. The loss is convex,
// so that is enough. Gradients are compared with the largest they could be.
void expect_optimal(const Problem& p, std::span<const double> x, double tolerance) {
  for (size_t j = 0; j < x.size(); ++j) {
    double gradient = 0, size = 0;
    for (size_t i = 0; i < p.a.rows(); ++i) {
      double r = std::sqrt(p.weights[i]) * (dot(p.a.row(i), x) - p.b[i]);
      if (p.options.huber > 0) r = std::clamp(r, -p.options.huber, p.options.huber);
      const double column = std::sqrt(p.weights[i]) * p.a(i, j);
      gradient += column * r;
      size += std::abs(column) * (std::abs(r) + std::sqrt(p.weights[i]) * std::abs(p.b[i]));
    }
    const double lower = p.options.lower.empty() ? 0 : p.options.lower[j];
    const double upper = p.options.upper.empty() ? kInfinity : p.options.upper[j];
    EXPECT_GE(x[j], lower);
    EXPECT_LE(x[j], upper);
    const double slack = tolerance * (size + 1e-300);
    if (x[j] < upper) {
      EXPECT_GE(gradient, -slack) << "coefficient " << j << " should grow";
    }
    if (x[j] > lower) {
      EXPECT_LE(gradient, slack) << "coefficient " << j << " should shrink";
    }
  }
}

Problem random_problem(Random& random, size_t rows, size_t columns) {
  Problem p{Matrix(rows, columns), {}, {}, {}};
  const bool positive = random.below(2) == 0;
  for (size_t j = 0; j < columns; ++j) {
    const double scale = std::pow(10, 12 * random.around_zero());  // counts beside constants
    for (size_t i = 0; i < rows; ++i)
      p.a(i, j) = scale * (positive ? random.uniform() : random.around_zero());
  }
  for (size_t i = 0; i < rows; ++i) {
    p.b.push_back(random.around_zero() + (positive ? 1 : 0));
    p.weights.push_back(random.below(10) == 0 ? 0 : std::pow(10, random.around_zero()));
  }
  return p;
}

void random_bounds(Random& random, Problem& p) {
  for (size_t j = 0; j < p.a.columns(); ++j) {
    double size = 0;
    for (size_t i = 0; i < p.a.rows(); ++i) size += std::abs(p.a(i, j));
    const double unit = double(p.a.rows()) / size;
    const size_t kind = random.below(5);
    const double low = unit * random.around_zero(), more = unit * random.uniform();
    p.options.lower.push_back(kind == 0 || kind == 1 ? -kInfinity : low);
    p.options.upper.push_back(kind == 0 || kind == 2 ? kInfinity : kind == 3 ? low : low + more);
  }
}

TEST(Nnls, OptimalOnRandomProblems) {
  Random random{1};
  for (int trial = 0; trial < 600; ++trial) {
    SCOPED_TRACE(trial);
    const size_t columns = 1 + random.below(10), rows = 1 + random.below(30);
    Problem p = random_problem(random, rows, columns);
    if (trial % 3 != 0) random_bounds(random, p);
    const auto x = solve(p.a, p.b, p.weights, p.options);
    ASSERT_TRUE(x) << describe(x.error());
    expect_optimal(p, *x, 1e-7);
  }
}

TEST(Nnls, OptimalWithHuberLoss) {
  Random random{2};
  for (int trial = 0; trial < 200; ++trial) {
    SCOPED_TRACE(trial);
    const size_t columns = 1 + random.below(5), rows = columns + 5 + random.below(30);
    Problem p = random_problem(random, rows, columns);
    if (trial % 3 != 0) random_bounds(random, p);
    p.options.huber = 0.3 * random.uniform() + 0.05;
    const auto x = solve(p.a, p.b, p.weights, p.options);
    ASSERT_TRUE(x) << describe(x.error());
    expect_optimal(p, *x, 1e-3);  // the steps become small before the gradient does
    // Nothing near is better.
    for (int near = 0; near < 50; ++near) {
      std::vector<double> y = *x;
      for (size_t j = 0; j < columns; ++j) {
        const double lower = p.options.lower.empty() ? 0 : p.options.lower[j];
        const double upper = p.options.upper.empty() ? kInfinity : p.options.upper[j];
        y[j] = std::clamp(y[j] * (1 + 0.01 * random.around_zero()), lower, upper);
      }
      EXPECT_GE(loss(p, y), loss(p, *x) * (1 - 1e-9));
    }
  }
}

// Every set of coefficients at a bound is tried: the best feasible one is the answer.
double best_by_enumeration(const Problem& p) {
  const size_t n = p.a.columns();
  size_t sets = 1;
  for (size_t j = 0; j < n; ++j) sets *= 3;
  double best = kInfinity;
  for (size_t set = 0; set < sets; ++set) {
    std::vector<double> x(n);
    std::vector<size_t> open;
    bool sound = true;
    for (size_t j = 0, code = set; j < n; ++j, code /= 3) {
      if (code % 3 == 0)
        open.push_back(j);
      else
        x[j] = code % 3 == 1 ? p.options.lower[j] : p.options.upper[j];
      sound = sound && std::isfinite(x[j]);
    }
    if (!sound) continue;
    Matrix normal(open.size(), open.size());
    std::vector<double> right(open.size());
    for (size_t i = 0; i < p.a.rows(); ++i) {
      const double rest = p.b[i] - dot(p.a.row(i), x);
      for (size_t k = 0; k < open.size(); ++k) {
        right[k] += p.weights[i] * p.a(i, open[k]) * rest;
        for (size_t l = 0; l < open.size(); ++l)
          normal(k, l) += p.weights[i] * p.a(i, open[k]) * p.a(i, open[l]);
      }
    }
    const auto l = cholesky(normal);
    if (!l) continue;
    const auto inner = solve_cholesky(*l, right);
    for (size_t k = 0; k < open.size(); ++k) {
      x[open[k]] = inner[k];
      sound = sound && inner[k] >= p.options.lower[open[k]] && inner[k] <= p.options.upper[open[k]];
    }
    if (sound) best = std::min(best, loss(p, x));
  }
  return best;
}

TEST(Nnls, AsGoodAsEverySetOfBounds) {
  Random random{3};
  for (int trial = 0; trial < 300; ++trial) {
    SCOPED_TRACE(trial);
    const size_t columns = 1 + random.below(5);
    Problem p = random_problem(random, columns + 1 + random.below(8), columns);
    random_bounds(random, p);
    const auto x = solve(p.a, p.b, p.weights, p.options);
    ASSERT_TRUE(x) << describe(x.error());
    const double best = best_by_enumeration(p);
    if (std::isfinite(best)) {
      EXPECT_NEAR(loss(p, *x), best, 1e-8 * (1 + best));
    }
  }
}

TEST(Nnls, FindsTheCoefficientsThatMadeTheObservations) {
  Random random{4};
  Matrix a(12, 4);
  const std::vector<double> truth{2e-10, 0, 5e-9, 0.25};
  for (size_t i = 0; i < a.rows(); ++i) {
    a(i, 0) = 1e10 * random.uniform();
    a(i, 1) = 1e9 * random.uniform();
    a(i, 2) = 1e8 * random.uniform();
    a(i, 3) = 1;
  }
  const auto b = multiply(a, truth);
  std::vector<double> weights;
  for (const double y : b) weights.push_back(1 / (y * y));
  const auto x = solve(a, b, weights, {});
  ASSERT_TRUE(x);
  for (size_t j = 0; j < truth.size(); ++j) EXPECT_NEAR((*x)[j], truth[j], 1e-9 * truth[j] + 1e-19);
}

TEST(Nnls, OutliersPullLessUnderHuberLoss) {
  Matrix a(11, 1, 1);
  std::vector<double> b(11, 1.0), weights(11, 1.0);
  b[10] = 100;
  EXPECT_NEAR((*solve(a, b, weights, {}))[0], 10, 1e-12);
  BoundedLeastSquares robust;
  robust.huber = 0.1;
  EXPECT_NEAR((*solve(a, b, weights, robust))[0], 1.01, 1e-9);
}

TEST(Nnls, DependentAndEmptyColumns) {
  Matrix a(3, 4);  // the second column is the first twice, the third nothing
  const std::vector<double> b{1, 2, 3}, weights(3, 1.0);
  for (size_t i = 0; i < 3; ++i) {
    a(i, 0) = b[i];
    a(i, 1) = 2 * b[i];
    a(i, 3) = 1;
  }
  const auto x = solve(a, b, weights, {});
  ASSERT_TRUE(x);
  const auto y = multiply(a, *x);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(y[i], b[i], 1e-9);
  EXPECT_EQ((*x)[2], 0);
  EXPECT_EQ(solve(Matrix(0, 2), {}, {}, {})->size(), 2u);
}

TEST(Nnls, RefusesWhatHasNoAnswer) {
  const Matrix a(1, 1, 1);
  const std::vector<double> one{1};
  const auto message = [&](const BoundedLeastSquares& o, double b, double w) {
    const auto x = solve(a, std::vector{b}, std::vector{w}, o);
    return x ? "" : x.error().message;
  };
  EXPECT_NE(message({{1}, {0}, 0}, 1, 1), "");
  EXPECT_NE(message({{kInfinity}, {kInfinity}, 0}, 1, 1), "");
  EXPECT_NE(message({{std::nan("")}, {1}, 0}, 1, 1), "");
  EXPECT_NE(message({}, kInfinity, 1), "");
  EXPECT_NE(message({}, 1, -1), "");
  EXPECT_NE(message({{}, {}, -1}, 1, 1), "");
  EXPECT_EQ(message({}, 1, 1), "");
}

}  // namespace
}  // namespace hone::calibrate
