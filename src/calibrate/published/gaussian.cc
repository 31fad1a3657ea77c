#include "calibrate/published/gaussian.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace hone::calibrate {
namespace {

constexpr double kLevelVariance = 25;  // of a row's level, in squares of a logarithm: anything goes
constexpr double kJitter = 1e-8;       // keeps nearly equal columns apart
constexpr double kUnbelievable = 3;    // standard deviations
constexpr size_t kFewest = 5;          // given numbers among which one may be wrong

std::vector<size_t> columns_where(std::span<const double> row, bool known) {
  std::vector<size_t> columns;
  for (size_t c = 0; c < row.size(); ++c)
    if (std::isnan(row[c]) != known) columns.push_back(c);
  return columns;
}

Matrix invert(Matrix a) {
  for (size_t i = 0; i < a.rows(); ++i) a(i, i) += kJitter;
  const auto l = cholesky(a);
  CHECK(l.ok());  // a covariance that was pulled towards one
  return invert_cholesky(*l);
}

// A row brought to the level of the mean, its gaps filled with what the rest says.
struct Filled {
  std::vector<double> deviation;  // from the mean
  Matrix covariance;              // of the gaps, the level given
  std::vector<size_t> gaps;
  std::vector<double> by_level;  // how deviations move with the level, times its deviation
};

Filled fill(const Gaussian& g, std::span<const double> row, std::span<const size_t> known) {
  Filled filled;
  filled.deviation.resize(row.size());
  filled.gaps = columns_where(row, false);
  const Matrix precision = invert(part(g.covariance, known, known));
  double all = 0, level = 0;
  std::vector<double> off(known.size());
  for (size_t i = 0; i < known.size(); ++i) {
    off[i] = row[known[i]] - g.mean[known[i]];
    for (size_t j = 0; j < known.size(); ++j) all += precision(i, j);
  }
  for (size_t i = 0; i < known.size(); ++i)
    for (size_t j = 0; j < known.size(); ++j) level += precision(i, j) * off[j] / all;
  for (double& x : off) x -= level;
  for (size_t i = 0; i < known.size(); ++i) filled.deviation[known[i]] = off[i];
  const Matrix gain = multiply(part(g.covariance, filled.gaps, known), precision);
  const std::vector<double> means = multiply(gain, off);
  for (size_t i = 0; i < filled.gaps.size(); ++i) filled.deviation[filled.gaps[i]] = means[i];
  const std::vector<double> ones(known.size(), 1 / std::sqrt(all));
  const std::vector<double> moved = multiply(gain, ones);
  filled.by_level.assign(row.size(), 1 / std::sqrt(all));
  for (size_t i = 0; i < filled.gaps.size(); ++i) filled.by_level[filled.gaps[i]] = moved[i];
  filled.covariance = part(g.covariance, filled.gaps, filled.gaps);
  const Matrix explained = multiply(gain, part(g.covariance, known, filled.gaps));
  for (size_t i = 0; i < filled.gaps.size(); ++i)
    for (size_t j = 0; j < filled.gaps.size(); ++j) filled.covariance(i, j) -= explained(i, j);
  return filled;
}

Gaussian step(const Gaussian& now, const Matrix& rows, std::span<const double> weights,
              const Pull& pull) {
  const size_t n = rows.columns();
  std::vector<std::vector<double>> deviations;
  std::vector<double> shares, moved(n);
  Matrix sum(n, n);
  double total = 0;
  for (size_t r = 0; r < rows.rows(); ++r) {
    const auto known = columns_where(rows.row(r), true);
    if (known.size() < 2 || weights[r] <= 0) continue;
    Filled filled = fill(now, rows.row(r), known);
    total += weights[r];
    for (size_t i = 0; i < n; ++i) moved[i] += weights[r] * filled.deviation[i];
    for (size_t i = 0; i < filled.gaps.size(); ++i)
      for (size_t j = 0; j < filled.gaps.size(); ++j)
        sum(filled.gaps[i], filled.gaps[j]) += weights[r] * filled.covariance(i, j);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        sum(i, j) += weights[r] * filled.by_level[i] * filled.by_level[j];
    deviations.push_back(std::move(filled.deviation));
    shares.push_back(weights[r]);
  }
  Gaussian next = now;
  for (size_t i = 0; i < n; ++i) {
    // Deviations are from the present mean, the pull is towards the given one.
    const double towards = pull.towards.mean[i] - now.mean[i];
    const double rows_in_all = total + pull.mean_rows;
    moved[i] = rows_in_all > 0 ? (moved[i] + pull.mean_rows * towards) / rows_in_all : 0;
    next.mean[i] += moved[i];
  }
  for (size_t r = 0; r < deviations.size(); ++r) {
    for (size_t i = 0; i < n; ++i) deviations[r][i] -= moved[i];
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) sum(i, j) += shares[r] * deviations[r][i] * deviations[r][j];
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      next.covariance(i, j) = (sum(i, j) + pull.covariance_rows * pull.towards.covariance(i, j)) /
                              (total + pull.covariance_rows);
    }
  }
  return next;
}

Matrix with_level(Matrix covariance) {
  for (size_t r = 0; r < covariance.rows(); ++r)
    for (double& x : covariance.row(r)) x += kLevelVariance;
  return covariance;
}

}  // namespace

std::vector<double> column_means(const Matrix& rows) {
  std::vector<double> sum(rows.columns()), count(rows.columns());
  for (size_t r = 0; r < rows.rows(); ++r) {
    const auto known = columns_where(rows.row(r), true);
    double level = 0;
    for (const size_t c : known) level += rows(r, c) / double(known.size());
    for (const size_t c : known) {
      sum[c] += rows(r, c) - level;
      ++count[c];
    }
  }
  for (size_t c = 0; c < sum.size(); ++c) sum[c] = count[c] > 0 ? sum[c] / count[c] : 0;
  return sum;
}

Gaussian fit_gaussian(const Matrix& rows, std::span<const double> weights, const Pull& pull,
                      int iterations) {
  CHECK(weights.size() == rows.rows() && pull.covariance_rows > 0);
  Gaussian now = pull.towards;
  for (int i = 0; i < iterations; ++i) now = step(now, rows, weights, pull);
  return now;
}

Conditional condition(const Gaussian& prior, std::span<const double> row,
                      std::span<const size_t> given) {
  Conditional c;
  for (const size_t column : given)
    if (!std::isnan(row[column])) c.used.push_back(column);
  CHECK(!c.used.empty());
  const Matrix covariance = with_level(prior.covariance);
  Matrix precision;
  std::vector<double> off, scaled;
  double level = 0;
  for (;;) {
    precision = invert(part(covariance, c.used, c.used));
    off.clear();
    level = 0;
    for (const size_t u : c.used) level += (row[u] - prior.mean[u]) / double(c.used.size());
    for (const size_t u : c.used) off.push_back(row[u] - prior.mean[u] - level);
    scaled = multiply(precision, off);
    if (c.used.size() < kFewest) break;
    // Of one given the others, the residual over its standard deviation.
    size_t worst = 0;
    double most = 0;
    for (size_t i = 0; i < c.used.size(); ++i) {
      const double size = std::abs(scaled[i]) / std::sqrt(precision(i, i));
      if (size > most) {
        most = size;
        worst = i;
      }
    }
    if (most < kUnbelievable) break;
    c.used.erase(c.used.begin() + std::ptrdiff_t(worst));
  }
  c.misfit = dot(scaled, off);
  std::vector<size_t> all(row.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  const Matrix across = part(covariance, all, c.used);
  c.mean = multiply(across, scaled);
  for (size_t i = 0; i < all.size(); ++i) c.mean[i] += prior.mean[i] + level;
  c.covariance = covariance;
  const Matrix explained = multiply(multiply(across, precision), transpose(across));
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t j = 0; j < all.size(); ++j) c.covariance(i, j) -= explained(i, j);
  return c;
}

}  // namespace hone::calibrate
