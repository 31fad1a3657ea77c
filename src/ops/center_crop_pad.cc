// Cropping and padding around the centre.
#include "ops/movement.h"

namespace hone {
namespace {

Result<Integers> target_axes(const Infer& c, int64_t rank) {
  if (c.given("axes")) return TRY(normal_axes(c.list("axes"), rank));
  Integers axes;
  for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
  return axes;
}

Result<Types> infer(const Infer& c) {
  TRY(expect_list(c, 1));
  const auto rank = rank_of(c, 0);
  if (!rank) return Types{Type(c.dtype(0), Shape::unranked())};
  const Integers axes = TRY(target_axes(c, *rank));
  if (auto n = list_length(c, 1); n && *n != int64_t(axes.size()))
    return shape_error(
        c, std::to_string(*n) + " extents for " + std::to_string(axes.size()) + " axes");
  const Known* wanted = c.known(1);
  if (wanted) TRY(no_negative(c, *wanted));
  std::vector<Dim> dims = c.shape(0).dims;
  for (size_t i = 0; i < axes.size(); ++i)
    dims[size_t(axes[i])] = wanted ? (*wanted)[i] : Dim::unknown();
  return fixed_type(c.dtype(0), std::move(dims));
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  Tensor& y = *TRY(c.out(0));
  // The part that both have, and where it begins in each.
  Extents shared = x.shape();
  const std::vector<int64_t> in = strides_of(x.shape()), out = strides_of(y.shape());
  int64_t from = 0, to = 0;
  for (size_t i = 0; i < shared.size(); ++i) {
    const int64_t extra = y.shape()[i] - x.shape()[i];
    shared[i] = std::min(x.shape()[i], y.shape()[i]);
    if (extra < 0) from += (-extra / 2) * in[i];
    if (extra > 0) to += (extra / 2) * out[i];
  }
  Odometer at(shared, {in, out});
  if (at.empty()) return ok();
  do copy_element(x, from + at.offset(0), y, to + at.offset(1));
  while (at.next());
  return ok();
}

}  // namespace

const OpDef& center_crop_pad_op() {
  static const OpDef def{
      .name = "center_crop_pad",
      .doc =
          "x with the given axes (default all) cropped or padded with zeros to the given "
          "extents, equally at both ends; what is odd goes to the far end.",
      .inputs = {{"x", kAny, 'T'}, {"shape", kIndices}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"axes", AttrKind::integers}},
      .infer = infer,
      .cost = movement_cost,
      .reference = reference,
      .examples = {R"(graph center_both(x: f32[5,4]) -> (y) {
        y = center_crop_pad(x, i64[2]{2, 7})
      })",
                   R"(graph center_axis(x: f32[5,4,3]) -> (y) {
        y = center_crop_pad(x, i64[1]{3}) <axes=[-2]>
      })"},
  };
  return def;
}

}  // namespace hone
