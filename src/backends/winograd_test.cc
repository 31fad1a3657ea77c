// Winograd's way where its transforms meet what is not finite: results that have a number keep it.
#include <gtest/gtest.h>

#include <cmath>

#include "backends/backends.h"
#include "ir/text.h"
#include "kernels/gemm/gemm.h"
#include "ops/catalogue.h"
#include "runtime/session.h"

namespace hone {
namespace {

Tensor convolved(std::string_view backend, const Tensor& x) {
  const std::string text =
      "hone 1 graph g(x: f32[1,12,12,16], w: f32[1,1,144," +
      std::to_string(kernels::gemm_kernel().columns) +
      "]) -> (y) { y = channels_last_conv(x, w) <filters=4, kernel_shape=[3, 3], "
      "pads=[1, 1, 1, 1], algorithm=\"winograd\"> }";
  auto model =
      std::make_shared<Model>(parse_model_text(text, standard_catalogue(), Limits()).take());
  Tensor w = Tensor::make(DType::f32, {1, 1, 144, kernels::gemm_kernel().columns}).take();
  for (int64_t i = 0; i < w.count(); ++i) w.as<float>()[size_t(i)] = float(i % 7) / 16 - 0.2f;
  const auto program = Program::make(std::move(model), backends_for(backend).take(), Limits());
  ThreadPool pool(2);
  const Datum inputs[] = {Datum(x), Datum(w)};
  return (*Session(*program, pool).run(inputs))[0].tensor.clone();
}

Tensor image(float scale) {
  Tensor x = Tensor::make(DType::f32, {1, 12, 12, 16}).take();
  for (int64_t i = 0; i < x.count(); ++i)
    x.as<float>()[size_t(i)] = scale * (float(i % 11) / 8 - 0.6f);
  return x;
}

void expect_equal(const Tensor& x) {
  const Tensor expected = convolved("reference", x), actual = convolved("cpu", x);
  for (size_t i = 0; i < size_t(expected.count()); ++i) {
    const float a = actual.as<float>()[i], b = expected.as<float>()[i];
    if (std::isfinite(b))
      ASSERT_NEAR(a, b, 1e-4f * std::abs(b) + 1e-5f * std::abs(x.as<float>()[0])) << i;
    else
      ASSERT_FALSE(std::isfinite(a)) << i;
  }
}

TEST(Winograd, OneInfinityStaysWhereItIs) {
  Tensor x = image(1);
  x.as<float>()[size_t((3 * 12 + 3) * 16)] = INFINITY;
  expect_equal(x);
  x.as<float>()[size_t((7 * 12 + 8) * 16 + 5)] = NAN;
  expect_equal(x);
}

TEST(Winograd, LargeNumbersDoNotOverflow) { expect_equal(image(1e37f)); }

}  // namespace
}  // namespace hone
