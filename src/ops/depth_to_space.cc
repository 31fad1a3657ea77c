// Blocks of pixels from channels and back: depth_to_space, space_to_depth.
#include "ops/movement.h"

namespace hone {
namespace {

constexpr int64_t kMaxBlock = int64_t{1} << 20;

Status check(const Infer& c) {
  TRY(expect_rank(c, 0, 4));
  const int64_t block = c.integer("blocksize");
  if (block < 1 || block > kMaxBlock)
    return attribute_error(c, "blocksize is " + std::to_string(block));
  return ok();
}

Result<Dim> quotient(const Infer& c, size_t axis, const Dim& by) {
  const Dim& d = c.shape(0).dims[axis];
  if (auto exact = Dim::exact_quotient(d, by)) return *exact;
  if (d.is_constant() && by.is_constant())
    return shape_error(c, "axis " + std::to_string(axis) + " of " + c.shape(0).str() +
                              " is no multiple of " + by.str());
  return floor_div(d, by);
}

Result<Types> infer_to_space(const Infer& c) {
  TRY(check(c));
  if (c.text("mode") != "DCR" && c.text("mode") != "CRD")
    return attribute_error(c, "mode must be DCR or CRD, is \"" + c.text("mode") + "\"");
  if (!c.shape(0).ranked) return Types{Type(c.dtype(0), Shape::unknown(4))};
  const Dim block = c.integer("blocksize");
  const auto& d = c.shape(0).dims;
  const Dim channels = TRY(quotient(c, 1, block * block));
  return fixed_type(c.dtype(0), {d[0], channels, d[2] * block, d[3] * block});
}

Result<Types> infer_to_depth(const Infer& c) {
  TRY(check(c));
  if (!c.shape(0).ranked) return Types{Type(c.dtype(0), Shape::unknown(4))};
  const Dim block = c.integer("blocksize");
  const auto& d = c.shape(0).dims;
  const Dim rows = TRY(quotient(c, 2, block)), columns = TRY(quotient(c, 3, block));
  return fixed_type(c.dtype(0), {d[0], d[1] * block * block, rows, columns});
}

// Visits deep element (n, channel block b, channel, h, w) with its place in the wide image.
template <class F>
void each(const Extents& deep, const Extents& wide, int64_t block, bool blocks_first, F visit) {
  const int64_t channels = wide[1], rows = deep[2], columns = deep[3];
  const Extents shape{deep[0], block, block, channels, rows, columns};
  const int64_t plane = rows * columns;
  const int64_t of_block = blocks_first ? channels * plane : plane;
  const int64_t of_channel = blocks_first ? plane : block * block * plane;
  const std::vector<int64_t> in_deep{
      block * block * channels * plane, block * of_block, of_block, of_channel, columns, 1};
  const int64_t row = wide[3];
  const std::vector<int64_t> in_wide{
      channels * wide[2] * row, row, 1, wide[2] * row, block * row, block};
  Odometer at(shape, {in_deep, in_wide});
  if (at.empty()) return;
  do visit(at.offset(0), at.offset(1));
  while (at.next());
}

}  // namespace

const OpDef& depth_to_space_op() {
  static const OpDef def{
      .name = "depth_to_space",
      .doc =
          "[n, c*b*b, h, w] to [n, c, h*b, w*b]: channels become blocks of pixels; they are "
          "(b, b, c) in mode \"DCR\" and (c, b, b) in mode \"CRD\" (pixel shuffle).",
      .inputs = {{"x", kAny, 'T'}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"blocksize", AttrKind::integer, true},
                {"mode", AttrKind::text, false, "DCR", "\"DCR\" or \"CRD\""}},
      .infer = infer_to_space,
      .cost = movement_cost,
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        each(x.shape(), y.shape(), c.integer("blocksize"), c.text("mode") == "DCR",
             [&](int64_t deep, int64_t wide) { copy_element(x, deep, y, wide); });
        return ok();
      },
      .examples = {R"(graph depth_to_space_dcr(x: f32[1,8,2,3]) -> (y) {
        y = depth_to_space(x) <blocksize=2>
      })",
                   R"(graph depth_to_space_crd(x: f32[1,8,2,3]) -> (y) {
        y = depth_to_space(x) <blocksize=2, mode="CRD">
      })"},
  };
  return def;
}

const OpDef& space_to_depth_op() {
  static const OpDef def{
      .name = "space_to_depth",
      .doc =
          "[n, c, h*b, w*b] to [n, b*b*c, h, w]: blocks of pixels become channels, ordered "
          "(b, b, c).",
      .inputs = {{"x", kAny, 'T'}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"blocksize", AttrKind::integer, true}},
      .infer = infer_to_depth,
      .cost = movement_cost,
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        each(y.shape(), x.shape(), c.integer("blocksize"), true,
             [&](int64_t deep, int64_t wide) { copy_element(x, wide, y, deep); });
        return ok();
      },
      .examples = {R"(graph space_to_depth_two(x: f32[1,2,4,6]) -> (y) {
        y = space_to_depth(x) <blocksize=2>
      })"},
  };
  return def;
}

}  // namespace hone
