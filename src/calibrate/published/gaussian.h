// A normal distribution over what rows of a table look like, whatever their level: learned from
// rows with gaps, and used to fill the gaps of others.
#pragma once

#include <span>
#include <vector>

#include "calibrate/linear_algebra.h"

namespace hone::calibrate {

struct Gaussian {
  std::vector<double> mean;
  Matrix covariance;
};

// What a fit is pulled towards: `covariance` as strongly as so many rows, `mean` likewise.
struct Pull {
  Gaussian towards;
  double covariance_rows = 0, mean_rows = 0;
};

// The mean of each column when rows are brought to one level; 0 of empty columns.
std::vector<double> column_means(const Matrix& rows);

// Expectation maximization (Dempster, Laird and Rubin 1977) over rows with NaN where nothing is
// known; each row has a level of its own, which is fitted with it. Rows with fewer than two numbers
// say nothing. The covariance to pull towards must be positive definite, its rows above 0.
Gaussian fit_gaussian(const Matrix& rows, std::span<const double> weights, const Pull& pull,
                      int iterations);

// What is known of a row once some of its numbers are given.
struct Conditional {
  std::vector<double> mean;  // of every column
  Matrix covariance;         // of every column
  std::vector<size_t> used;  // the given ones that were believed
  double misfit = 0;         // squares of the given ones beside what is usual; expected: used - 1
};

// Of `given` columns of `row`, those that are not NaN. While there are five or more, one that lies
// more than three standard deviations from what the others say is not believed. At least one.
Conditional condition(const Gaussian& prior, std::span<const double> row,
                      std::span<const size_t> given);

}  // namespace hone::calibrate
