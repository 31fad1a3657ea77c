// Resampling of axes to other extents.
#include "ops/resize.h"

#include <algorithm>
#include <array>
#include <limits>

#include "ops/movement.h"

namespace hone {
namespace {

enum class Mode : uint8_t { nearest, linear, cubic };
enum class Place : uint8_t {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  align_corners,
  asymmetric,
  tf_half_pixel,
  crop
};
enum class Nearest : uint8_t { prefer_floor, prefer_ceil, floor, ceil, floor_or_ceil };
enum class Aspect : uint8_t { stretch, not_larger, not_smaller };

struct Options {
  Mode mode;
  Place place;
  Nearest nearest;
  Aspect aspect;
};

template <class E, size_t n>
Result<E> choose(const Infer& c, std::string_view attribute,
                 const std::array<std::string_view, n>& names) {
  const std::string& given = c.text(attribute);
  for (size_t i = 0; i < n; ++i)
    if (names[i] == given) return E(i);
  return attribute_error(c, std::string(attribute) + " cannot be \"" + given + "\"");
}

Result<Options> options(const Infer& c) {
  Options o{};
  o.mode = TRY(choose<Mode, 3>(c, "mode", {"nearest", "linear", "cubic"}));
  o.place = TRY(
      choose<Place, 7>(c, "coordinate_transformation_mode",
                       {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                        "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"}));
  o.nearest = TRY(choose<Nearest, 5>(
      c, "nearest_mode",
      {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "floor_or_ceil"}));
  o.aspect = TRY(
      choose<Aspect, 3>(c, "keep_aspect_ratio_policy", {"stretch", "not_larger", "not_smaller"}));
  return o;
}

Result<Integers> resized_axes(const Infer& c, int64_t rank) {
  if (c.given("axes")) return TRY(normal_axes(c.list("axes"), rank));
  Integers axes;
  for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
  return axes;
}

// The extent that a scale gives, in f32 as other runtimes compute it.
Result<int64_t> scaled(const Infer& c, int64_t extent, float scale) {
  const float wanted = std::floor(float(extent) * scale);
  if (!(scale > 0) || !(wanted < 0x1p56f))
    return value_error(
        c, "a scale of " + std::to_string(scale) + " for an extent of " + std::to_string(extent));
  return int64_t(wanted);
}
Result<Dim> scaled(const Infer& c, const Dim& extent, float scale) {
  if (auto n = extent.constant()) return Dim(TRY(scaled(c, *n, scale)));
  // Exact for symbols where the scale is a fraction of small numbers.
  for (int64_t divisor : {1, 2, 4, 8, 16, 32, 64})
    if (const float times = scale * float(divisor);
        times >= 1 && times < 0x1p20f && times == std::floor(times))
      return floor_div(extent * Dim(int64_t(times)), divisor);
  return Dim::unknown();
}

// How one axis is resized: out = extent of the output, scale, and the region for the crop.
struct AxisPlan {
  int64_t in, out;
  double scale, start = 0, end = 1;
};

// Extents and scales for sizes under the aspect policy.
Result<std::vector<AxisPlan>> plan_sizes(const Infer& c, const std::vector<int64_t>& extents,
                                         const Integers& sizes, Aspect aspect) {
  std::vector<AxisPlan> plans;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0 || sizes[i] >= int64_t{1} << 56)
      return value_error(c, "a size of " + std::to_string(sizes[i]));
    if (extents[i] == 0 && sizes[i] != 0)
      return shape_error(
          c, "an axis without elements cannot become one of " + std::to_string(sizes[i]));
    plans.push_back(
        {extents[i], sizes[i], extents[i] == 0 ? 1 : double(sizes[i]) / double(extents[i])});
  }
  if (aspect == Aspect::stretch || plans.empty()) return plans;
  double scale = plans[0].scale;
  for (const AxisPlan& p : plans)
    scale = aspect == Aspect::not_larger ? std::min(scale, p.scale) : std::max(scale, p.scale);
  for (AxisPlan& p : plans) {
    const double out = std::floor(scale * double(p.in) + 0.5);
    if (!(out < 0x1p56)) return value_error(c, "the output is too large");
    p.scale = scale;
    p.out = int64_t(out);
  }
  return plans;
}

Status check_count(const Infer& c, std::string_view what, size_t count, size_t axes) {
  if (count == axes) return ok();
  return shape_error(c, std::to_string(count) + " " + std::string(what) + " for " +
                            std::to_string(axes) + " axes");
}

Result<Types> infer(const Infer& c) {
  const Options o = TRY(options(c));
  for (size_t i = 1; i < 4; ++i) TRY(expect_list(c, i));
  int ways = c.given("scales"), sure = ways;
  for (size_t i : {2, 3}) {
    ways += has_elements(c, i);
    sure += has_elements(c, i) && c.shape(i).is_fixed();
  }
  if (ways == 0 || sure > 1) return attribute_error(c, "needs scales or sizes, and not both");
  const auto rank = rank_of(c, 0);
  if (!rank) return Types{Type(c.dtype(0), Shape::unranked())};
  const Integers axes = TRY(resized_axes(c, *rank));
  for (size_t i : {2, 3})
    if (auto n = list_length(c, i); has_elements(c, i) && n)
      TRY(check_count(c, i == 2 ? "scales" : "sizes", size_t(*n), axes.size()));
  std::vector<Dim> dims = c.shape(0).dims;
  if (c.given("scales")) {
    TRY(check_count(c, "scales", c.reals("scales").size(), axes.size()));
    for (size_t i = 0; i < axes.size(); ++i) {
      Dim& d = dims[size_t(axes[i])];
      d = TRY(scaled(c, d, c.reals("scales")[i]));
    }
    return fixed_type(c.dtype(0), std::move(dims));
  }
  const Known* sizes = c.known(3);
  if (has_elements(c, 3) && sizes && o.aspect == Aspect::stretch) {
    TRY(no_negative(c, *sizes));
    for (size_t i = 0; i < axes.size(); ++i) dims[size_t(axes[i])] = (*sizes)[i];
    return fixed_type(c.dtype(0), std::move(dims));
  }
  std::vector<int64_t> extents;
  for (int64_t axis : axes)
    if (auto n = dims[size_t(axis)].constant()) extents.push_back(*n);
  const auto wanted = c.integers(3);
  const bool fixed = has_elements(c, 3) && wanted && extents.size() == axes.size();
  if (fixed) {
    const auto plans = TRY(plan_sizes(c, extents, *wanted, o.aspect));
    for (size_t i = 0; i < axes.size(); ++i) dims[size_t(axes[i])] = plans[i].out;
    return fixed_type(c.dtype(0), std::move(dims));
  }
  for (int64_t axis : axes) dims[size_t(axis)] = Dim::unknown();
  return fixed_type(c.dtype(0), std::move(dims));
}

// Where position x of the output lies in the input.
double position(Place place, const AxisPlan& p, int64_t x) {
  const double in = double(p.in), width = p.scale * in, at = double(x);
  switch (place) {
    case Place::align_corners: return width == 1 ? 0 : at * (in - 1) / (width - 1);
    case Place::asymmetric: return at / p.scale;
    case Place::tf_half_pixel: return (at + 0.5) / p.scale;
    case Place::crop:
      return p.start * (in - 1) + (width == 1 ? (p.end - p.start) * (in - 1) / 2
                                              : at * (p.end - p.start) * (in - 1) / (width - 1));
    case Place::pytorch_half_pixel: return width == 1 ? -0.5 : (at + 0.5) / p.scale - 0.5;
    case Place::half_pixel_symmetric:
      return in / 2 * (1 - double(p.out) / width) + (at + 0.5) / p.scale - 0.5;
    case Place::half_pixel: break;
  }
  return (at + 0.5) / p.scale - 0.5;
}

double cubic(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

using Tap = ResizeTap;
using Taps = ResizeTaps;

struct Filter {
  Options o;
  double a;  // of the cubic
  bool antialias, exclude_outside;

  // Elements from floor(x) + first on, `count` of them; scale < 1 widens the filter.
  Taps taps(const AxisPlan& p, int64_t x) const {
    const double at = position(o.place, p, x), last = double(p.in - 1);
    if (o.place == Place::crop && !(at >= 0 && at <= last)) return {};
    // Integral positions count as the end of the interval before.
    const double base = std::ceil(at) - 1, ratio = at - base;
    auto clamped = [&](double i) { return int64_t(std::clamp(i, 0.0, last)); };
    if (o.mode == Mode::nearest) return {{clamped(base + (up(ratio, p.scale) ? 1 : 0)), 1}};
    const double stretch = antialias ? std::min(p.scale, 1.0) : 1;
    const double reach = o.mode == Mode::linear ? 1 : 2;
    const auto first = int64_t(std::floor(-reach / stretch) + 1);
    Taps taps;
    double sum = 0;
    for (int64_t i = first; i < 2 - first; ++i) {
      const double distance = (double(i) - ratio) * stretch;
      double weight = o.mode == Mode::linear ? std::clamp(1 - std::abs(distance), 0.0, 1.0)
                                             : cubic(distance, a);
      const double index = base + double(i);
      if (exclude_outside && (index < 0 || index > last)) weight = 0;
      sum += weight;
      taps.push_back({clamped(index), weight});
    }
    if (antialias || exclude_outside)
      for (Tap& tap : taps) tap.weight /= sum;
    return taps;
  }

  bool up(double ratio, double scale) const {
    if (ratio == 1) return true;
    switch (o.nearest) {
      case Nearest::prefer_floor: return ratio > 0.5;
      case Nearest::prefer_ceil: return ratio >= 0.5;
      case Nearest::floor: return false;
      case Nearest::floor_or_ceil: return scale < 1;
      case Nearest::ceil: break;
    }
    return true;
  }
};

// All axes of a call as numbers; axes that stay as they are have scale 1.
Result<std::vector<AxisPlan>> plan_axes(Call& c, const Options& o) {
  const Tensor& x = c.in(0);
  const Integers axes = TRY(resized_axes(c, int64_t(x.rank())));
  std::vector<AxisPlan> plans;
  for (int64_t n : x.shape()) plans.push_back({n, n, 1});
  if (has_elements(c, 3)) {
    std::vector<int64_t> extents;
    for (int64_t axis : axes) extents.push_back(x.shape()[size_t(axis)]);
    const Integers sizes = integers(c.in(3));
    TRY(check_count(c, "sizes", sizes.size(), axes.size()));
    const auto resized = TRY(plan_sizes(c, extents, sizes, o.aspect));
    for (size_t i = 0; i < axes.size(); ++i) plans[size_t(axes[i])] = resized[i];
  } else {
    Reals scales;
    if (c.given("scales"))
      scales = c.reals("scales");
    else
      for (double scale : reals(c.in(2))) scales.push_back(float(scale));
    TRY(check_count(c, "scales", scales.size(), axes.size()));
    for (size_t i = 0; i < axes.size(); ++i) {
      AxisPlan& p = plans[size_t(axes[i])];
      p.scale = scales[i];
      p.out = TRY(scaled(c, p.in, scales[i]));
    }
  }
  if (o.place == Place::crop && has_elements(c, 1)) {
    const std::vector<double> roi = reals(c.in(1));
    if (roi.size() != 2 * axes.size()) TRY(check_count(c, "bounds", roi.size(), 2 * axes.size()));
    for (size_t i = 0; i < axes.size(); ++i) {
      plans[size_t(axes[i])].start = roi[i];
      plans[size_t(axes[i])].end = roi[axes.size() + i];
      if (!std::isfinite(roi[i]) || !std::isfinite(roi[axes.size() + i]))
        return value_error(c, "roi is not finite");
    }
  }
  return plans;
}

// y = nearest elements; any dtype.
void pick(const Tensor& x, const Resampling& r, const Tensor& outside, Tensor& y) {
  const std::vector<int64_t> strides = strides_of(x.shape());
  Odometer at(y.shape(), {});
  int64_t to = 0;
  do {
    int64_t from = 0;
    for (size_t axis = 0; axis < x.rank() && from >= 0; ++axis) {
      const Taps& tap = r.axes[axis].taps[size_t(at.position()[axis])];
      from = tap.empty() ? -1 : from + tap[0].index * strides[axis];
    }
    if (from < 0)
      copy_element(outside, 0, y, to++);
    else
      copy_element(x, from, y, to++);
  } while (at.next());
}

// Weighted sums along one axis after another.
void blend(const Tensor& x, const Resampling& r, Tensor& y) {
  std::vector<double> now = reals(x);
  Extents shape = x.shape();
  for (size_t axis = 0; axis < r.axes.size(); ++axis) {
    const Resampling::Axis& p = r.axes[axis];
    if (!p.changes) continue;
    const auto [outer, n, inner] = split_at(shape, int64_t(axis));
    std::vector<double> next(size_t(outer * p.out * inner), 0.0);
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t k = 0; k < p.out; ++k) {
        double* row = &next[size_t((o * p.out + k) * inner)];
        const Taps& sources = p.taps[size_t(k)];
        if (sources.empty()) std::fill(row, row + inner, r.outside);
        for (const Tap& tap : sources) {
          const double* from = &now[size_t((o * n + tap.index) * inner)];
          for (int64_t i = 0; i < inner; ++i) row[i] += tap.weight * from[i];
        }
      }
    shape[axis] = p.out;
    now = std::move(next);
  }
  // What was outside along a later axis only is so altogether: weights sum up to 1.
  for (size_t i = 0; i < now.size(); ++i) store_real(y, int64_t(i), now[i]);
}

Status reference(Call& c) {
  const Tensor& x = c.in(0);
  const Resampling r = TRY(resampling_of(c));
  if (!r.nearest && (x.dtype() == DType::string || is_complex(x.dtype())))
    return fail(ErrorId::type_mismatch,
                "resize: only mode nearest applies to " + std::string(name(x.dtype())));
  Tensor& y = *TRY(c.out(0, r.shape()));
  if (y.count() == 0) return ok();
  if (r.nearest) {
    Tensor outside = TRY(Tensor::make(x.dtype(), {}));
    if (x.dtype() != DType::string && !is_complex(x.dtype())) store_real(outside, 0, r.outside);
    pick(x, r, outside, y);
  } else {
    blend(x, r, y);
  }
  return ok();
}

Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  const std::string& mode = c.text("mode");
  const int64_t taps = mode == "nearest" ? 0 : mode == "linear" ? 4 : 16;  // of two axes
  cost.macs = element_count(out[0].tensor.shape) * Dim(taps);
  cost.flops = cost.macs * Dim(2);
  return cost;
}

}  // namespace

Extents Resampling::shape() const {
  Extents shape;
  for (const Axis& axis : axes) shape.push_back(axis.out);
  return shape;
}

Result<Resampling> resampling_of(Call& c) {
  const Options o = TRY(options(c));
  const std::vector<AxisPlan> plans = TRY(plan_axes(c, o));
  const Filter filter{o, c.real("cubic_coeff_a"), c.integer("antialias") != 0,
                      c.integer("exclude_outside") != 0};
  Resampling r;
  r.nearest = o.mode == Mode::nearest;
  r.outside = c.real("extrapolation_value");
  int64_t count = 1;
  for (const AxisPlan& p : plans) {
    r.axes.push_back(
        {p.in, p.out, p.in != p.out || p.scale != 1 || p.start != 0 || p.end != 1, {}});
    // Extents that inference has not seen are checked when the output is made.
    count = checked_mul(count, p.out).value_or(std::numeric_limits<int64_t>::max());
  }
  if (count == 0) return r;
  if (c.in(0).count() == 0) return shape_error(c, "the input has no elements");
  if (uint64_t(count) > c.memory_limit.bytes())
    return fail(ErrorId::over_memory, "resize: the output takes too much memory");
  constexpr uint64_t kPosition = 128;  // bytes of the taps of one, about
  for (const AxisPlan& p : plans)
    if (uint64_t(p.out) > c.memory_limit.bytes() / kPosition)
      return fail(ErrorId::over_memory, "resize: the positions of the output take too much memory");
  for (size_t axis = 0; axis < plans.size(); ++axis) {
    // An antialiasing filter is at most as wide as a few inputs for each output.
    if (filter.antialias && plans[axis].scale < 0x1p-30)
      return value_error(c, "a scale of " + std::to_string(plans[axis].scale));
    for (int64_t k = 0; k < plans[axis].out; ++k)
      r.axes[axis].taps.push_back(filter.taps(plans[axis], k));
  }
  return r;
}

const OpDef& resize_op() {
  static const OpDef def{
      .name = "resize",
      .doc =
          "x with the given axes (default all) resampled to floor(extent * scale), scales given "
          "as an attribute or an input, or to the given sizes, by nearest, linear or cubic "
          "(Keys 1981) interpolation. Semantics of ONNX Resize 19.",
      .inputs = {{"x", kAny, 'T'},
                 {"roi", DType::f32 | DType::f64 | DTypes(DType::f16), 0, Port::Presence::optional},
                 {"scales", DType::f32, 0, Port::Presence::optional},
                 {"sizes", DType::i64, 0, Port::Presence::optional}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"antialias", AttrKind::integer, false, int64_t{0}},
                {"axes", AttrKind::integers},
                {"coordinate_transformation_mode", AttrKind::text, false, "half_pixel"},
                {"cubic_coeff_a", AttrKind::real, false, -0.75f},
                {"exclude_outside", AttrKind::integer, false, int64_t{0}},
                {"extrapolation_value", AttrKind::real, false, 0.0f},
                {"keep_aspect_ratio_policy", AttrKind::text, false, "stretch"},
                {"mode", AttrKind::text, false, "nearest", "\"nearest\", \"linear\" or \"cubic\""},
                {"nearest_mode", AttrKind::text, false, "round_prefer_floor",
                 "as in ONNX, or \"floor_or_ceil\": ceil along axes that shrink, else floor"},
                {"scales", AttrKind::reals, false, {}, "in place of the input, when constant"}},
      .infer = infer,
      .cost = cost,
      .reference = reference,
      .examples = {R"(graph resize_nearest(x: f32[1,2,3,4]) -> (y) {
        y = resize(x) <scales=[1.0, 1.0, 2.0, 2.0], nearest_mode="floor",
                       coordinate_transformation_mode="asymmetric">
      })",
                   R"(graph resize_linear(x: f32[1,2,3,4]) -> (y) {
        y = resize(x, _, f32[2]{1.5, 0.5}, _) <mode="linear", axes=[2, 3]>
      })",
                   R"(graph resize_cubic(x: f32[1,1,4,4]) -> (y) {
        y = resize(x, _, _, i64[4]{1, 1, 9, 3}) <mode="cubic", antialias=1>
      })",
                   R"(graph resize_crop(x: f32[1,1,4,4]) -> (y) {
        y = resize(x, f32[4]{0.2, -0.3, 0.9, 1.4}, _, i64[2]{3, 5})
            <mode="linear", axes=[2, 3], coordinate_transformation_mode="tf_crop_and_resize",
             extrapolation_value=10.0>
      })"},
  };
  return def;
}

}  // namespace hone
