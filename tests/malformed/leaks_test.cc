// Refused calls leave no memory behind: an error in the middle of what an initializer makes does.
#include <gtest/gtest.h>
#include <malloc.h>

#include "import/onnx/test_model.h"
#include "ir/text.h"

namespace hone {
namespace {

using namespace onnx::test;  // NOLINT: the builders of small files

// Bytes that 10,000 rounds leave allocated. The first rounds fill what is kept on purpose.
int64_t left_by(const std::function<bool()>& refused) {
  constexpr int kRounds = 10'000;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(refused());
  const auto before = static_cast<int64_t>(mallinfo2().uordblks);
  for (int i = 0; i < kRounds; ++i) (void)refused();
  return static_cast<int64_t>(mallinfo2().uordblks) - before;
}
constexpr int64_t kNoise = 100'000;  // one lost string for each round would be 320,000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKIP_WHERE_SANITIZED GTEST_SKIP() << "sanitizers have an allocator of their own"
#else
#define SKIP_WHERE_SANITIZED (void)0
#endif

TEST(Leaks, RefusedInference) {
  SKIP_WHERE_SANITIZED;
  for (const char* call :
       {"q: f32[N,2,3,4], k: f32[N,2,5,4], v: f32[N,3,5,4]) -> (y) { y = attention(q, k, v) }",
        "x: f32[N,2,4,4], w: f32[3,2,2,2], o: f32[N,8,3,3]) -> (y) {"
        " y = deform_conv(x, w, o) <offset_group=0> }",
        "x: f32[N,7,2,2]) -> (y) { y = depth_to_space(x) <blocksize=2> }",
        "x: f32[N,1,3,2]) -> (y) { y = space_to_depth(x) <blocksize=2> }"}) {
    const std::string text = "hone 1\nsymbol N: call\ngraph g(" + std::string(call) + "\n";
    EXPECT_LT(left_by([&] { return !parse_model_text(text, standard_catalogue(), Limits()); }),
              kNoise)
        << text;
  }
}

TEST(Leaks, RefusedTranslations) {
  SKIP_WHERE_SANITIZED;
  const std::string pad(40, 'p');  // too long to lie in the string itself
  const std::vector<std::pair<WireWriter, int64_t>> cases{
      {node("RoiAlign", {"x", "x", "x"}, {"y"}, {text_attribute("output_height", "1")}), 10},
      {node("LpPool", {"x"}, {"y"}, {text_attribute("auto_pad", pad)}), 1},
      {node("GridSample", {"x", "x"}, {"y"},
            {text_attribute("mode", pad), text_attribute("align_corners", "1")}),
       16},
      {node("QLinearAveragePool", {"x", "x", "", "x", ""}, {"y"},
            {list_attribute<int64_t>("kernel_shape", {1, 2}), text_attribute("auto_pad", pad),
             text_attribute("ceil_mode", "1")},
            "com.microsoft"),
       17},
      {node("FusedConv", {"x", "x"}, {"y"},
            {text_attribute("auto_pad", pad), text_attribute("group", "1")}, "com.microsoft"),
       17},
      {node("Attention", {"x", "x"}, {"y"},
            {int_attribute("num_heads", 1), text_attribute("unidirectional", "1")},
            "com.microsoft"),
       17}};
  for (const auto& [call, version] : cases) {
    const std::string file = model(graph({.nodes = {call},
                                          .inputs = {value("x", kFloat, {1, 2, 4, 4})},
                                          .outputs = {value("y", kFloat, {})}}),
                                   {}, {opset("", version), opset("com.microsoft", 1)});
    EXPECT_LT(left_by([&] { return !load(file); }), kNoise) << call.data();
  }
}

}  // namespace
}  // namespace hone
