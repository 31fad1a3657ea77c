// Products with panels of 16-bit floats are those with the floats that these stand for, bit by bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "backends/backends.h"
#include "ir/text.h"
#include "kernels/gemm/gemm.h"
#include "ops/catalogue.h"
#include "runtime/session.h"

namespace hone {
namespace {

struct Sizes {
  int64_t rows, depth, columns;
};

// y = relu(x W + bias + residual), for panels as they are given.
Tensor product(std::string_view backend, const Sizes& s, const Tensor& panels, size_t threads) {
  const auto extents = [](int64_t a, int64_t b) {
    return "[" + std::to_string(a) + "," + std::to_string(b) + "]";
  };
  const std::string text =
      "hone 1 graph g(x: f32" + extents(s.rows, s.depth) +
      ", w: " + TensorType{panels.dtype(), Shape::of(panels.shape()), {}}.str() + ", b: f32[" +
      std::to_string(s.columns) + "], r: f32" + extents(s.rows, s.columns) +
      ") -> (y) { y = linear(x, w, b, r) <columns=" + std::to_string(s.columns) +
      ", activation=\"relu\"> }";
  auto parsed = parse_model_text(text, standard_catalogue(), Limits());
  EXPECT_TRUE(parsed.ok()) << parsed.error().message;
  auto model = std::make_shared<Model>(parsed.take());
  std::mt19937 random(1);
  std::uniform_real_distribution<float> next(-1, 1);
  std::vector<Datum> inputs;
  const Graph& graph = model->graphs[model->entry.index];
  for (const ValueId v : graph.inputs) {
    if (v == graph.inputs[1]) {
      inputs.emplace_back(panels);
      continue;
    }
    Tensor t = Tensor::make(DType::f32, *graph[v].type.tensor.shape.fixed()).take();
    for (float& x : t.as<float>()) x = next(random);
    inputs.emplace_back(t);
  }
  const auto program = Program::make(std::move(model), backends_for(backend).take(), Limits());
  EXPECT_TRUE(program.ok()) << program.error().message;
  ThreadPool pool(threads);
  Session session(*program, pool);
  return (*session.run(inputs))[0].tensor.clone();
}

void check(DType dtype, const Sizes& s) {
  const int64_t width = kernels::gemm_kernel().columns;
  const Extents shape{(s.columns + width - 1) / width, s.depth, width};
  Tensor narrow = Tensor::make(dtype, shape).take(), wide = Tensor::make(DType::f32, shape).take();
  std::mt19937 random(2);
  std::uniform_real_distribution<double> next(-1, 1);
  for (int64_t i = 0; i < wide.count(); ++i) {
    store_real(narrow, i, next(random));
    store_real(wide, i, load_real(narrow, i));
  }
  const Tensor expected = product("cpu", s, wide, 1);
  const auto bytes = size_t(expected.byte_size());
  for (const size_t threads : {1, 2, 3}) {
    const Tensor y = product("cpu", s, narrow, threads);
    ASSERT_EQ(std::memcmp(y.data(), expected.data(), bytes), 0)
        << name(dtype) << ", " << s.rows << " rows, " << threads << " threads";
  }
  const Tensor plain = product("reference", s, narrow, 1);
  for (int64_t i = 0; i < plain.count(); ++i)
    ASSERT_NEAR(load_real(expected, i), load_real(plain, i), 1e-4);
}

TEST(HalfPanels, AreTheirFloats) {
  for (const DType dtype : {DType::f16, DType::bf16})
    for (const Sizes& s :
         {Sizes{1, 70, 400}, Sizes{3, 70, 260}, Sizes{5, 70, 260}, Sizes{300, 70, 260}})
      ASSERT_NO_FATAL_FAILURE(check(dtype, s));
}

}  // namespace
}  // namespace hone
