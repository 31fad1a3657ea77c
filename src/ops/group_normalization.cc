// Normalization of each instance: by groups of channels, and by single channels.
#include "ops/common.h"

namespace hone {
namespace {

Dim channels_of(const Shape& shape) { return shape.ranked ? shape.dims[1] : Dim::unknown(); }

Result<Types> infer_channels(const Infer& c) {
  const Shape& shape = c.shape(0);
  if (shape.ranked && shape.rank() < 2)
    return shape_error(c, "needs axes for batch and channels, got " + shape.str());
  for (size_t i : {1, 2}) TRY(expect_vector(c, i, channels_of(shape)));
  return same_as_first(c);
}

Result<Types> infer_group(const Infer& c) {
  const int64_t groups = c.integer("num_groups");
  if (groups <= 0) return attribute_error(c, "num_groups must be positive");
  Types types = TRY(infer_channels(c));
  if (const auto channels = channels_of(c.shape(0)).constant(); channels && *channels % groups != 0)
    return shape_error(c, std::to_string(*channels) + " channels do not divide into " +
                              std::to_string(groups) + " groups");
  const auto stash = dtype_of_onnx(c.integer("stash_type"));
  if (!stash || !kFloats.has(*stash))
    return attribute_error(c, "stash_type is not the number of a float dtype");
  return types;
}

// Channels last; as many groups as channels normalize each channel for itself.
Result<Types> infer_last(const Infer& c) {
  const Shape& shape = c.shape(0);
  if (shape.ranked && shape.rank() < 2)
    return shape_error(c, "needs axes for batch and channels, got " + shape.str());
  const Dim channels = shape.ranked ? shape.dims.back() : Dim::unknown();
  for (size_t i : {1, 2}) TRY(expect_vector(c, i, channels));
  const int64_t groups = c.integer("num_groups");
  if (groups <= 0) return attribute_error(c, "num_groups must be positive");
  if (const auto n = channels.constant(); n && *n % groups != 0)
    return shape_error(c, std::to_string(*n) + " channels do not divide into " +
                              std::to_string(groups) + " groups");
  return same_as_first(c);
}

Status normalize_last(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (x.count() == 0) return ok();
  const std::vector<double> scale = reals(c.in(1)), bias = reals(c.in(2));
  const int64_t groups = c.integer("num_groups"), channels = x.shape().back();
  const int64_t each = channels / groups, image = x.count() / x.shape()[0];
  const int64_t in_group = image / groups;
  const double count = double(in_group), epsilon = c.real("epsilon");
  for (int64_t start = 0; start < x.count(); start += image) {
    std::vector<double> mean(static_cast<size_t>(groups)), variance(mean.size());
    const auto group_of = [&](int64_t i) { return size_t(i % channels / each); };
    for (int64_t i = 0; i < image; ++i) mean[group_of(i)] += load_real(x, start + i) / count;
    for (int64_t i = 0; i < image; ++i) {
      const double d = load_real(x, start + i) - mean[group_of(i)];
      variance[group_of(i)] += d * d / count;
    }
    for (int64_t i = 0; i < image; ++i) {
      const double d = load_real(x, start + i) - mean[group_of(i)];
      const auto channel = size_t(i % channels);
      store_real(y, start + i,
                 d / std::sqrt(variance[group_of(i)] + epsilon) * scale[channel] + bias[channel]);
    }
  }
  return ok();
}

Status normalize_groups(Call& c, int64_t groups) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  if (x.count() == 0) return ok();
  const std::vector<double> scale = reals(c.in(1)), bias = reals(c.in(2));
  const int64_t channels = x.shape()[1], n = x.count() / (x.shape()[0] * groups);
  const int64_t area = n / (channels / groups);
  const double epsilon = c.real("epsilon");
  for (int64_t start = 0; start < x.count(); start += n) {
    const auto [mean, variance] = moments_of(x, start, n);
    const double deviation = std::sqrt(variance + epsilon);
    for (int64_t i = start; i < start + n; ++i) {
      const auto channel = size_t(i / area % channels);
      store_real(y, i, (load_real(x, i) - mean) / deviation * scale[channel] + bias[channel]);
    }
  }
  return ok();
}

const Ports kInputs{{"x", kFloats, 'T'}, {"scale", kFloats, 'T'}, {"bias", kFloats, 'T'}};

}  // namespace

const OpDef& group_normalization_op() {
  static const OpDef def{
      .name = "group_normalization",
      .doc =
          "[N, C, …]: (x - mean) / sqrt(variance + epsilon) scale + bias, statistics over each "
          "instance's groups of channels, scale and bias [C] (Wu & He 2018).",
      .inputs = kInputs,
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"epsilon", AttrKind::real, false, 1e-5f},
                {"num_groups", AttrKind::integer, true},
                {"stash_type", AttrKind::integer, false, int64_t{1},
                 "ONNX dtype number of the statistics"}},
      .infer = infer_group,
      .cost = elementwise_cost<8>,
      .reference = [](Call& c) { return normalize_groups(c, c.integer("num_groups")); },
      .body = R"(graph group_normalization(x: T[*], scale: T[*], bias: T[*]) -> (y) {
        groups = reshape(x, i64[3]{0, $num_groups, -1})
        d = sub(groups, reduce_mean(groups, i64[1]{2}))
        deviation = sqrt(add(reduce_mean(mul(d, d), i64[1]{2}), $epsilon))
        normal = reshape(div(d, deviation), shape(reshape(x, i64[3]{0, 0, -1})))
        scaled = mul(normal, unsqueeze(scale, i64[1]{1}))
        y = reshape(add(scaled, unsqueeze(bias, i64[1]{1})), shape(x))
      })",
      .examples = {R"(graph group_norm(x: f32[2,4,3,3], scale: f32[4], bias: f32[4]) -> (y) {
        y = group_normalization(x, scale, bias) <num_groups=2>
      })"},
  };
  return def;
}

const OpDef& instance_normalization_op() {
  static const OpDef def{
      .name = "instance_normalization",
      .doc =
          "[N, C, …]: (x - mean) / sqrt(variance + epsilon) scale + bias, statistics over each "
          "channel of each instance, scale and bias [C] (Ulyanov, Vedaldi & Lempitsky 2016).",
      .inputs = kInputs,
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"epsilon", AttrKind::real, false, 1e-5f}},
      .infer = infer_channels,
      .cost = elementwise_cost<8>,
      .reference = [](Call& c) { return normalize_groups(c, c.in(0).shape()[1]); },
      .body = R"(graph instance_normalization(x: T[*], scale: T[*], bias: T[*]) -> (y) {
        flat = reshape(x, i64[3]{0, 0, -1})
        d = sub(flat, reduce_mean(flat, i64[1]{2}))
        deviation = sqrt(add(reduce_mean(mul(d, d), i64[1]{2}), $epsilon))
        scaled = mul(div(d, deviation), unsqueeze(scale, i64[1]{1}))
        y = reshape(add(scaled, unsqueeze(bias, i64[1]{1})), shape(x))
      })",
      .examples = {R"(graph instance_norm(x: f32[2,4,3,3], scale: f32[4], bias: f32[4]) -> (y) {
        y = instance_normalization(x, scale, bias)
      })"},
  };
  return def;
}

const OpDef& channels_last_group_normalization_op() {
  static const OpDef def{
      .name = "channels_last_group_normalization",
      .doc =
          "group_normalization of [N, …, C], and with num_groups = C instance_normalization: "
          "(x - mean) / sqrt(variance + epsilon) scale + bias.",
      .inputs = kInputs,
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"epsilon", AttrKind::real, false, 1e-5f}, {"num_groups", AttrKind::integer, true}},
      .infer = infer_last,
      .cost = elementwise_cost<8>,
      .reference = normalize_last,
      .examples = {R"(graph group_norm_last(x: f32[2,3,3,4], s: f32[4], b: f32[4]) -> (y) {
        y = channels_last_group_normalization(x, s, b) <num_groups=2>
      })"},
  };
  return def;
}

}  // namespace hone
