#include "calibrate/published/interpolation.h"

#include <cmath>

#include "base/check.h"
#include "calibrate/linear_algebra.h"

namespace hone::calibrate {
namespace {

constexpr size_t kCounts = NetworkFeatures::kColumns.size() - NetworkFeatures::kMacs;
constexpr size_t kDirections = 1 + kCounts + NetworkFeatures::kMacs + 1;

// Chosen on networks left out; errors hardly change when any of them doubles.
constexpr double kLevel = 25;    // variance of what all networks have in common
constexpr double kLength = 5;    // in standard deviations of a direction
constexpr double kNoise = 0.05;  // variance of a network that features do not tell

std::vector<double> directions(const NetworkFeatures& network) {
  std::vector<double> z{std::log(network.macs())};
  for (size_t i = NetworkFeatures::kMacs; i < network.values.size(); ++i)
    z.push_back(std::log1p(network.values[i]));
  for (size_t i = 0; i < NetworkFeatures::kMacs; ++i)
    z.push_back(std::sqrt(network.values[i] / network.macs()));
  z.push_back(is_int8(network.network) ? 1 : 0);
  return z;
}

// Brings every direction to mean 0 and standard deviation 1 over the known networks.
void standardize(std::vector<std::vector<double>>& known, std::vector<double>& network) {
  for (size_t d = 0; d < kDirections; ++d) {
    double mean = 0, square = 0;
    for (const auto& z : known) mean += z[d] / double(known.size());
    for (const auto& z : known) square += (z[d] - mean) * (z[d] - mean) / double(known.size());
    const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
    for (auto& z : known) z[d] = (z[d] - mean) * scale;
    network[d] = (network[d] - mean) * scale;
  }
}

double covariance(std::span<const double> a, std::span<const double> b) {
  double distance = 0;
  for (size_t d = 0; d < a.size(); ++d) distance += (a[d] - b[d]) * (a[d] - b[d]);
  return kLevel + dot(a, b) + std::exp(-distance / (2 * kLength * kLength));
}

}  // namespace

Mixture interpolate(std::span<const NetworkFeatures* const> known, const NetworkFeatures& network) {
  if (known.empty()) return {};
  std::vector<std::vector<double>> at;
  for (const NetworkFeatures* k : known) at.push_back(directions(*k));
  std::vector<double> here = directions(network);
  standardize(at, here);
  Matrix between(at.size(), at.size());
  std::vector<double> to(at.size());
  for (size_t i = 0; i < at.size(); ++i) {
    for (size_t j = 0; j < at.size(); ++j) between(i, j) = covariance(at[i], at[j]);
    between(i, i) += kNoise;
    to[i] = covariance(at[i], here);
  }
  const auto l = cholesky(between);
  CHECK(l.ok());  // positive definite with so much noise
  Mixture mixture;
  mixture.weights = solve_cholesky(*l, to);
  mixture.variance = covariance(here, here) + kNoise - dot(mixture.weights, to);
  return mixture;
}

}  // namespace hone::calibrate
