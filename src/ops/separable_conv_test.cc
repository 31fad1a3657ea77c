// What a separable convolution refuses.
#include <gtest/gtest.h>

#include "ops/catalogue.h"
#include "support/op_cases.h"

namespace hone {
namespace {

std::string refusal(const std::string& inputs, const std::string& attributes) {
  const auto model = testing::model_of(
      "graph g(x: f32[1,5,5,2], w: f32[9,2], e: f32[1,1,2,32], p: f32[1,1,2,32]) -> (y) { y = "
      "channels_last_separable_conv(" +
          inputs + ") <kernel_shape=[3, 3], " + attributes + "> }",
      standard_catalogue());
  return model.ok() ? "" : describe(model.error());
}

TEST(SeparableConv, WhatIsNotComputedIsNotActivated) {
  const std::string alone = "x, w", expanded = "x, w, _, _, _, e";
  const std::string projected = "x, w, _, _, _, _, _, p";
  const std::string expansion = "expansion_activation=\"relu\"";
  const std::string depthwise = "depthwise_activation=\"relu\"";
  for (const std::string& inputs : {alone, projected})
    EXPECT_NE(refusal(inputs, expansion + (inputs == alone ? "" : ", filters=3"))
                  .find("expansion_activation is given without an expansion"),
              std::string::npos);
  for (const std::string& inputs : {alone, expanded})
    EXPECT_NE(refusal(inputs, depthwise).find("depthwise_activation is given without a projection"),
              std::string::npos);
  EXPECT_EQ(refusal(expanded, expansion), "");
  EXPECT_EQ(refusal(projected, depthwise + ", filters=3"), "");
}

}  // namespace
}  // namespace hone
