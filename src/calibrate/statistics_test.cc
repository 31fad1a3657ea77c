#include "calibrate/statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace hone::calibrate {
namespace {

TEST(Statistics, QuantilesLieBetweenNeighbours) {
  const std::vector<double> v{4, 1, 3, 2};
  EXPECT_EQ(quantile(v, 0), 1);
  EXPECT_EQ(quantile(v, 1), 4);
  EXPECT_EQ(median(v), 2.5);
  EXPECT_NEAR(quantile(v, 0.9), 3.7, 1e-12);
  EXPECT_EQ(median(std::vector<double>{7}), 7);
  EXPECT_EQ(median({}), 0);
}

}  // namespace
}  // namespace hone::calibrate
