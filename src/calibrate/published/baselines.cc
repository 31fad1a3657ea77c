#include "calibrate/published/baselines.h"

#include <array>

#include "calibrate/nnls.h"

namespace hone::calibrate {
namespace {

constexpr std::array<std::string_view, kBaselines> kNames{"MACs only", "four coefficients",
                                                          "kinds of kernels"};
// Positions in NetworkFeatures.
constexpr size_t kWeights = 5, kActivations = 6, kLayers = 7, kOtherActivations = 8;

std::vector<double> columns_of(Baseline baseline, const NetworkFeatures& network) {
  const auto& v = network.values;
  switch (baseline) {
    case Baseline::macs: return {network.macs()};
    case Baseline::four_coefficients:
      return {network.macs(), v[kActivations] + v[kOtherActivations], v[kWeights], 1};
    case Baseline::kernels: {
      std::vector<double> columns(v.begin(), v.begin() + NetworkFeatures::kMacs);
      for (const size_t i : {kWeights, kActivations, kOtherActivations, kLayers})
        columns.push_back(v[i]);
      return columns;
    }
  }
  return {};
}

}  // namespace

std::string_view name(Baseline baseline) { return kNames[size_t(baseline)]; }

std::optional<FittedBaseline> FittedBaseline::fit(Baseline baseline,
                                                  std::span<const Measured> measured,
                                                  std::span<const NetworkFeatures> features) {
  std::vector<std::vector<double>> rows;
  std::vector<double> times, weights;
  for (const Measured& m : measured) {
    for (const NetworkFeatures& f : features) {
      if (!same_network(f.network, m.network)) continue;
      rows.push_back(columns_of(baseline, f));
      times.push_back(m.milliseconds);
      weights.push_back(1 / (m.milliseconds * m.milliseconds));
    }
  }
  if (rows.empty()) return std::nullopt;
  Matrix a(rows.size(), rows[0].size());
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t c = 0; c < rows[r].size(); ++c) a(r, c) = rows[r][c];
  auto coefficients = solve(a, times, weights, {});
  if (!coefficients) return std::nullopt;
  return FittedBaseline(baseline, coefficients.take());
}

double FittedBaseline::milliseconds(const NetworkFeatures& network) const {
  return dot(columns_of(baseline_, network), coefficients_);
}

}  // namespace hone::calibrate
