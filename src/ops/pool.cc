// Pooling over sliding windows: maximum, average and Lp norm.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/window.h"

namespace hone {
namespace {

Result<Windows> pool_windows(const Infer& c) {
  return make_windows(c, std::span(c.shape(0).dims).subspan(2), {}, c.integer("ceil_mode") != 0);
}

Result<Types> infer_pool(const Infer& c) {
  Types types(std::max<size_t>(1, c.outputs()), Type(DType::i64, Shape::unranked()));
  types[0].tensor.dtype = c.dtype(0);
  const Shape& in = c.shape(0);
  if (!in.ranked) {
    if (c.list("kernel_shape").empty()) return attribute_error(c, "kernel_shape is empty");
    for (Type& type : types) type.tensor.shape = Shape::unknown(c.list("kernel_shape").size() + 2);
    return types;
  }
  if (in.rank() < 3) return shape_error(c, "x must have at least 3 axes, has shape " + in.str());
  Shape out({in.dims[0], in.dims[1]});
  for (const Window& window : TRY(pool_windows(c))) out.dims.push_back(window.out);
  for (Type& type : types) type.tensor.shape = out;
  return types;
}

// One FLOP for each position of each window.
Cost pool_cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  cost.flops = element_count(out[0].tensor.shape);
  for (int64_t k : c.list("kernel_shape")) cost.flops = cost.flops * Dim(k);
  return cost;
}

// Calls f(element of y, first element of the plane in x, offsets in the plane, counted).
Status each_pool(
    Call& c, const std::function<void(int64_t, int64_t, const std::vector<int64_t>&, double)>& f) {
  const Windows windows = TRY(pool_windows(c));
  const int64_t planes = checked_product(std::span(c.in(0).shape()).first(2)).value_or(0);
  if (planes == 0) return ok();
  const int64_t in_size = checked_product(in_extents(windows)).value_or(0);
  const int64_t out_size = checked_product(out_extents(windows)).value_or(0);
  each_window(windows, [&](int64_t o, const std::vector<int64_t>& offsets, double counted) {
    for (int64_t p = 0; p < planes; ++p) f(p * out_size + o, p * in_size, offsets, counted);
  });
  return ok();
}

std::vector<AttrDef> pool_attrs(AttrDef more) {
  return window_attrs(
      true, {{"ceil_mode", AttrKind::integer, false, int64_t{0}, "1: round output extents up"},
             std::move(more)});
}

// The flat index of `offset` in a plane whose first axis varies fastest.
int64_t column_major(int64_t offset, const Extents& plane) {
  int64_t index = 0;
  for (size_t axis = plane.size(); axis-- > 0;) {
    index = index * plane[axis] + offset % plane[axis];
    offset /= plane[axis];
  }
  // Collected last axis first; the first axis must end up with stride 1.
  return index;
}

double lowest_of(DType dtype) {
  if (is_float(dtype)) return -std::numeric_limits<double>::infinity();
  return dtype == DType::i8 ? -128 : 0;
}

}  // namespace

const OpDef& max_pool_op() {
  static constexpr DTypes kPooled = kFloats | DType::i8 | DType::u8;
  static const OpDef def{
      .name = "max_pool",
      .doc =
          "Largest element of each window of x [N, C, in...]; NaN wins. indices: its flat "
          "position in x, the first of equal ones (storage_order=1: the spatial axes counted "
          "with the first varying fastest), -1 for a window that holds only padding.",
      .inputs = {{"x", kPooled, 'T'}},
      .outputs = {{"y", kPooled, 'T'}, {"indices", DType::i64, 0, Port::Presence::optional}},
      .attrs = pool_attrs({"storage_order", AttrKind::integer, false, int64_t{0}}),
      .infer = infer_pool,
      .cost = pool_cost,
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        Tensor* indices = c.outputs() > 1 ? TRY(c.out(1)) : nullptr;
        const Extents plane(x.shape().begin() + 2, x.shape().end());
        const bool columns = c.integer("storage_order") != 0;
        return each_pool(c, [&](int64_t o, int64_t base, const std::vector<int64_t>& offsets,
                                double) {
          double best = lowest_of(x.dtype());
          int64_t where = -1;
          for (int64_t offset : offsets) {
            const double v = load_real(x, base + offset);
            if (where >= 0 && !(v > best) && !(std::isnan(v) && !std::isnan(best))) continue;
            best = v;
            where = offset;
          }
          store_real(y, o, best);
          if (indices)
            store_integer(*indices, o,
                          where < 0 ? -1 : base + (columns ? column_major(where, plane) : where));
        });
      },
      .examples = {R"(graph max_pool_1d(x: f32[1,3,8]) -> (y) {
        y = max_pool(x) <ceil_mode=1, kernel_shape=[3], pads=[1, 1], strides=[3]>
      })",
                   R"(graph max_pool_2d(x: f32[1,2,6,5]) -> (y, i) {
        y, i = max_pool(x) <dilations=[2, 1], kernel_shape=[2, 3], storage_order=1>
      })"},
  };
  return def;
}

const OpDef& average_pool_op() {
  static const OpDef def{
      .name = "average_pool",
      .doc =
          "Mean of each window of x [N, C, in...]: over the elements of x only, or with "
          "count_include_pad=1 over those and the padding as zeros.",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = pool_attrs({"count_include_pad", AttrKind::integer, false, int64_t{0}}),
      .infer = infer_pool,
      .cost = pool_cost,
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        const bool all = c.integer("count_include_pad") != 0;
        return each_pool(
            c, [&](int64_t o, int64_t base, const std::vector<int64_t>& offsets, double counted) {
              double sum = 0;
              for (int64_t offset : offsets) sum += load_real(x, base + offset);
              store_real(y, o, sum / (all ? counted : double(offsets.size())));
            });
      },
      .examples = {R"(graph average_pool_2d(x: f32[1,2,7,6]) -> (y) {
        y = average_pool(x) <ceil_mode=1, count_include_pad=1, kernel_shape=[3, 2],
                             pads=[1, 0, 1, 1], strides=[2, 2]>
      })",
                   R"(graph average_pool_same(x: f32[1,2,7]) -> (y) {
        y = average_pool(x) <auto_pad="SAME_UPPER", kernel_shape=[4], strides=[2]>
      })"},
  };
  return def;
}

const OpDef& lp_pool_op() {
  static const OpDef def{
      .name = "lp_pool",
      .doc = "Lp norm of each window of x [N, C, in...]: sum(|x|^p)^(1/p).",
      .inputs = {{"x", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = pool_attrs({"p", AttrKind::integer, false, int64_t{2}}),
      .infer = [](const Infer& c) -> Result<Types> {
        TRY(positive(c, "p"));
        return infer_pool(c);
      },
      .cost = pool_cost,
      .reference = [](Call& c) -> Status {
        const Tensor& x = c.in(0);
        Tensor& y = *TRY(c.out(0));
        const double p = double(c.integer("p"));
        return each_pool(c,
                         [&](int64_t o, int64_t base, const std::vector<int64_t>& offsets, double) {
                           double sum = 0;
                           for (int64_t offset : offsets)
                             sum += std::pow(std::fabs(load_real(x, base + offset)), p);
                           store_real(y, o, std::pow(sum, 1 / p));
                         });
      },
      .examples = {R"(graph lp_pool_2d(x: f32[1,2,5,6]) -> (y) {
        y = lp_pool(x) <kernel_shape=[2, 3], p=3, pads=[0, 1, 0, 1], strides=[1, 2]>
      })"},
  };
  return def;
}

}  // namespace hone
