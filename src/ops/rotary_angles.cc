// Cosines and sines of the angles of rotary position embedding.
#include <cmath>

#include "ops/common.h"
#include "ops/window.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_rank(c, 0, 1));
  TRY(expect_rank(c, 1, 1));
  const Type table(DType::f32, Shape({1, extent(c, 0, 0), extent(c, 1, 0)}));
  return Types{table, table};
}

Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  cost.flops = element_count(out[0].tensor.shape) * Dim(3);
  return cost;
}

Status reference(Call& c) {
  const auto positions = c.in(0).as<int64_t>();
  const auto turns = c.in(1).as<double>();
  Tensor& cosines = *TRY(c.out(0));
  Tensor& sines = *TRY(c.out(1));
  const double scale = c.real("scale");
  size_t at = 0;
  for (const int64_t position : positions)
    for (const double turn : turns) {
      const double angle = double(position) * turn;
      cosines.as<float>()[at] = float(std::cos(angle) * scale);
      sines.as<float>()[at++] = float(std::sin(angle) * scale);
    }
  return ok();
}

}  // namespace

const OpDef& rotary_angles_op() {
  static const OpDef def{
      .name = "rotary_angles",
      .doc =
          "scale cos(p f) and scale sin(p f) [1, T, F] for positions p [T] and frequencies f [F], "
          "as rotary_embedding takes them. Computed in f64 and rounded once: in f32 a large "
          "position would leave few bits of an angle.",
      .inputs = {{"positions", DType::i64}, {"frequencies", DType::f64}},
      .outputs = {{"cosines", DType::f32}, {"sines", DType::f32}},
      .attrs = {{"scale", AttrKind::real, false, 1.0f}},
      .infer = infer,
      .cost = cost,
      .reference = reference,
      .examples = {R"(graph rotary_angles_scaled(p: i64[5]) -> (c, s) {
        c, s = rotary_angles(p, f64[2]{1.0, 0.1}) <scale=0.5>
      })"},
  };
  return def;
}

}  // namespace hone
