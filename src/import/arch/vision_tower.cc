#include "import/arch/vision_tower.h"

#include "import/arch/names.h"

namespace hone::arch {

Status check(const VisionConfig& config) {
  TRY(config.stack.check());
  TRY(in_range("the number of channels", config.channels, 1, 1024));
  TRY(in_range("the size of a patch", config.patch, 1, 65536));
  return in_range("the size of an image", config.image, config.patch, 65536);
}

ValueId add_pixels(Builder& b, const VisionConfig& config, const char* batch) {
  b.model().add_symbol(batch, BindingTime::call);
  return b.graph().add_input(
      "pixel_values", Type(DType::f32, {Dim::symbol(batch), Dim(config.channels), Dim(config.image),
                                        Dim(config.image)}));
}

Result<ValueId> embed_patches(Builder& b, Weights& weights, const VisionConfig& c,
                              const PatchNames& names, ValueId pixels) {
  const int64_t width = c.stack.width, side = c.image / c.patch, patches = side * side;
  const std::string conv(names.patches);
  std::vector<ValueId> in{pixels};
  in.push_back(TRY(weights.take(b, conv + ".weight", {width, c.channels, c.patch, c.patch})));
  if (weights.has(conv + ".bias")) in.push_back(TRY(weights.take(b, conv + ".bias", {width})));
  ValueId x = TRY(b.emit1("conv", std::move(in), {{"strides", Integers{c.patch, c.patch}}}));
  x = TRY(b.emit1("reshape", {x, b.integers({0, width, patches})}));
  x = TRY(b.emit1("transpose", {x}, {{"perm", Integers{0, 2, 1}}}));
  // The vector in front, once for each image.
  const ValueId vector = TRY(weights.take(b, std::string(names.first), names.first_shape));
  const ValueId first = TRY(b.emit1("reshape", {vector, b.integers({1, 1, width})}));
  const ValueId shape = TRY(b.emit1("shape", {pixels}));
  const ValueId images = TRY(b.emit1("gather", {shape, b.integers({0})}));
  const ValueId wanted =
      TRY(b.emit1("concat", {images, b.integers({1, width})}, {{"axis", int64_t{0}}}));
  const ValueId each = TRY(b.emit1("expand", {first, wanted}));
  x = TRY(b.emit1("concat", {each, x}, {{"axis", int64_t{1}}}));
  const Extents stored =
      names.batched ? Extents{1, 1 + patches, width} : Extents{1 + patches, width};
  const ValueId positions = TRY(weights.take(b, std::string(names.positions), stored));
  return b.emit1("add", {x, positions});
}

}  // namespace hone::arch
