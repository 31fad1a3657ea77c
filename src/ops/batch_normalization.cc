// Normalization of channels by running statistics, or in training by those of the batch.
#include "ops/common.h"

namespace hone {
namespace {

// x as [batch, channels, area]; one axis is a batch of one channel.
struct Layout {
  int64_t batch, channels, area;
};
Layout layout_of(const Extents& shape) {
  if (shape.size() == 1) return {shape[0], 1, 1};
  Layout layout{shape[0], shape[1], 1};
  for (size_t i = 2; i < shape.size(); ++i) layout.area *= shape[i];
  return layout;
}

Result<Types> infer(const Infer& c) {
  const Shape& shape = c.shape(0);
  const bool training = c.integer("training_mode") != 0;
  if (shape.ranked && shape.rank() == 0) return shape_error(c, "x is a scalar");
  if (!training && c.outputs() > 1)
    return attribute_error(c, "running statistics are computed with training_mode=1 only");
  Dim channels = Dim::unknown();
  if (shape.ranked) channels = shape.rank() == 1 ? Dim(1) : shape.dims[1];
  for (size_t i = 1; i <= 4; ++i) TRY(expect_vector(c, i, channels));
  const Type statistics(c.dtype(3), Shape{channels});
  return Types{Type(c.dtype(0), shape), statistics, statistics};
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const bool training = c.integer("training_mode") != 0;
  const auto [batch, channels, area] = layout_of(x.shape());
  const double epsilon = c.real("epsilon"), momentum = c.real("momentum");
  Tensor* running_mean = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
  Tensor* running_variance = c.outputs() > 2 ? TRY(c.out(2)) : nullptr;
  for (int64_t k = 0; k < channels; ++k) {
    double mean = load_real(c.in(3), k), variance = load_real(c.in(4), k);
    auto each = [&](auto visit) {
      for (int64_t b = 0; b < batch; ++b)
        for (int64_t i = 0; i < area; ++i) visit((b * channels + k) * area + i);
    };
    if (training) {
      double sum = 0, squares = 0;
      each([&](int64_t i) { sum += load_real(x, i); });
      const double n = double(batch * area), current = sum / n;
      each([&](int64_t i) {
        const double d = load_real(x, i) - current;
        squares += d * d;
      });
      if (running_mean) store_real(*running_mean, k, mean * momentum + current * (1 - momentum));
      if (running_variance)
        store_real(*running_variance, k, variance * momentum + squares / n * (1 - momentum));
      mean = current;
      variance = squares / n;
    }
    const double factor = load_real(c.in(1), k) / std::sqrt(variance + epsilon);
    const double bias = load_real(c.in(2), k);
    each([&](int64_t i) { store_real(y, i, (load_real(x, i) - mean) * factor + bias); });
  }
  return ok();
}

}  // namespace

const OpDef& batch_normalization_op() {
  static const OpDef def{
      .name = "batch_normalization",
      .doc =
          "[N, C, …]: (x - mean) / sqrt(variance + epsilon) scale + bias for each channel, all "
          "[C] (Ioffe & Szegedy 2015). training_mode=1 uses the statistics of the batch and "
          "gives the running ones, given * momentum + batch * (1 - momentum).",
      .inputs = {{"x", kFloats, 'T'},
                 {"scale", kFloats, 'S'},
                 {"bias", kFloats, 'S'},
                 {"mean", kFloats, 'U'},
                 {"variance", kFloats, 'U'}},
      .outputs = {{"y", kFloats, 'T'},
                  {"running_mean", kFloats, 'U', Port::Presence::optional},
                  {"running_variance", kFloats, 'U', Port::Presence::optional}},
      .attrs = {{"epsilon", AttrKind::real, false, 1e-5f},
                {"momentum", AttrKind::real, false, 0.9f},
                {"training_mode", AttrKind::integer, false, int64_t{0}}},
      .infer = infer,
      .cost = elementwise_cost<2>,
      .reference = reference,
      .examples = {R"(graph batch_norm(x: f32[2,3,4], s: f32[3], b: f32[3], m: f32[3], v: f32[3])
          -> (y) {
        y = batch_normalization(x, s, b, m, abs(v))
      })",
                   R"(graph batch_norm_training(x: f32[2,3,4], s: f32[3], b: f32[3], m: f32[3],
          v: f32[3]) -> (y, mean, variance) {
        y, mean, variance = batch_normalization(x, s, b, m, v) <training_mode=1>
      })"},
  };
  return def;
}

}  // namespace hone
