// Overlapping blocks summed to an image.
#include "ops/movement.h"

namespace hone {
namespace {

constexpr int64_t kMost = int64_t{1} << 40;  // of an extent, stride, dilation or pad

// The geometry of one spatial axis.
struct Axis {
  int64_t image, block, stride = 1, dilation = 1, before = 0, after = 0;
  int64_t steps() const {
    const int64_t room = image + before + after - dilation * (block - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
  }
};

Result<std::vector<Axis>> geometry(const Infer& c, const Integers& image, const Integers& block) {
  const size_t n = image.size();
  auto list = [&](std::string_view name, size_t count) -> Result<Integers> {
    if (!c.given(name)) return Integers(count, name == "pads" ? 0 : 1);
    if (c.list(name).size() != count)
      return attribute_error(c, std::string(name) + " has " + std::to_string(c.list(name).size()) +
                                    " elements, not " + std::to_string(count));
    return c.list(name);
  };
  if (block.size() != n)
    return shape_error(c, std::to_string(block.size()) + " block extents for " + std::to_string(n) +
                              " image extents");
  const Integers strides = TRY(list("strides", n)), dilations = TRY(list("dilations", n)),
                 pads = TRY(list("pads", 2 * n));
  std::vector<Axis> axes;
  for (size_t i = 0; i < n; ++i) {
    const Axis a{image[i], block[i], strides[i], dilations[i], pads[i], pads[n + i]};
    const bool sound = a.image >= 0 && a.image < kMost && a.block >= 1 && a.stride >= 1 &&
                       a.stride < kMost && a.dilation >= 1 && a.before >= 0 && a.before < kMost &&
                       a.after >= 0 && a.after < kMost && a.block < (1 << 20) &&
                       a.dilation < (1 << 20);
    if (!sound)
      return value_error(c, "axis " + std::to_string(i) +
                                " has an extent, stride, dilation or pad "
                                "out of range");
    axes.push_back(a);
  }
  return axes;
}

Result<Types> infer(const Infer& c) {
  TRY(expect_rank(c, 0, 3));
  TRY(expect_list(c, 1));
  TRY(expect_list(c, 2));
  const Shape& x = c.shape(0);
  const Shape image = shape_from(c, 1);
  if (!image.ranked) return Types{Type(c.dtype(0), Shape::unranked())};
  if (const Known* known = c.known(1)) TRY(no_negative(c, *known));
  std::vector<Dim> dims{x.ranked ? x.dims[0] : Dim::unknown(), Dim::unknown()};
  const auto block = c.integers(2);
  if (block) {
    int64_t elements = 1;
    for (int64_t n : *block) {
      const auto product = checked_mul(elements, n);
      if (n < 1 || !product) return value_error(c, "a block extent of " + std::to_string(n));
      elements = *product;
    }
    if (x.ranked) {
      const auto channels = Dim::exact_quotient(x.dims[1], elements);
      if (!channels && x.dims[1].is_constant())
        return shape_error(
            c, "x " + x.str() + " for blocks of " + std::to_string(elements) + " elements");
      if (channels) dims[1] = *channels;
    }
    if (const auto extents = c.integers(1)) {
      Dim steps = 1;
      for (const Axis& a : TRY(geometry(c, *extents, *block))) steps = steps * Dim(a.steps());
      if (steps.is_unknown()) return shape_error(c, "there are more blocks than can be counted");
      if (x.ranked && !same_extent(x.dims[2], steps))
        return shape_error(c, "x " + x.str() + " for " + steps.str() + " blocks");
    }
  }
  dims.insert(dims.end(), image.dims.begin(), image.dims.end());
  return fixed_type(c.dtype(0), std::move(dims));
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  const auto axes = TRY(geometry(c, integers(c.in(1)), integers(c.in(2))));
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0 || x.count() == 0) return ok();
  const int64_t planes = y.shape()[0] * y.shape()[1], image = y.count() / planes;
  const std::vector<int64_t> strides = strides_of(Extents(y.shape().begin() + 2, y.shape().end()));
  // Positions within a block, then of the blocks.
  Extents shape;
  for (const Axis& a : axes) shape.push_back(a.block);
  for (const Axis& a : axes) shape.push_back(a.steps());
  const int64_t per_plane = x.count() / planes;
  std::vector<double> sums(static_cast<size_t>(image));
  for (int64_t p = 0; p < planes; ++p) {
    std::fill(sums.begin(), sums.end(), 0.0);
    Odometer at(shape, {});
    int64_t from = p * per_plane;
    do {
      int64_t to = 0;
      for (size_t i = 0; i < axes.size() && to >= 0; ++i) {
        const Axis& a = axes[i];
        const int64_t k =
            at.position()[axes.size() + i] * a.stride + at.position()[i] * a.dilation - a.before;
        to = k < 0 || k >= a.image ? -1 : to + k * strides[i];
      }
      const double value = load_real(x, from++);
      if (to >= 0) sums[size_t(to)] += value;
    } while (at.next());
    for (int64_t i = 0; i < image; ++i) store_real(y, p * image + i, sums[size_t(i)]);
  }
  return ok();
}

}  // namespace

const OpDef& col2im_op() {
  static const OpDef def{
      .name = "col2im",
      .doc =
          "x [n, c * block elements, blocks]: the blocks of an image put back to their places "
          "and summed where they overlap, as [n, c, image…].",
      .inputs = {{"x", kNumbers, 'T'}, {"image_shape", DType::i64}, {"block_shape", DType::i64}},
      .outputs = {{"y", kNumbers, 'T'}},
      .attrs = {{"dilations", AttrKind::integers},
                {"pads", AttrKind::integers, false, {}, "before each axis, then after each"},
                {"strides", AttrKind::integers}},
      .infer = infer,
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            cost.flops = element_count(c.shape(0));
            return cost;
          },
      .reference = reference,
      .examples = {R"(graph col2im_overlap(x: f32[1,4,12]) -> (y) {
        y = col2im(x, i64[2]{4, 5}, i64[2]{2, 2})
      })",
                   R"(graph col2im_pads(x: f32[2,5,15]) -> (y) {
        y = col2im(x, i64[2]{5, 5}, i64[2]{1, 5}) <pads=[0, 1, 0, 1]>
      })"},
  };
  return def;
}

}  // namespace hone
