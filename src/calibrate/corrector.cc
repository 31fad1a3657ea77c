#include "calibrate/corrector.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "calibrate/linear_algebra.h"
#include "estimate/latency.h"

namespace hone::calibrate {
namespace {

using estimate::Residual;

// A residual is not larger than this for the fit of the corrector: one that is says something else.
constexpr double kMostResidual = 0.7;

double target(const Residual& r) { return std::clamp(r.log_ratio, -kMostResidual, kMostResidual); }

Result<Matrix> factor(std::span<const Residual> residuals, const Reach& reach) {
  Matrix a(residuals.size(), residuals.size());
  for (size_t i = 0; i < residuals.size(); ++i) {
    for (size_t j = 0; j <= i; ++j)
      a(i, j) = estimate::similarity(residuals[i].position, residuals[j].position, reach.distance);
    a(i, i) += reach.noise;
  }
  return cholesky(a);
}

std::vector<double> targets(std::span<const Residual> residuals) {
  std::vector<double> y;
  for (const Residual& r : residuals) y.push_back(target(r));
  return y;
}

}  // namespace

std::vector<Residual> merged(std::span<const Residual> residuals) {
  std::vector<Residual> sorted(residuals.begin(), residuals.end());
  std::ranges::stable_sort(sorted, {}, &Residual::position);
  std::vector<Residual> out;
  for (size_t i = 0, end = 0; i < sorted.size(); i = end) {
    Residual mean = sorted[i];
    for (end = i + 1; end < sorted.size() && sorted[end].position == mean.position; ++end) {
      mean.log_ratio += sorted[end].log_ratio;
      mean.seconds += sorted[end].seconds;
    }
    mean.log_ratio /= double(end - i);
    mean.seconds /= double(end - i);
    out.push_back(mean);
  }
  return out;
}

Result<Reach> best_reach(std::span<const Residual> residuals, std::optional<double> given) {
  std::vector<double> distances{0.5, 1.0, 2.0, 4.0, 8.0};
  if (given) distances = {*given};
  constexpr std::array kNoises{0.1, 0.4, 1.5};
  constexpr size_t kEnough = 120;
  if (residuals.size() > kEnough) residuals = residuals.first(kEnough);
  Reach best;
  double least = std::numeric_limits<double>::infinity();
  const std::vector<double> y = targets(residuals);
  for (const double distance : distances)
    for (const double noise : kNoises) {
      const Reach reach{distance, noise};
      const Matrix l = TRY(factor(residuals, reach));
      const Matrix inverse = invert_cholesky(l);
      const std::vector<double> w = solve_cholesky(l, y);
      double sum = 0;
      for (size_t i = 0; i < y.size(); ++i) sum += std::abs(w[i] / inverse(i, i));
      if (sum < least) {
        least = sum;
        best = reach;
      }
    }
  return best;
}

Status set_weights(std::vector<Residual>& residuals, const Reach& reach) {
  if (residuals.empty()) return ok();
  const auto w = solve_cholesky(TRY(factor(residuals, reach)), targets(residuals));
  for (size_t i = 0; i < residuals.size(); ++i) residuals[i].weight = w[i];
  return ok();
}

}  // namespace hone::calibrate
