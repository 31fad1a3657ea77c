// Constants of model files lie at any address.
#include <gtest/gtest.h>

#include <cstring>

#include "backends/backends.h"
#include "ir/text.h"
#include "ops/catalogue.h"
#include "runtime/session.h"

namespace hone {
namespace {

// The table is gathered from; where `doubled`, it is also added to itself.
Model model_with_odd_table(bool doubled) {
  const std::string text =
      "hone 1\nsource 0 \"weights\" 129\nconst @t: f32[16,2] = span(0, 1, 128)\n"
      "graph main(i: i64[2]) -> (y" +
      std::string(doubled ? ", z" : "") + ") {\n  y = gather(@t, i)\n" +
      (doubled ? "  z = add(@t, @t)\n}" : "}");
  Model model = parse_model_text(text, standard_catalogue(), Limits()).take();
  std::vector<std::byte> bytes(129);
  for (int i = 0; i < 32; ++i) {
    const float x = float(i);
    std::memcpy(bytes.data() + 1 + i * 4, &x, sizeof x);
  }
  model.sources[0] = DataSource::in_memory(std::move(bytes));
  return model;
}

TEST(OddAddresses, AreReadInPlaceOrCopied) {
  for (const char* backend : {"cpu", "reference"})
    for (const bool doubled : {false, true}) {
      const auto model = std::make_shared<const Model>(model_with_odd_table(doubled));
      const auto program = Program::make(model, backends_for(backend).take(), Limits()).take();
      const bool in_place =
          program->constant(ConstantId{0}).data() == model->stored(ConstantId{0}).take().data();
      EXPECT_EQ(in_place, !doubled && std::string_view(backend) == "cpu");
      ThreadPool pool(1);
      Session session(program, pool);
      const std::vector<Datum> inputs{Datum(Tensor::of({2}, std::vector<int64_t>{15, -16}))};
      const auto outputs = session.run(inputs);
      ASSERT_TRUE(outputs.ok()) << outputs.error().message;
      const auto y = (*outputs)[0].tensor.as<float>();
      EXPECT_EQ(std::vector<float>(y.begin(), y.end()), (std::vector<float>{30, 31, 0, 1}));
      if (doubled) {
        EXPECT_EQ((*outputs)[1].tensor.as<float>()[31], 62);
      }
    }
}

}  // namespace
}  // namespace hone
