// An active set of bounds, after Lawson and Hanson (1974, chapter 23) and, for two-sided bounds,
// Stark and Parker (1995).
#include "calibrate/nnls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/check.h"

namespace hone::calibrate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTolerance = 1e-11;  // of gradients, beside the sizes of b and the column
constexpr double kDependent = 1e-11;  // of what a column adds to the free ones, squared

// Minimises |A x − b|² with columns of length one.
class ActiveSet {
 public:
  ActiveSet(const Matrix& a, std::span<const double> b, std::span<const double> lower,
            std::span<const double> upper)
      : columns_(transpose(a)), b_(b.begin(), b.end()), lower_(lower), upper_(upper) {
    const size_t n = columns_.rows();
    gram_ = multiply(columns_, a);
    x_.resize(n);
    free_.assign(n, false);
    for (size_t j = 0; j < n; ++j) {
      x_[j] = std::isfinite(lower[j]) ? lower[j] : std::isfinite(upper[j]) ? upper[j] : 0;
    }
    scale_ = std::sqrt(dot(b_, b_)) + std::sqrt(dot(x_, x_));
  }

  std::vector<double> run() {
    // Each round lowers the sum of squares, and there are finitely many sets of free columns; the
    // limit is for rounding.
    const size_t most = 20 * x_.size() + 100;
    for (size_t round = 0; round < most; ++round) {
      if (!release()) break;
    }
    return x_;
  }

 private:
  std::vector<double> descent() const {  // the negative gradient
    std::vector<double> residual = b_;
    for (size_t j = 0; j < x_.size(); ++j)
      if (x_[j] != 0)
        for (size_t i = 0; i < residual.size(); ++i) residual[i] -= columns_(j, i) * x_[j];
    return multiply(columns_, residual);
  }

  // Frees the bound column that promises most and moves to the best point of the free ones; false
  // when no column can lower the sum.
  bool release() {
    std::vector<double> down = descent();
    for (;;) {
      size_t best = x_.size();
      double most = kTolerance * scale_;
      for (size_t j = 0; j < x_.size(); ++j) {
        if (free_[j]) continue;
        const double gain =
            down[j] > 0 ? (x_[j] < upper_[j] ? down[j] : 0) : (x_[j] > lower_[j] ? -down[j] : 0);
        if (gain > most) {
          most = gain;
          best = j;
        }
      }
      if (best == x_.size()) return false;
      free_[best] = true;
      const auto target = best_of_free();
      // A column that the free ones already make up, or that rounding alone would move the wrong
      // way, stays where it is.
      if (!target || (down[best] > 0) != ((*target)[best] > x_[best])) {
        free_[best] = false;
        down[best] = 0;
        continue;
      }
      approach(*target);
      return true;
    }
  }

  // Steps towards the target as far as the bounds let it; what hits one is bound, and the rest
  // goes on.
  void approach(std::vector<double> target) {
    for (;;) {
      double step = 1;
      for (size_t j = 0; j < x_.size(); ++j) {
        if (!free_[j]) continue;
        const double bound = target[j] < lower_[j] ? lower_[j] : upper_[j];
        if (target[j] < lower_[j] || target[j] > upper_[j])
          step = std::min(step, (bound - x_[j]) / (target[j] - x_[j]));
      }
      if (step == 1) {
        x_ = std::move(target);
        return;
      }
      bind(target, step);
      const auto next = best_of_free();
      if (!next) return;  // fewer columns of independent ones are independent
      target = *next;
    }
  }

  void bind(const std::vector<double>& target, double step) {
    for (size_t j = 0; j < x_.size(); ++j) {
      if (!free_[j]) continue;
      const bool below = target[j]<lower_[j], above = target[j]> upper_[j];
      const double bound = below ? lower_[j] : upper_[j];
      if ((below || above) && (bound - x_[j]) / (target[j] - x_[j]) <= step) {
        x_[j] = bound;
        free_[j] = false;
      } else {
        x_[j] = std::clamp(x_[j] + step * (target[j] - x_[j]), lower_[j], upper_[j]);
      }
    }
  }

  // The x that minimises the sum over the free columns, the others as they are; none when the free
  // columns depend on each other.
  std::optional<std::vector<double>> best_of_free() const {
    std::vector<size_t> chosen;
    for (size_t j = 0; j < x_.size(); ++j)
      if (free_[j]) chosen.push_back(j);
    const auto l = cholesky(part(gram_, chosen, chosen), kDependent);
    if (!l) return std::nullopt;
    std::vector<double> target = x_;
    // The second time takes out what the squared condition of the normal equations has left.
    for (int refinement = 0; refinement < 2; ++refinement) {
      std::vector<double> residual = b_;
      for (size_t j = 0; j < target.size(); ++j)
        for (size_t i = 0; i < residual.size(); ++i) residual[i] -= columns_(j, i) * target[j];
      std::vector<double> right;
      for (const size_t j : chosen) right.push_back(dot(columns_.row(j), residual));
      const auto correction = solve_cholesky(*l, right);
      for (size_t k = 0; k < chosen.size(); ++k) target[chosen[k]] += correction[k];
    }
    return target;
  }

  Matrix columns_;  // of A, as rows
  Matrix gram_;
  std::vector<double> b_;
  std::span<const double> lower_, upper_;
  std::vector<double> x_;
  std::vector<bool> free_;
  double scale_ = 0;
};

// Brings the weights into A and b, and the columns to length one.
std::vector<double> solve_weighted(const Matrix& a, std::span<const double> b,
                                   std::span<const double> weights,
                                   const BoundedLeastSquares& options) {
  Matrix scaled = a;
  std::vector<double> right(b.begin(), b.end()), length(a.columns());
  for (size_t i = 0; i < a.rows(); ++i) {
    const double root = std::sqrt(weights[i]);
    right[i] *= root;
    for (double& x : scaled.row(i)) x *= root;
  }
  std::vector<double> lower = options.lower, upper = options.upper;
  for (size_t j = 0; j < a.columns(); ++j) {
    double squares = 0;
    for (size_t i = 0; i < a.rows(); ++i) squares += scaled(i, j) * scaled(i, j);
    length[j] = squares > 0 ? std::sqrt(squares) : 1;
    for (size_t i = 0; i < a.rows(); ++i) scaled(i, j) /= length[j];
    lower[j] *= length[j];
    upper[j] *= length[j];
  }
  std::vector<double> x = ActiveSet(scaled, right, lower, upper).run();
  for (size_t j = 0; j < x.size(); ++j) {
    // What is at a bound is at the bound that was asked for, whatever dividing rounds to.
    x[j] = x[j] == lower[j]   ? options.lower[j]
           : x[j] == upper[j] ? options.upper[j]
                              : std::clamp(x[j] / length[j], options.lower[j], options.upper[j]);
  }
  return x;
}

// Each step solves squares that touch Huber's loss from above at the present x, so the loss falls.
std::vector<double> reweighted(const Matrix& a, std::span<const double> b,
                               std::span<const double> weights,
                               const BoundedLeastSquares& options) {
  constexpr int kSteps = 1000;
  constexpr double kSettled = 1e-11;
  std::vector<double> x = solve_weighted(a, b, weights, options);
  std::vector<double> now(weights.begin(), weights.end());
  for (int step = 0; step < kSteps; ++step) {
    for (size_t i = 0; i < now.size(); ++i) {
      const double residual = std::sqrt(weights[i]) * std::abs(dot(a.row(i), x) - b[i]);
      now[i] = weights[i] * (residual > options.huber ? options.huber / residual : 1);
    }
    std::vector<double> next = solve_weighted(a, b, now, options);
    double moved = 0;  // beside its size: coefficients differ by orders of magnitude
    for (size_t j = 0; j < x.size(); ++j)
      if (next[j] != x[j]) moved = std::max(moved, std::abs(next[j] - x[j]) / std::abs(next[j]));
    x = std::move(next);
    if (moved <= kSettled) break;
  }
  return x;
}

Status check(const Matrix& a, std::span<const double> b, std::span<const double> weights,
             const BoundedLeastSquares& options) {
  const auto wrong = [](std::string_view what, size_t index) {
    return fail(ErrorId::bad_value, fmt::format("least squares: {} at {}", what, index));
  };
  for (size_t i = 0; i < a.rows(); ++i) {
    for (const double x : a.row(i))
      if (!std::isfinite(x)) return wrong("a feature that is not finite, in row", i);
    if (!std::isfinite(b[i])) return wrong("an observation that is not finite", i);
    if (!(weights[i] >= 0) || !std::isfinite(weights[i])) return wrong("a bad weight", i);
  }
  for (size_t j = 0; j < a.columns(); ++j) {
    if (!(options.lower[j] <= options.upper[j]) || options.lower[j] == kInfinity ||
        options.upper[j] == -kInfinity)
      return wrong("bounds that leave no value for a coefficient", j);
  }
  if (!(options.huber >= 0)) return wrong("a bad threshold", 0);
  return ok();
}

}  // namespace

Result<std::vector<double>> solve(const Matrix& a, std::span<const double> b,
                                  std::span<const double> weights,
                                  const BoundedLeastSquares& options) {
  BoundedLeastSquares full = options;
  if (full.lower.empty()) full.lower.assign(a.columns(), 0);
  if (full.upper.empty()) full.upper.assign(a.columns(), kInfinity);
  CHECK(b.size() == a.rows() && weights.size() == a.rows());
  CHECK(full.lower.size() == a.columns() && full.upper.size() == a.columns());
  TRY(check(a, b, weights, full));
  return full.huber > 0 ? reweighted(a, b, weights, full) : solve_weighted(a, b, weights, full);
}

}  // namespace hone::calibrate
