// Random tensors: counter-based, so that element i depends on the seed and i alone.
#include <bit>

#include "ops/movement.h"

namespace hone {
namespace {

constexpr DTypes kDrawn = kNumbers | DType::boolean;

uint64_t key(const Call& c) {
  return c.given("seed") ? std::bit_cast<uint32_t>(float(c.real("seed"))) : c.seed;
}

Result<DType> drawn_dtype(const Infer& c, DTypes allowed) {
  const DType dtype = c.given("dtype") ? c.dtype_attr("dtype") : c.dtype(0);
  if (!allowed.has(dtype)) return attribute_error(c, "dtype cannot be " + std::string(name(dtype)));
  return dtype;
}

Result<Types> infer_shaped(const Infer& c) {
  const DType dtype = TRY(drawn_dtype(c, kFloats));
  std::vector<Dim> dims(c.list("shape").begin(), c.list("shape").end());
  TRY(no_negative(c, dims));
  return fixed_type(dtype, std::move(dims));
}
Result<Types> infer_like(const Infer& c) {
  return Types{Type(TRY(drawn_dtype(c, kFloats)), c.shape(0))};
}

Status normal(Call& c) {
  Tensor& y = *TRY(c.out(0));
  const double mean = c.real("mean"), scale = c.real("scale");
  for (int64_t i = 0; i < y.count(); ++i)
    store_real(y, i, mean + scale * random_normal_at(key(c), uint64_t(i)));
  return ok();
}
Status uniform(Call& c) {
  Tensor& y = *TRY(c.out(0));
  const double low = c.real("low"), high = c.real("high");
  for (int64_t i = 0; i < y.count(); ++i)
    store_real(y, i, low + (high - low) * random_uniform_at(key(c), uint64_t(i)));
  return ok();
}

Result<Types> infer_bernoulli(const Infer& c) {
  return Types{Type(TRY(drawn_dtype(c, kDrawn)), c.shape(0))};
}
Status bernoulli(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  for (int64_t i = 0; i < x.count(); ++i)
    store_integer(y, i, random_uniform_at(key(c), uint64_t(i)) < load_real(x, i) ? 1 : 0);
  return ok();
}

Result<Types> infer_multinomial(const Infer& c) {
  TRY(expect_rank(c, 0, 2));
  const DType dtype = TRY(drawn_dtype(c, kIndices));
  const int64_t samples = c.integer("sample_size");
  if (samples < 0) return attribute_error(c, "sample_size is " + std::to_string(samples));
  const Dim batch = c.shape(0).ranked ? c.shape(0).dims[0] : Dim::unknown();
  return fixed_type(dtype, {batch, samples});
}
Status multinomial(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  const int64_t classes = x.shape()[1], samples = y.shape()[1];
  if (classes == 0) return shape_error(c, "there are no classes to draw from");
  std::vector<double> upto(static_cast<size_t>(classes));  // cumulative weights
  for (int64_t b = 0; b < x.shape()[0]; ++b) {
    double top = -INFINITY, sum = 0;
    for (int64_t k = 0; k < classes; ++k) top = std::max(top, load_real(x, b * classes + k));
    for (int64_t k = 0; k < classes; ++k)
      upto[size_t(k)] = sum += std::exp(load_real(x, b * classes + k) - top);
    if (!std::isfinite(sum))
      return value_error(c, "row " + std::to_string(b) +
                                " has no finite "
                                "largest weight");
    for (int64_t s = 0; s < samples; ++s) {
      const int64_t at = b * samples + s;
      const double drawn = random_uniform_at(key(c), uint64_t(at)) * sum;
      const auto found = std::upper_bound(upto.begin(), upto.end() - 1, drawn);
      store_integer(y, at, found - upto.begin());
    }
  }
  return ok();
}

AttrDef seed() {
  return {"seed", AttrKind::real, false, {}, "draws the same numbers in every call"};
}

}  // namespace

const OpDef& random_normal_op() {
  static const OpDef def{
      .name = "random_normal",
      .doc = "A tensor of the given shape drawn from the normal distribution.",
      .outputs = {{"y", kFloats}},
      .attrs = {{"dtype", AttrKind::dtype, false, DType::f32},
                {"mean", AttrKind::real, false, 0.0f},
                {"scale", AttrKind::real, false, 1.0f},
                seed(),
                {"shape", AttrKind::integers, true}},
      .traits = Trait::random,
      .infer = infer_shaped,
      .cost = elementwise_cost<8>,
      .reference = normal,
      .examples = {R"(graph normal() -> (y) { y = random_normal() <shape=[2, 3], seed=7.0> })"},
  };
  return def;
}

const OpDef& random_normal_like_op() {
  static const OpDef def{
      .name = "random_normal_like",
      .doc =
          "A tensor of the shape of x (and its dtype, unless given) drawn from the normal "
          "distribution.",
      .inputs = {{"x"}},
      .outputs = {{"y", kFloats}},
      .attrs = {{"dtype", AttrKind::dtype},
                {"mean", AttrKind::real, false, 0.0f},
                {"scale", AttrKind::real, false, 1.0f},
                seed()},
      .traits = Trait::random,
      .infer = infer_like,
      .cost = elementwise_cost<8>,
      .reference = normal,
      .examples = {R"(graph normal_like(x: f32[2,3]) -> (y) {
        y = random_normal_like(x) <seed=7.0>
      })"},
  };
  return def;
}

const OpDef& random_uniform_op() {
  static const OpDef def{
      .name = "random_uniform",
      .doc = "A tensor of the given shape drawn uniformly from [low, high).",
      .outputs = {{"y", kFloats}},
      .attrs = {{"dtype", AttrKind::dtype, false, DType::f32},
                {"high", AttrKind::real, false, 1.0f},
                {"low", AttrKind::real, false, 0.0f},
                seed(),
                {"shape", AttrKind::integers, true}},
      .traits = Trait::random,
      .infer = infer_shaped,
      .cost = elementwise_cost<3>,
      .reference = uniform,
      .examples = {R"(graph uniform() -> (y) { y = random_uniform() <shape=[2, 3], seed=7.0> })"},
  };
  return def;
}

const OpDef& random_uniform_like_op() {
  static const OpDef def{
      .name = "random_uniform_like",
      .doc =
          "A tensor of the shape of x (and its dtype, unless given) drawn uniformly from [low, "
          "high).",
      .inputs = {{"x"}},
      .outputs = {{"y", kFloats}},
      .attrs = {{"dtype", AttrKind::dtype},
                {"high", AttrKind::real, false, 1.0f},
                {"low", AttrKind::real, false, 0.0f},
                seed()},
      .traits = Trait::random,
      .infer = infer_like,
      .cost = elementwise_cost<3>,
      .reference = uniform,
      .examples = {R"(graph uniform_like(x: f32[2,3]) -> (y) {
        y = random_uniform_like(x) <seed=7.0>
      })"},
  };
  return def;
}

const OpDef& bernoulli_op() {
  static const OpDef def{
      .name = "bernoulli",
      .doc = "1 with probability x, else 0, for each element; in the dtype of x unless given.",
      .inputs = {{"x", kFloats}},
      .outputs = {{"y", kDrawn}},
      .attrs = {{"dtype", AttrKind::dtype}, seed()},
      .traits = Trait::random,
      .infer = infer_bernoulli,
      .reference = bernoulli,
      .examples = {R"(graph bernoulli_seed(x: f32[2,3]) -> (y) { y = bernoulli(x) <seed=7.0> })"},
  };
  return def;
}

const OpDef& multinomial_op() {
  static const OpDef def{
      .name = "multinomial",
      .doc =
          "sample_size classes drawn for each row of x [batch, classes], which holds "
          "unnormalized log-probabilities.",
      .inputs = {{"x", kFloats}},
      .outputs = {{"y", kIndices}},
      .attrs = {{"dtype", AttrKind::dtype, false, DType::i32},
                {"sample_size", AttrKind::integer, false, int64_t{1}},
                seed()},
      .traits = Trait::random,
      .infer = infer_multinomial,
      .reference = multinomial,
      .examples = {R"(graph multinomial_seed(x: f32[2,5]) -> (y) {
        y = multinomial(x) <sample_size=4, seed=7.0>
      })"},
  };
  return def;
}

}  // namespace hone
