// The partial inverse of max pooling.
#include "ops/movement.h"

namespace hone {
namespace {

constexpr int64_t kMost = int64_t{1} << 30;

// The spatial extents before pooling, as stride, kernel and pads tell.
Result<std::vector<Dim>> unpooled(const Infer& c, const Shape& x) {
  const Integers& kernel = c.list("kernel_shape");
  const size_t n = kernel.size();
  const Integers strides = c.given("strides") ? c.list("strides") : Integers(n, 1);
  const Integers pads = c.given("pads") ? c.list("pads") : Integers(2 * n, 0);
  if (strides.size() != n || pads.size() != 2 * n)
    return attribute_error(c, "strides or pads do not fit " + std::to_string(n) + " axes");
  if (x.rank() != n + 2)
    return shape_error(c, "a kernel of " + std::to_string(n) + " axes for " + x.str());
  std::vector<Dim> dims{x.dims[0], x.dims[1]};
  for (size_t i = 0; i < n; ++i) {
    if (kernel[i] < 1 || kernel[i] > kMost || strides[i] < 1 || strides[i] > kMost || pads[i] < 0 ||
        pads[i] > kMost || pads[n + i] < 0 || pads[n + i] > kMost)
      return attribute_error(
          c, "kernel, stride or pad of axis " + std::to_string(i) + " is out of range");
    dims.push_back((x.dims[i + 2] - Dim(1)) * Dim(strides[i]) +
                   Dim(kernel[i] - pads[i] - pads[n + i]));
  }
  return dims;
}

Result<Types> infer(const Infer& c) {
  TRY(expect_list(c, 2));
  const Shape& x = c.shape(0);
  if (!compatible(Type(DType::i64, x), Type(DType::i64, c.shape(1))))
    return shape_error(c, "indices " + c.shape(1).str() + " for " + x.str());
  if (!x.ranked) return Types{Type(c.dtype(0), Shape::unranked())};
  std::vector<Dim> dims = TRY(unpooled(c, x));
  if (c.has(2)) {
    if (auto n = list_length(c, 2); n && *n != int64_t(x.rank()))
      return shape_error(c, "output_shape has " + std::to_string(*n) + " elements for " + x.str());
    const Known* known = c.known(2);
    if (!known) return Types{Type(c.dtype(0), Shape::unknown(x.rank()))};
    dims = *known;
  }
  TRY(no_negative(c, dims));
  return fixed_type(c.dtype(0), std::move(dims));
}

Status reference(Call& c) {
  const Tensor &x = c.in(0), &indices = c.in(1);
  Tensor& y = *TRY(c.out(0));
  // Indices are flat in the tensor that was pooled; a larger output has it in its first corner.
  const auto pooled = Shape(TRY(unpooled(c, Shape::of(x.shape())))).fixed();
  const auto count = pooled ? checked_product(*pooled) : std::nullopt;
  if (!count) return shape_error(c, "the extents overflow");
  const std::vector<int64_t> from = strides_of(*pooled), to = strides_of(y.shape());
  for (int64_t i = 0; i < x.count(); ++i) {
    const int64_t index = load_integer(indices, i);
    if (index < 0 || index >= *count)
      return value_error(
          c, "index " + std::to_string(index) + " for " + std::to_string(*count) + " elements");
    int64_t at = 0;
    for (size_t k = 0; k < from.size() && at >= 0; ++k) {
      const int64_t position = index / from[k] % (*pooled)[k];
      at = position < y.shape()[k] ? at + position * to[k] : -1;
    }
    if (at >= 0) copy_element(x, i, y, at);
  }
  return ok();
}

}  // namespace

const OpDef& max_unpool_op() {
  static const OpDef def{
      .name = "max_unpool",
      .doc = "Zeros, with the elements of x [n, c, d1 …] at the flat indices that max_pool gave.",
      .inputs = {{"x", kFloats, 'T'},
                 {"indices", DType::i64},
                 {"output_shape", DType::i64, 0, Port::Presence::optional}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"kernel_shape", AttrKind::integers, true},
                {"pads", AttrKind::integers},
                {"strides", AttrKind::integers}},
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph max_unpool_two(x: f32[1,1,2,2]) -> (y) {
        y = max_unpool(x, i64[1,1,2,2]{5, 7, 13, 15}) <kernel_shape=[2, 2], strides=[2, 2]>
      })"},
  };
  return def;
}

}  // namespace hone
