// Normalization over the last axes: by mean and variance, and by the root of the mean square.
#include "ops/quantization.h"

namespace hone {
namespace {

const AttrDef kAxis{"axis", AttrKind::integer, false, int64_t{-1}, "the first normalized axis"};
const AttrDef kEpsilon{"epsilon", AttrKind::real, false, 1e-5f};
const AttrDef kStash{"stash_type", AttrKind::integer, false, int64_t{1},
                     "ONNX dtype number of the statistics"};

Result<DType> stash_of(const Infer& c) {
  const auto dtype = dtype_of_onnx(c.integer("stash_type"));
  if (!dtype || !kFloats.has(*dtype))
    return attribute_error(c, "stash_type " + std::to_string(c.integer("stash_type")) +
                                  " is not the number of a float dtype");
  return *dtype;
}

Result<Types> infer_layer(const Infer& c) {
  const Shape& shape = c.shape(0);
  const DType stash = TRY(stash_of(c));
  Shape statistics = shape;
  if (shape.ranked) {
    const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(shape.rank())));
    for (size_t i = size_t(axis); i < shape.rank(); ++i) statistics.dims[i] = 1;
    for (size_t i : {1, 2})
      if (c.has(i)) TRY(expect_broadcastable(c, i, shape));
  }
  return Types{Type(c.dtype(0), shape), Type(stash, statistics), Type(stash, statistics),
               range_type()};
}

Status reference_layer(Call& c) {
  const Tensor& x = c.in(0);
  const bool biased = c.has(2);
  Tensor& y = *TRY(c.out(0));
  Tensor* means = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
  Tensor* inverses = c.outputs() > 2 ? TRY(c.out(2)) : nullptr;
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
  int64_t n = 1;
  for (size_t i = size_t(axis); i < x.rank(); ++i) n *= x.shape()[i];
  Odometer at(x.shape(), {broadcast_strides(c.in(1).shape(), x.shape()),
                          biased ? broadcast_strides(c.in(2).shape(), x.shape())
                                 : std::vector<int64_t>(x.rank(), 0)});
  if (at.empty()) return store_range(c, y, 3);
  const double epsilon = c.real("epsilon");
  for (int64_t start = 0; start < x.count(); start += n) {
    const auto [mean, variance] = moments_of(x, start, n);
    const double inverse = 1 / std::sqrt(variance + epsilon);
    for (int64_t i = start; i < start + n; ++i) {
      const double bias = biased ? load_real(c.in(2), at.offset(1)) : 0;
      const double scale = load_real(c.in(1), at.offset(0));
      store_real(y, i, (load_real(x, i) - mean) * inverse * scale + bias);
      at.next();
    }
    if (means) store_real(*means, start / n, mean);
    if (inverses) store_real(*inverses, start / n, inverse);
  }
  return store_range(c, y, 3);
}

Result<Types> infer_rms(const Infer& c) {
  const Shape& shape = c.shape(0);
  TRY(stash_of(c));
  if (shape.ranked) {
    TRY(normal_axis(c.integer("axis"), int64_t(shape.rank())));
    TRY(expect_broadcastable(c, 1, shape));
  }
  return Types{Type(c.dtype(1), shape)};
}

Status reference_rms(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  const int64_t axis = TRY(normal_axis(c.integer("axis"), int64_t(x.rank())));
  int64_t n = 1;
  for (size_t i = size_t(axis); i < x.rank(); ++i) n *= x.shape()[i];
  Odometer at(x.shape(), {broadcast_strides(c.in(1).shape(), x.shape())});
  if (at.empty()) return ok();
  for (int64_t start = 0; start < x.count(); start += n) {
    double sum = 0;
    for (int64_t i = start; i < start + n; ++i) sum += load_real(x, i) * load_real(x, i);
    const double root = std::sqrt(sum / double(n) + c.real("epsilon"));
    for (int64_t i = start; i < start + n; ++i) {
      store_real(y, i, load_real(x, i) / root * load_real(c.in(1), at.offset(0)));
      at.next();
    }
  }
  return ok();
}

}  // namespace

const OpDef& layer_normalization_op() {
  static const OpDef def{
      .name = "layer_normalization",
      .doc =
          "(x - mean) / sqrt(variance + epsilon) scale + bias, statistics over the axes from "
          "`axis` on (Ba, Kiros & Hinton 2016). Also gives mean and 1/sqrt(variance + epsilon), "
          "and "
          "the least and the largest number of y, and 0.",
      .inputs = {{"x", kFloats, 'T'},
                 {"scale", kFloats, 'T'},
                 {"bias", kFloats, 'T', Port::Presence::optional}},
      .outputs = {{"y", kFloats, 'T'},
                  {"mean", kFloats, 'U', Port::Presence::optional},
                  {"inverse_deviation", kFloats, 'U', Port::Presence::optional},
                  {"range", DType::f32, 0, Port::Presence::optional}},
      .attrs = {kAxis, kEpsilon, kStash},
      .infer = infer_layer,
      .cost = elementwise_cost<8>,
      .reference = reference_layer,
      .also = {R"(graph layer_normalization(x: T[*], scale: T[*], bias: T[*]) -> (y) {
        d = sub(x, reduce_mean(x, i64[1]{-1}))
        deviation = sqrt(add(reduce_mean(pow(d, 2.0), i64[1]{-1}), $epsilon))
        y = add(mul(div(d, deviation), scale), bias)
      })",
               R"(graph layer_normalization(x: T[*], scale: T[*], bias: T[*]) -> (y) {
        d = sub(x, reduce_mean(x, i64[1]{-1}))
        deviation = sqrt(add(reduce_mean(mul(d, d), i64[1]{-1}), $epsilon))
        y = add(mul(div(d, deviation), scale), bias)
      })",
               R"(graph layer_normalization(x: T[*], scale: T[*]) -> (y) {
        d = sub(x, reduce_mean(x, i64[1]{-1}))
        deviation = sqrt(add(reduce_mean(pow(d, 2.0), i64[1]{-1}), $epsilon))
        y = mul(div(d, deviation), scale)
      })"},
      .examples = {R"(graph layer_norm(x: f32[2,3,4], scale: f32[4], bias: f32[4]) -> (y) {
        y = layer_normalization(x, scale, bias)
      })",
                   R"(graph layer_norm_statistics(x: f32[2,3,4], scale: f32[3,4]) -> (y, m, d) {
        y, m, d = layer_normalization(x, scale) <axis=1>
      })"},
  };
  return def;
}

const OpDef& rms_normalization_op() {
  static const OpDef def{
      .name = "rms_normalization",
      .doc =
          "x / sqrt(mean(x^2) + epsilon) scale, the mean over the axes from `axis` on (Zhang & "
          "Sennrich 2019). The result has the dtype of scale.",
      .inputs = {{"x", kFloats, 'T'}, {"scale", kFloats, 'V'}},
      .outputs = {{"y", kFloats, 'V'}},
      .attrs = {kAxis, kEpsilon, kStash},
      .infer = infer_rms,
      .cost = elementwise_cost<5>,
      .reference = reference_rms,
      .body = R"(graph rms_normalization(x: T[*], scale: V[*]) -> (y) {
        rows = flatten(x) <axis=$axis>
        root = sqrt(add(reduce_mean(mul(rows, rows), i64[1]{-1}), $epsilon))
        y = mul(cast_like(reshape(div(rows, root), shape(x)), scale), scale)
      })",
      .also = {R"(graph rms_normalization(x: T[*], scale: T[*]) -> (y) {
        root = sqrt(add(reduce_mean(pow(x, 2.0), i64[1]{-1}), $epsilon))
        y = mul(scale, mul(x, reciprocal(root)))
      })",
               R"(graph rms_normalization(x: T[*], scale: T[*]) -> (y) {
        root = sqrt(add(reduce_mean(pow(x, 2.0), i64[1]{-1}), $epsilon))
        y = mul(scale, mul(x, div(1.0, root)))
      })",
               R"(graph rms_normalization(x: T[*], scale: T[*]) -> (y) {
        root = sqrt(add(reduce_mean(pow(x, 2.0), i64[1]{-1}), $epsilon))
        y = mul(scale, div(x, root))
      })",
               R"(graph rms_normalization(x: T[*], scale: T[*]) -> (y) {
        root = sqrt(add(reduce_mean(mul(x, x), i64[1]{-1}), $epsilon))
        y = mul(scale, div(x, root))
      })"},
      .examples = {R"(graph rms_norm(x: f32[2,3,4], scale: f32[4]) -> (y) {
        y = rms_normalization(x, scale)
      })",
                   R"(graph rms_norm_axes(x: f32[2,3,4], scale: f32[3,4]) -> (y) {
        y = rms_normalization(x, scale) <axis=1>
      })"},
  };
  return def;
}

}  // namespace hone
