// Random omission of elements in training.
#include <random>

#include "ops/common.h"

namespace hone {
namespace {

// The numbers in [0, 1) that NumPy draws from the same seed: 53 bits of two words.
double next_uniform(std::mt19937& words) {
  const double high = words() >> 5, low = words() >> 6;
  return (high * 0x1p26 + low) * 0x1p-53;
}

Status expect_scalar(const Call& c, size_t i) {
  if (!c.has(i) || c.in(i).count() == 1) return ok();
  return shape_error(
      c, "input " + std::to_string(i) + " must be a scalar, has shape " + c.shape(i).str());
}

Status reference(Call& c) {
  TRY(expect_scalar(c, 1));
  TRY(expect_scalar(c, 2));
  const Tensor& x = c.in(0);
  const bool training = c.has(2) && load_integer(c.in(2), 0) != 0;
  const double ratio = !training ? 0 : c.has(1) ? load_real(c.in(1), 0) : 0.5;
  if (!(ratio >= 0 && ratio < 1))
    return value_error(c, "the ratio must lie in [0, 1), is " + std::to_string(ratio));
  Tensor& y = *TRY(c.out(0));
  Tensor* mask = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
  std::mt19937 words(uint32_t(c.given("seed") ? uint64_t(c.integer("seed")) : c.seed));
  for (int64_t i = 0; i < x.count(); ++i) {
    const bool keep = ratio == 0 || next_uniform(words) >= ratio;
    if (ratio == 0)
      copy_element(x, i, y, i);
    else
      store_real(y, i, keep ? load_real(x, i) / (1 - ratio) : 0);
    if (mask) store_integer(*mask, i, keep);
  }
  return ok();
}

}  // namespace

const OpDef& dropout_op() {
  static const OpDef def{
      .name = "dropout",
      .doc =
          "x, and a mask of true. In training each element is 0 (mask false) with probability "
          "`ratio` (0.5), the others are divided by 1 - ratio (Srivastava et al. 2014).",
      .inputs = {{"x", kFloats | kFloat8s, 'T'},
                 {"ratio", kFloats | kFloat8s, 0, Port::Presence::optional},
                 {"training", DType::boolean, 0, Port::Presence::optional}},
      .outputs = {{"y", kFloats | kFloat8s, 'T'},
                  {"mask", DType::boolean, 0, Port::Presence::optional}},
      .attrs = {{"seed", AttrKind::integer}},
      .traits = Trait::random,
      .infer = [](const Infer& c) -> Result<Types> {
        return Types{Type(c.dtype(0), c.shape(0)), Type(DType::boolean, c.shape(0))};
      },
      .reference = reference,
      .examples = {R"(graph dropout_inference(x: f32[2,3]) -> (y, mask) { y, mask = dropout(x) })",
                   R"(graph dropout_training(x: f32[2,3]) -> (y, mask) {
        y, mask = dropout(x, f32{0.25}, bool{1}) <seed=1>
      })"},
  };
  return def;
}

}  // namespace hone
