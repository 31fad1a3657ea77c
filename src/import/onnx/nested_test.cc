// Tests of nested graphs that print and parse back.
#include <gtest/gtest.h>

#include "import/onnx/onnx.h"
#include "import/onnx/test_model.h"
#include "ir/text.h"
#include "ops/catalogue.h"

namespace hone::onnx {
namespace {

using namespace test;

// Outputs of nested graphs go by their position: two may be the same.
TEST(OnnxImport, NestedOutputsOfOneName) {
  NEEDS("If", "Neg");
  const auto branch = graph({.nodes = {node("Neg", {"x"}, {"t"}), node("Neg", {"t"}, {"t.2"})},
                             .outputs = {untyped("t"), untyped("t.2"), untyped("t")}});
  const auto m = load(model(graph({.nodes = {node("If", {"c"}, {"y", "z", "w"},
                                                  {graph_attribute("then_branch", branch),
                                                   graph_attribute("else_branch", branch)})},
                                   .inputs = {value("x", kFloat, {2}), value("c", kBool, {})},
                                   .outputs = {untyped("y"), untyped("z"), untyped("w")}})));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  const auto again = parse_model_text(print(*m), standard_catalogue(), Limits());
  EXPECT_TRUE(again.ok()) << describe(again.error());
}

}  // namespace
}  // namespace hone::onnx
