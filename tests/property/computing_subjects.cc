// Calls of element-wise kernels, reductions and normalizations.
#include "base/checked.h"
#include "property/random_call.h"

namespace hone::testing {
namespace {

bool unary(RandomCall& c, std::string_view op) { return c.emit(op, {c.input(c.shape(0, 4))}); }

bool binary(RandomCall& c, std::string_view op) {
  const Extents to = c.shape(0, 4);
  const ValueId a = c.input(c.narrowed(to)), b = c.input(c.narrowed(to));
  return c.emit(op, {a, b});
}

bool with_alpha(RandomCall& c, std::string_view op) {
  return c.emit(op, {c.input(c.shape(0, 4))}, {{"alpha", c.factor()}});
}

bool hard_sigmoid(RandomCall& c, std::string_view op) {
  return c.emit(op, {c.input(c.shape(0, 4))}, {{"alpha", c.factor()}, {"beta", c.factor()}});
}
bool selu(RandomCall& c, std::string_view op) {
  return c.emit(op, {c.input(c.shape(0, 4))}, {{"alpha", c.factor()}, {"gamma", c.factor()}});
}
bool shrink(RandomCall& c, std::string_view op) {
  return c.emit(op, {c.input(c.shape(0, 4))}, {{"bias", c.factor()}, {"lambd", c.factor()}});
}

bool power(RandomCall& c, std::string_view op) {
  const Extents to = c.shape(0, 4);
  const ValueId x = c.input(c.narrowed(to));
  if (c.random.chance(0.2)) return c.emit(op, {x, c.input({})});
  // Roots of negative numbers are not numbers; integers have results of both signs.
  const ValueId e = c.input(c.narrowed(to));
  for (float& v : c.data.back().tensor.as<float>())
    if (c.random.chance(0.5)) v = float(c.random.between(-3, 3));
  return c.emit(op, {x, e});
}

bool prelu(RandomCall& c, std::string_view op) {
  const Extents to = c.shape(0, 4);
  const ValueId x = c.input(to);
  return c.emit(op, {x, c.input(c.narrowed(to))});
}

bool variadic(RandomCall& c, std::string_view op) {
  const Extents to = c.shape(0, 4);
  std::vector<ValueId> inputs;
  for (int64_t n = c.random.between(1, 4); n > 0; --n) inputs.push_back(c.input(c.narrowed(to)));
  return c.emit(op, std::move(inputs));
}

bool logic(RandomCall& c, std::string_view op) {
  const Extents to = c.shape(0, 4);
  std::vector<ValueId> inputs{c.input(c.narrowed(to), DType::boolean)};
  if (op != "not") inputs.push_back(c.input(c.narrowed(to), DType::boolean));
  return c.emit(op, std::move(inputs));
}

bool where(RandomCall& c, std::string_view op) {
  const Extents to = c.shape(0, 4);
  constexpr DType kTypes[] = {DType::f32, DType::f32, DType::i8,
                              DType::f16, DType::i64, DType::boolean};
  const DType dtype = kTypes[c.random.between(0, std::size(kTypes) - 1)];
  std::vector<ValueId> inputs{c.input(c.narrowed(to), DType::boolean)};
  for (int i = 0; i < 2; ++i) inputs.push_back(c.input(c.narrowed(to), dtype));
  return c.emit(op, std::move(inputs));
}

bool lrn(RandomCall& c, std::string_view op) {
  Extents shape = c.shape(2, 4);
  const int64_t axis = c.random.chance(0.5) ? 1 : c.axis(shape.size());
  if (c.random.chance(0.3)) shape[size_t(axis < 0 ? axis + int64_t(shape.size()) : axis)] = 70;
  return c.emit(op, {c.input(shape)},
                {{"size", c.random.between(1, 9)},
                 {"axis", axis},
                 {"alpha", 0.5f},
                 {"beta", c.random.chance(0.5) ? 0.75f : 0.5f},
                 {"bias", c.random.chance(0.5) ? 1.0f : 2.0f}});
}

bool reduce(RandomCall& c, std::string_view op) {
  Extents shape = c.shape(0, 5);
  if (!shape.empty() && c.random.chance(0.1))
    shape[size_t(c.random.between(0, int64_t(shape.size()) - 1))] = 600;
  // What the reference takes long for loses axes, but not the long one.
  constexpr int64_t kMost = 60'000;
  for (int64_t& n : shape)
    if (n < 600 && checked_product(shape).value_or(0) > kMost) n = 1;
  std::vector<ValueId> inputs{c.input(shape)};
  Integers axes;
  for (size_t i = 0; i < shape.size(); ++i)
    if (c.random.chance(0.5))
      axes.push_back(int64_t(i) - (c.random.chance(0.5) ? 0 : int64_t(shape.size())));
  if (c.random.chance(0.9)) inputs.push_back(c.known(axes));
  return c.emit(
      op, std::move(inputs),
      {{"keepdims", c.random.between(0, 1)}, {"noop_with_empty_axes", c.random.between(0, 1)}});
}

bool arg_extremum(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  const ValueId x = c.input(shape);
  if (c.random.chance(0.5))  // so that some are equal
    for (float& v : c.data.back().tensor.as<float>()) v = float(c.random.between(0, 3));
  return c.emit(op, {x},
                {{"axis", c.axis(shape.size())},
                 {"keepdims", c.random.between(0, 1)},
                 {"select_last_index", c.random.between(0, 1)}});
}

bool along_axis(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  return c.emit(op, {c.input(shape)}, {{"axis", c.axis(shape.size())}});
}

bool groups(RandomCall& c, std::string_view op) {
  const int64_t groups = c.random.between(1, 4), channels = groups * c.random.between(1, 9);
  const bool last = op == "channels_last_group_normalization";
  Extents shape = c.shape(0, 3);
  shape.insert(shape.begin(), c.random.between(0, 3));
  shape.insert(last ? shape.end() : shape.begin() + 1, channels);
  std::vector<ValueId> inputs{c.input(shape), c.input({channels}), c.input({channels})};
  if (op == "instance_normalization") return c.emit(op, std::move(inputs));
  return c.emit(op, std::move(inputs), {{"num_groups", groups}});
}

bool rms(RandomCall& c, std::string_view op) {
  const Extents shape = c.shape(1, 4);
  const ValueId x = c.input(shape);
  const ValueId scale = c.input({c.random.chance(0.2) ? 1 : shape.back()});
  return c.emit(op, {x, scale}, {{"axis", c.random.chance(0.5) ? -1 : c.axis(shape.size())}});
}

bool global_pool(RandomCall& c, std::string_view op) {
  return c.emit(op, {c.input(c.shape(2, 5))});
}

bool cast(RandomCall& c, std::string_view op) {
  constexpr DType kTypes[] = {DType::f32,  DType::f32, DType::f32,    DType::f16,
                              DType::bf16, DType::f64, DType::i8,     DType::u8,
                              DType::i32,  DType::i64, DType::boolean};
  const auto type = [&] { return kTypes[c.random.between(0, std::size(kTypes) - 1)]; };
  const ValueId x = c.input(c.shape(0, 3), type());
  return c.emit(op, {x}, {{"to", type()}});
}

bool conv_transpose(RandomCall& c, std::string_view op) {
  const auto axes = size_t(c.random.between(1, 3));
  const int64_t group = c.random.chance(0.3) ? c.random.between(2, 3) : 1;
  const int64_t depth = c.random.chance(0.1) ? 600 : c.random.between(1, 9);
  Extents x{c.random.between(0, 2), group * depth};
  Extents w{group * depth, c.random.between(1, axes == 1 ? 40 : 9)};
  Builder::Given attrs{{"group", group}};
  Integers strides, dilations, pads, more;
  for (size_t i = 0; i < axes; ++i) {
    x.push_back(c.random.between(1, axes == 1 ? 40 : 8));
    w.push_back(c.random.between(1, 4));
    strides.push_back(c.random.between(1, 3));
    dilations.push_back(c.random.between(1, 2));
    more.push_back(c.random.between(0, strides.back() - 1));
  }
  for (size_t i = 0; i < 2 * axes; ++i) pads.push_back(c.random.between(0, 1));
  attrs.emplace_back("strides", strides);
  attrs.emplace_back("dilations", dilations);
  attrs.emplace_back("output_padding", more);
  if (c.random.chance(0.7)) attrs.emplace_back("pads", pads);
  std::vector<ValueId> inputs{c.input(x), c.input(w)};
  if (c.random.chance(0.5)) inputs.push_back(c.input({w[1] * group}));
  return c.emit(op, std::move(inputs), std::move(attrs));
}

}  // namespace

std::vector<Subject> computing_subjects() {
  return {
      {"acos", unary},
      {"and", logic},
      {"arg_max", arg_extremum},
      {"arg_min", arg_extremum},
      {"asin", unary},
      {"atan", unary},
      {"cast", cast},
      {"ceil", unary},
      {"channels_last_group_normalization", groups},
      {"global_max_pool", global_pool},
      {"group_normalization", groups},
      {"instance_normalization", groups},
      {"log_softmax", along_axis},
      {"rms_normalization", rms},
      {"celu", with_alpha},
      {"conv_transpose", conv_transpose},
      {"cos", unary},
      {"elu", with_alpha},
      {"equal", binary},
      {"floor", unary},
      {"greater", binary},
      {"greater_or_equal", binary},
      {"hard_sigmoid", hard_sigmoid},
      {"hard_swish", unary},
      {"leaky_relu", with_alpha},
      {"less", binary},
      {"less_or_equal", binary},
      {"log", unary},
      {"lrn", lrn},
      {"max", variadic},
      {"mean", variadic},
      {"min", variadic},
      {"mish", unary},
      {"not", logic},
      {"or", logic},
      {"pow", power},
      {"prelu", prelu},
      {"reciprocal", unary},
      {"reduce_l1", reduce},
      {"reduce_l2", reduce},
      {"reduce_log_sum", reduce},
      {"reduce_log_sum_exp", reduce},
      {"reduce_max", reduce},
      {"reduce_mean", reduce},
      {"reduce_min", reduce},
      {"reduce_prod", reduce},
      {"reduce_sum", reduce},
      {"reduce_sum_square", reduce},
      {"round", unary},
      {"selu", selu},
      {"shrink", shrink},
      {"sign", unary},
      {"sin", unary},
      {"softplus", unary},
      {"softsign", unary},
      {"sum", variadic},
      {"swish", with_alpha},
      {"tan", unary},
      {"thresholded_relu", with_alpha},
      {"where", where},
      {"xor", logic},
  };
}

}  // namespace hone::testing
