// Ranges of numbers that are found where the numbers are made: the same bytes come of them, for any
// number of threads.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "backends/backends.h"
#include "ir/text.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/session.h"

namespace hone {
namespace {

std::string text_of(int64_t rows, int64_t depth) {
  const std::string n = std::to_string(depth);
  return "hone 1 graph g(x: f32[" + std::to_string(rows) + "," + n + "], w: f32[" + n +
         "]) -> (q, s, z) { n = layer_normalization(x, w) q, s, z = dynamic_quantize_linear(n) }";
}

struct Ran {
  std::vector<Datum> outputs;
  uint64_t on_cpu = 0;
};

Ran run(std::string_view backend, int threads, bool ranged, int64_t rows, int64_t depth) {
  auto model = std::make_shared<Model>(
      parse_model_text(text_of(rows, depth), standard_catalogue(), Limits()).take());
  if (ranged) {
    EXPECT_TRUE(
        run_pipeline(*model, "find_ranges, sweep", standard_catalogue(), Limits(), {}).ok());
  }
  std::mt19937 random(3);
  std::normal_distribution<float> next(1, 2);
  std::vector<Datum> inputs;
  for (const Extents& shape : {Extents{rows, depth}, Extents{depth}}) {
    Tensor t = Tensor::make(DType::f32, shape).take();
    for (float& x : t.as<float>()) x = next(random);
    inputs.emplace_back(t);
  }
  const auto program = Program::make(std::move(model), backends_for(backend).take(), Limits());
  EXPECT_TRUE(program.ok());
  ThreadPool pool(threads);
  Session session(*program, pool);
  Ran ran;
  const auto outputs = session.run(inputs);
  EXPECT_TRUE(outputs.ok());
  for (const Datum& d : *outputs) ran.outputs.emplace_back(d.tensor.clone());
  ran.on_cpu = (*program)->shares()[0].nodes;
  return ran;
}

TEST(Ranges, OfNormalizedRowsGiveTheSameBytes) {
  for (const int64_t rows : {1, 7, 40, 100})
    for (const int64_t depth : {1, 5, 64, 771}) {
      const Ran plain = run("cpu", 1, false, rows, depth);
      for (const int threads : {1, 2}) {
        const Ran ranged = run("cpu", threads, true, rows, depth);
        EXPECT_EQ(ranged.on_cpu, 2U);
        for (size_t i = 0; i < plain.outputs.size(); ++i) {
          const Tensor &a = plain.outputs[i].tensor, &b = ranged.outputs[i].tensor;
          ASSERT_EQ(a.byte_size(), b.byte_size());
          EXPECT_EQ(std::memcmp(a.data(), b.data(), size_t(a.byte_size())), 0)
              << rows << " x " << depth << ", output " << i;
        }
      }
      const Ran reference = run("reference", 1, true, rows, depth);
      EXPECT_NEAR(load_real(reference.outputs[1].tensor, 0), load_real(plain.outputs[1].tensor, 0),
                  1e-5);
    }
}

}  // namespace
}  // namespace hone
