// Convolutions whose windows are read in place, where their geometry is not the usual one.
#include <gtest/gtest.h>

#include <cmath>

#include "backends/backends.h"
#include "kernels/gemm/gemm.h"
#include "ops/catalogue.h"
#include "runtime/session.h"
#include "support/data.h"
#include "support/op_cases.h"

namespace hone {
namespace {

Tensor run(std::string_view backend, const std::string& text) {
  auto model = std::make_shared<const Model>(
      testing::model_of("graph g(" + text, standard_catalogue()).take());
  testing::Random random(1);
  Dim::Bindings none;
  const auto inputs = testing::random_inputs(model->main(), none, random);
  const auto program = Program::make(model, backends_for(backend).take(), Limits());
  ThreadPool pool(2);
  Session session(*program, pool);
  return (*session.run(inputs))[0].tensor.clone();
}

void expect_equal(const std::string& text) {
  const Tensor expected = run("reference", text), actual = run("cpu", text);
  ASSERT_EQ(actual.shape(), expected.shape());
  for (size_t i = 0; i < size_t(expected.count()); ++i)
    ASSERT_NEAR(actual.as<float>()[i], expected.as<float>()[i],
                1e-4f * (1 + std::abs(expected.as<float>()[i])))
        << i << "\n"
        << text;
}

// Filters of one panel, as wide as this machine's.
std::string filters(int64_t groups, int64_t depth) {
  return std::to_string(groups) + ",1," + std::to_string(depth) + "," +
         std::to_string(kernels::gemm_kernel().columns) + "]";
}
std::string columns() { return std::to_string(kernels::gemm_kernel().columns); }

// The only window along the first axis lies outside of the image.
TEST(WindowLines, PaddingOfAnAxisOfOne) {
  expect_equal("x: f32[1,1,6,29,1], w: f32[" + filters(1, 2) +
               ") -> (y) { y = channels_last_conv(x, w) <filters=" + columns() +
               ", kernel_shape=[1, 1, 2], strides=[2, 1, 1], pads=[1, 0, 0, 0, 0, 0]> }");
  expect_equal("x: f32[1,1,6,28,2], w: f32[" + filters(1, 18) +
               ") -> (y) { y = channels_last_conv(x, w) <filters=" + columns() +
               ", kernel_shape=[1, 3, 3], strides=[2, 1, 1], pads=[1, 1, 1, 0, 1, 1]> }");
}

TEST(WindowLines, NoChannels) {
  expect_equal("x: f32[1,16,28,0], w: f32[" + filters(1, 0) +
               ") -> (y) { y = channels_last_conv(x, w) <filters=" + columns() +
               ", kernel_shape=[3, 3], pads=[1, 1, 1, 1]> }");
}

// Sizes of lines and planes whose product does not fit 64 bits.
TEST(WindowLines, StridesAndPaddingBeyondAnyImage) {
  expect_equal("x: f32[1,1,2,1], w: f32[" + filters(1, 2) +
               ") -> (y) { y = channels_last_conv(x, w) <filters=" + columns() +
               ", kernel_shape=[1, 2], strides=[252645135, 300000000], "
               "dilations=[1, 994967295], pads=[0, 2147483647, 0, 2147483647]> }");
}

// Fewer lines than are laid out at a time.
TEST(WindowLines, LowImages) {
  for (const char* height : {"1", "2", "3"})
    expect_equal("x: f32[2," + std::string(height) + ",28,4], w: f32[" + filters(1, 36) +
                 ") -> (y) { y = channels_last_conv(x, w) <filters=" + columns() +
                 ", kernel_shape=[3, 3], pads=[1, 1, 1, 1]> }");
}

}  // namespace
}  // namespace hone
