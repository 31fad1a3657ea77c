#include "calibrate/synthetic.h"

#include <fmt/format.h>

#include <algorithm>

#include "calibrate/draw.h"
#include "calibrate/synthetic_operators.h"

namespace hone::calibrate {
namespace {

// Operators by their share of the shapes.
struct Kind {
  double share;
  void (*add)(Operators& ops, Draw& draw);
};
constexpr Kind kKinds[] = {
    {9, [](Operators& o, Draw&) { o.linear(); }},
    {8, [](Operators& o, Draw&) { o.linear_few_rows(); }},
    {8, [](Operators& o, Draw&) { o.conv(1, 1); }},
    {2, [](Operators& o, Draw&) { o.conv(1, 2); }},
    {5, [](Operators& o, Draw&) { o.conv(3, 1); }},
    {8, [](Operators& o, Draw&) { o.conv_of_threes(); }},
    {4, [](Operators& o, Draw&) { o.conv(3, 2); }},
    {3, [](Operators& o, Draw& d) { o.conv(d.one_of({2, 5, 5, 7}), d.one_of({1, 1, 2})); }},
    {5, [](Operators& o, Draw&) { o.conv_of_image(); }},
    {6, [](Operators& o, Draw&) { o.depthwise(); }},
    {5, [](Operators& o, Draw&) { o.bottleneck(); }},
    {4, [](Operators& o, Draw&) { o.matmul(); }},
    {5, [](Operators& o, Draw&) { o.attention(); }},
    {3, [](Operators& o, Draw&) { o.softmax(); }},
    {4, [](Operators& o, Draw&) { o.row_norm(); }},
    {3, [](Operators& o, Draw&) { o.plane_norm(); }},
    {2, [](Operators& o, Draw&) { o.neighbours_norm(); }},
    {6, [](Operators& o, Draw&) { o.elementwise(); }},
    {5, [](Operators& o, Draw&) { o.activation(); }},
    {1, [](Operators& o, Draw&) { o.gated(); }},
    {2, [](Operators& o, Draw&) { o.rotary(); }},
    {4, [](Operators& o, Draw&) { o.pool(); }},
    {2, [](Operators& o, Draw&) { o.pool_of_planes(); }},
    {2, [](Operators& o, Draw&) { o.global_pool(); }},
    {4, [](Operators& o, Draw&) { o.reduce(); }},
    {4, [](Operators& o, Draw&) { o.transpose(); }},
    {3, [](Operators& o, Draw&) { o.concat(); }},
    {3, [](Operators& o, Draw&) { o.cut(); }},
    {1, [](Operators& o, Draw&) { o.pad(); }},
    {2, [](Operators& o, Draw&) { o.resize(); }},
    {2, [](Operators& o, Draw&) { o.gather(); }},
    {2, [](Operators& o, Draw&) { o.scatter(); }},
    {2, [](Operators& o, Draw&) { o.quantize(); }},
    {5, [](Operators& o, Draw&) { o.quantized_linear(); }},
    {6, [](Operators& o, Draw&) { o.quantized_conv(); }},
    {4, [](Operators& o, Draw&) { o.quantized_depthwise(); }},
    {4, [](Operators& o, Draw&) { o.block_linear(4); }},
    {2, [](Operators& o, Draw&) { o.block_linear(8); }},
    {3, [](Operators& o, Draw&) { o.recurrent(); }},
    {4, [](Operators& o, Draw&) { o.conv_transpose(); }},
    {2, [](Operators& o, Draw&) { o.without_kernel(); }},
};

// About so many operators, of all kinds, in random order.
std::vector<const Kind*> dealt(Draw& draw, double shapes) {
  double all = 0;
  for (const Kind& k : kKinds) all += k.share;
  std::vector<std::pair<double, const Kind*>> order;
  for (const Kind& kind : kKinds) {
    const double wanted = shapes * kind.share / all;
    const auto count = size_t(wanted) + (draw.chance(wanted - std::floor(wanted)) ? 1 : 0);
    for (size_t i = 0; i < count; ++i) order.emplace_back(draw.unit(), &kind);
  }
  std::ranges::sort(order);
  std::vector<const Kind*> kinds;
  for (const auto& [at, kind] : order) kinds.push_back(kind);
  return kinds;
}

constexpr int64_t kMostInputs = 200 << 20;  // bytes of one program

struct Size {
  std::string_view name;
  double share;
  Scale scale;
  int64_t weight_bytes;  // of one program at most
};
constexpr Size kSizes[] = {
    {"tiny", 0.2, {5e2, 1e5}, 96 << 10},    {"small", 0.2, {1e4, 1e6}, 768 << 10},
    {"medium", 0.43, {1e5, 3e7}, 20 << 20}, {"large", 0.155, {4e6, 2e8}, 120 << 20},
    {"huge", 0.015, {2e8, 1e9}, 200 << 20},
};

}  // namespace

std::vector<SyntheticProgram> operator_programs(uint64_t seed, size_t shapes) {
  std::vector<SyntheticProgram> programs;
  for (const Size& size : kSizes) {
    Draw draw(seed ^ mix64(uint64_t(&size - kSizes) + 1));
    SyntheticProgram program{std::string(size.name) + "_0", {}, 0};
    size_t parts = 1;
    for (const Kind* kind : dealt(draw, double(shapes) * size.share)) {
      if (program.text.weight_bytes() > size.weight_bytes ||
          program.text.input_bytes() > kMostInputs) {
        programs.push_back(std::move(program));
        program = {fmt::format("{}_{}", size.name, parts++), {}, 0};
      }
      Draw own(draw.bits());  // a kind that draws more often changes no other shape
      Operators ops(program.text, own, size.scale);
      kind->add(ops, own);
      ++program.shapes;
    }
    if (!program.text.empty()) programs.push_back(std::move(program));
  }
  return programs;
}

}  // namespace hone::calibrate
