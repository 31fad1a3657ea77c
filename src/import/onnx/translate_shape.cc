// ONNX operators of the family "shape": constants, shapes, movement, resizing, random numbers.
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Values = std::vector<ValueId>;

// The name of the first output, for constants.
std::string output_name(const NodeContext& c) {
  return c.node().outputs.empty() ? std::string() : std::string(c.node().outputs[0]);
}

Result<Values> constant(NodeContext& c) {
  Builder& b = c.builder();
  for (const std::string_view name : {"value", "sparse_value"})
    if (c.has(name)) {
      const ConstantId id = TRY(c.tensor_constant(name, output_name(c)));
      return Values{b.constant(id)};
    }
  if (c.has("value_float")) {
    const float element = TRY(c.real("value_float"));
    return Values{b.constant(Tensor::of({}, Reals{element}), output_name(c))};
  }
  if (c.has("value_int")) {
    const int64_t element = TRY(c.integer("value_int"));
    return Values{b.constant(Tensor::of({}, Integers{element}), output_name(c))};
  }
  if (c.has("value_string")) {
    const std::string element = TRY(c.text("value_string"));
    return Values{b.constant(Tensor::of_strings({}, {element}), output_name(c))};
  }
  if (c.has("value_floats")) {
    Reals elements = TRY(c.reals("value_floats"));
    const auto n = int64_t(elements.size());
    return Values{b.constant(Tensor::of({n}, std::move(elements)), output_name(c))};
  }
  if (c.has("value_ints")) {
    Integers elements = TRY(c.integers("value_ints"));
    const auto n = int64_t(elements.size());
    return Values{b.constant(Tensor::of({n}, std::move(elements)), output_name(c))};
  }
  Texts elements = TRY(c.texts("value_strings"));
  const auto n = int64_t(elements.size());
  return Values{b.constant(Tensor::of_strings({n}, std::move(elements)), output_name(c))};
}

Result<Values> constant_of_shape(NodeContext& c) {
  ValueId value;
  if (c.has("value")) value = c.builder().constant(TRY(c.tensor_constant("value", output_name(c))));
  return c.emit("constant_of_shape", {c.input(0), value});
}

// The attribute `name` as an input; none when it is not given.
Result<ValueId> as_input(NodeContext& c, std::string_view name) {
  if (!c.has(name)) return ValueId{};
  return c.builder().integers(TRY(c.integers(name)));
}

Result<Values> concat_1(NodeContext& c) {
  const int64_t axis = TRY(c.integer("axis", 1));
  return c.emit("concat", c.inputs(), {{"axis", axis}});
}

Result<Values> pad_1(NodeContext& c) {
  const ValueId pads = TRY(as_input(c, c.opset() < 2 ? "paddings" : "pads"));
  const float value = TRY(c.real("value", 0.0f));
  ValueId filler;
  if (value != 0) filler = TRY(c.builder().scalar(c.input_type(0).tensor.dtype, value));
  const std::string mode = TRY(c.text("mode", "constant"));
  return c.emit("pad", {c.input(0), pads, filler}, {{"mode", mode}});
}

Result<Values> reshape_1(NodeContext& c) {
  const ValueId shape = c.builder().integers(TRY(c.integers("shape")));
  return c.emit("reshape", {c.input(0), shape});
}

Result<Values> slice_1(NodeContext& c) {
  const ValueId starts = c.builder().integers(TRY(c.integers("starts")));
  const ValueId ends = c.builder().integers(TRY(c.integers("ends")));
  const ValueId axes = TRY(as_input(c, "axes"));
  return c.emit("slice", {c.input(0), starts, ends, axes});
}

Result<Values> split_1(NodeContext& c) {
  const ValueId parts = TRY(as_input(c, "split"));
  ValueId split = parts.valid() ? parts : c.input(1);
  if (!parts.valid() && split.valid() && c.input_type(1).tensor.dtype != DType::i64)
    split = TRY(c.emit1("cast", {split}, {{"to", DType::i64}}));
  const int64_t axis = TRY(c.integer("axis", 0));
  return c.emit("split", {c.input(0), split}, {{"axis", axis}});
}

Result<Values> squeeze_1(NodeContext& c) {
  const ValueId axes = TRY(as_input(c, "axes"));
  return c.emit("squeeze", {c.input(0), axes});
}

Result<Values> unsqueeze_1(NodeContext& c) {
  const ValueId axes = c.builder().integers(TRY(c.integers("axes")));
  return c.emit("unsqueeze", {c.input(0), axes});
}

// Elements of a constant input; none when it is computed.
Result<std::optional<Tensor>> constant_input(NodeContext& c, ValueId v) {
  using Maybe = std::optional<Tensor>;
  const Value& value = c.builder().graph()[v];
  if (value.kind != Value::Kind::constant) return Maybe();
  return Maybe(TRY(c.builder().model().read(value.constant)));
}

// Tile 1 repeats along one axis, both given as scalars.
Result<Values> tile_1(NodeContext& c) {
  const Type& x = c.input_type(0);
  const auto axis = c.has_input(2) ? TRY(constant_input(c, c.input(2))) : std::nullopt;
  if (!axis || axis->count() != 1 || !kNumbers.has(axis->dtype()) || !x.tensor.shape.ranked)
    return c.unsupported("the axis must be a constant and the rank known");
  const auto rank = int64_t(x.tensor.shape.rank()), at = load_integer(*axis, 0);
  if (at < 0 || at >= rank)
    return fail(ErrorId::bad_value,
                "Tile: axis " + std::to_string(at) + " for " + std::to_string(rank) + " axes");
  Builder& b = c.builder();
  const ValueId count = TRY(c.emit1("cast", {c.input(1)}, {{"to", DType::i64}}));
  const ValueId times = TRY(c.emit1("reshape", {count, b.integers({1})}));
  const ValueId before = b.integers(Integers(size_t(at), 1));
  const ValueId after = b.integers(Integers(size_t(rank - at - 1), 1));
  const ValueId repeats = TRY(c.emit1("concat", {before, times, after}, {{"axis", int64_t{0}}}));
  return c.emit("tile", {c.input(0), repeats});
}

// An input that may be an empty tensor in place of none.
ValueId unless_empty(NodeContext& c, size_t i) {
  if (!c.has_input(i)) return {};
  const Shape& shape = c.input_type(i).tensor.shape;
  return shape.ranked && shape.rank() == 1 && shape.dims[0].is(0) ? ValueId{} : c.input(i);
}

// Resizes with these scales: constant ones as an attribute, so that extents can be inferred.
Result<Values> emit_resize(NodeContext& c, ValueId roi, ValueId scales, ValueId sizes,
                           Builder::Given attrs) {
  if (scales.valid())
    if (const auto known = TRY(constant_input(c, scales));
        known && known->dtype() == DType::f32 && known->rank() == 1) {
      const auto elements = known->as<float>();
      attrs.emplace_back("scales", Reals(elements.begin(), elements.end()));
      scales = {};
    }
  return c.emit("resize", {c.input(0), roi, scales, sizes}, std::move(attrs));
}

// Before opset 11 output positions are divided by the scale; the nearest element is the one before,
// or along an axis that shrinks the one after.
Result<Builder::Given> old_resize(NodeContext& c) {
  std::string mode = TRY(c.text("mode", "nearest"));
  if (mode == "bilinear" || mode == "trilinear") mode = "linear";
  return Builder::Given{{"mode", mode},
                        {"coordinate_transformation_mode", std::string("asymmetric")},
                        {"nearest_mode", std::string("floor_or_ceil")}};
}

Result<Values> upsample_1(NodeContext& c) {
  Builder::Given attrs = TRY(old_resize(c));
  const float height = TRY(c.real("height_scale")), width = TRY(c.real("width_scale"));
  attrs.emplace_back("scales", Reals{1, 1, height, width});
  return c.emit("resize", {c.input(0)}, std::move(attrs));
}

Result<Values> upsample_7(NodeContext& c) {
  Builder::Given attrs = TRY(old_resize(c));
  attrs.emplace_back("scales", TRY(c.reals("scales")));
  return c.emit("resize", {c.input(0)}, std::move(attrs));
}

// Upsample 9, which Resize 10 is by another name.
Result<Values> resize_9(NodeContext& c) {
  return emit_resize(c, {}, c.input(1), {}, TRY(old_resize(c)));
}

Result<Values> resize_11(NodeContext& c) {
  Builder::Given attrs;
  for (const char* name :
       {"coordinate_transformation_mode", "keep_aspect_ratio_policy", "mode", "nearest_mode"})
    if (c.has(name)) attrs.emplace_back(name, TRY(c.text(name)));
  for (const char* name : {"antialias", "exclude_outside"})
    if (c.has(name)) attrs.emplace_back(name, TRY(c.integer(name)));
  for (const char* name : {"cubic_coeff_a", "extrapolation_value"})
    if (c.has(name)) attrs.emplace_back(name, TRY(c.real(name)));
  if (c.has("axes")) attrs.emplace_back("axes", TRY(c.integers("axes")));
  return emit_resize(c, unless_empty(c, 1), unless_empty(c, 2), unless_empty(c, 3),
                     std::move(attrs));
}

Result<Values> grid_sample_16(NodeContext& c) {
  std::string mode = TRY(c.text("mode", "bilinear"));
  if (mode == "bilinear") mode = "linear";
  if (mode == "bicubic") mode = "cubic";
  const std::string padding = TRY(c.text("padding_mode", "zeros"));
  const int64_t align = TRY(c.integer("align_corners", 0));
  return c.emit("grid_sample", c.inputs(),
                {{"mode", mode}, {"padding_mode", padding}, {"align_corners", align}});
}

constexpr Translation kTable[] = {
    {"", "AffineGrid", 20, "affine_grid"},
    {"", "Bernoulli", 15, "bernoulli"},
    {"", "CenterCropPad", 18, "center_crop_pad"},
    {"", "Col2Im", 18, "col2im"},
    {"", "Concat", 1, "", concat_1, first_inputs(1)},
    {"", "Concat", 4, "concat"},
    {"", "Constant", 1, "", constant},
    {"", "ConstantOfShape", 9, "", constant_of_shape, first_inputs(1)},
    {"", "DepthToSpace", 1, "depth_to_space"},
    {"", "Expand", 8, "expand"},
    {"", "EyeLike", 9, "eye_like"},
    {"", "Flatten", 1, "flatten"},
    {"", "GridSample", 16, "", grid_sample_16, first_inputs(2)},
    {"", "GridSample", 20, "grid_sample"},
    {"", "Multinomial", 7, "multinomial"},
    {"", "Pad", 1, "", pad_1, first_inputs(1)},
    {"", "Pad", 11, "pad"},
    {"", "RandomNormal", 1, "random_normal"},
    {"", "RandomNormalLike", 1, "random_normal_like"},
    {"", "RandomUniform", 1, "random_uniform"},
    {"", "RandomUniformLike", 1, "random_uniform_like"},
    {"", "Range", 11, "range"},
    {"", "Reshape", 1, "", reshape_1, first_inputs(1)},
    {"", "Reshape", 5, "reshape"},
    {"", "Resize", 10, "", resize_9, first_inputs(2)},
    {"", "Resize", 11, "", resize_11, first_inputs(1)},
    {"", "ReverseSequence", 10, "reverse_sequence"},
    {"", "Shape", 1, "shape"},
    {"", "Size", 1, "size"},
    {"", "Slice", 1, "", slice_1, first_inputs(1)},
    {"", "Slice", 10, "slice"},
    {"", "SpaceToDepth", 1, "space_to_depth"},
    {"", "Split", 1, "", split_1, first_inputs(1)},
    {"", "Split", 13, "split"},
    {"", "Squeeze", 1, "", squeeze_1, first_inputs(1)},
    {"", "Squeeze", 13, "squeeze"},
    {"", "Tile", 1, "", tile_1, first_inputs(2)},
    {"", "Tile", 6, "tile"},
    {"", "Transpose", 1, "transpose"},
    {"", "Trilu", 14, "trilu"},
    {"", "Unsqueeze", 1, "", unsqueeze_1, first_inputs(1)},
    {"", "Unsqueeze", 13, "unsqueeze"},
    {"", "Upsample", 1, "", upsample_1, first_inputs(1)},
    {"", "Upsample", 7, "", upsample_7, first_inputs(1)},
    {"", "Upsample", 9, "", resize_9, first_inputs(2)},
};

}  // namespace

std::span<const Translation> shape_translations() { return kTable; }

}  // namespace hone::onnx
