// Interpolation at given positions.
#include <algorithm>
#include <array>

#include "ops/movement.h"

namespace hone {
namespace {

enum class Mode : uint8_t { linear, nearest, cubic };
enum class Padding : uint8_t { zeros, border, reflection };

Result<Mode> mode_of(const Infer& c) {
  const std::string& name = c.text("mode");
  if (name == "linear") return Mode::linear;
  if (name == "nearest") return Mode::nearest;
  if (name == "cubic") return Mode::cubic;
  return attribute_error(c, "mode must be linear, nearest or cubic, is \"" + name + "\"");
}
Result<Padding> padding_of(const Infer& c) {
  const std::string& name = c.text("padding_mode");
  if (name == "zeros") return Padding::zeros;
  if (name == "border") return Padding::border;
  if (name == "reflection") return Padding::reflection;
  return attribute_error(c,
                         "padding_mode must be zeros, border or reflection, is \"" + name + "\"");
}

Result<Types> infer(const Infer& c) {
  TRY(mode_of(c));
  TRY(padding_of(c));
  const Shape &x = c.shape(0), &grid = c.shape(1);
  if (!x.ranked && !grid.ranked) return Types{Type(c.dtype(0), Shape::unranked())};
  const size_t rank = x.ranked ? x.rank() : grid.rank();
  if (rank < 3) return shape_error(c, "x has " + std::to_string(rank) + " axes, at least 3 needed");
  TRY(expect_rank(c, 1, rank));
  std::vector<Dim> dims(rank, Dim::unknown());
  if (x.ranked) std::copy_n(x.dims.begin(), 2, dims.begin());
  if (grid.ranked) {
    const auto batch = same_extent(dims[0], grid.dims[0]);
    if (!batch || !same_extent(grid.dims.back(), Dim(int64_t(rank) - 2)))
      return shape_error(c, "grid " + grid.str() + " for x " + x.str());
    dims[0] = *batch;
    std::copy(grid.dims.begin() + 1, grid.dims.end() - 1, dims.begin() + 2);
  }
  return fixed_type(c.dtype(0), std::move(dims));
}

// Mirrored at the bounds until within them.
double reflect(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  if (x >= low && x <= high) return x;
  const double period = 2 * range, within = std::fmod(std::abs(x - low), period);
  return low + (within <= range ? within : period - within);
}

// One axis of the image.
struct Axis {
  int64_t n;
  Padding padding;
  bool corners;

  double low() const { return corners ? 0 : -0.5; }
  double high() const { return corners ? double(n - 1) : double(n) - 0.5; }
  // A position in [-1, 1] in elements, moved within the bounds as the padding asks for.
  double place(double at, Mode mode) const {
    double x = corners ? (at + 1) / 2 * double(n - 1) : ((at + 1) * double(n) - 1) / 2;
    if (mode == Mode::nearest) x = std::nearbyint(x);
    if (x >= low() && x <= high()) return x;
    if (padding == Padding::border) return std::isnan(x) ? 0 : std::clamp(x, 0.0, double(n - 1));
    if (padding == Padding::reflection) return reflect(x, low(), high());
    return x;
  }
  // The element at an integral position; -1: a zero.
  int64_t element(double i) const {
    if (i >= 0 && i < double(n)) return int64_t(i);
    if (padding == Padding::zeros) return -1;
    if (padding == Padding::reflection) i = std::trunc(reflect(i, low(), high()));
    return std::isnan(i) ? 0 : int64_t(std::clamp(i, 0.0, double(n - 1)));
  }
};

struct Tap {
  int64_t index;  // -1: a zero
  double weight;
};

// The elements along one axis that make up a position; at most four.
struct Taps {
  std::array<Tap, 4> taps{};
  size_t count = 0;
};
Taps taps_at(const Axis& axis, double x, Mode mode) {
  constexpr double a = -0.75;
  if (mode == Mode::nearest) return {{{{axis.element(x), 1}}}, 1};
  const double base = std::floor(x), r = x - base;
  if (mode == Mode::linear)
    return {{{{axis.element(base), 1 - r}, {axis.element(base + 1), r}}}, 2};
  auto far = [&](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  auto near = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  return {{{{axis.element(base - 1), far(1 + r)},
            {axis.element(base), near(r)},
            {axis.element(base + 1), near(1 - r)},
            {axis.element(base + 2), far(2 - r)}}},
          4};
}

Status reference(Call& c) {
  const Mode mode = TRY(mode_of(c));
  const Padding padding = TRY(padding_of(c));
  const Tensor &x = c.in(0), &grid = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  if (x.count() == 0) return shape_error(c, "x has no elements");
  const size_t axes = x.rank() - 2;
  if (mode != Mode::nearest && axes > 8)
    return shape_error(c, std::to_string(axes) + " axes to interpolate");
  if (x.dtype() == DType::string || is_complex(x.dtype()))
    if (mode != Mode::nearest)
      return fail(ErrorId::type_mismatch,
                  "grid_sample: only mode nearest applies to " + std::string(name(x.dtype())));
  const std::vector<int64_t> strides = strides_of(x.shape());
  const int64_t batch = x.shape()[0], channels = x.shape()[1];
  const int64_t image = x.count() / batch / channels, points = y.count() / batch / channels;
  std::vector<Taps> taps(axes);
  std::vector<Tap> sources;  // of one position, offsets in the image
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t p = 0; p < points; ++p) {
      Extents counts;
      for (size_t k = 0; k < axes; ++k) {  // the grid's first coordinate runs along the last axis
        const Axis axis{x.shape()[2 + k], padding, c.integer("align_corners") != 0};
        const double at = load_real(grid, (b * points + p) * int64_t(axes) + int64_t(axes - 1 - k));
        taps[k] = taps_at(axis, axis.place(at, mode), mode);
        counts.push_back(int64_t(taps[k].count));
      }
      sources.clear();
      Odometer at(counts, {});
      do {
        Tap source{0, 1};
        for (size_t k = 0; k < axes; ++k) {
          const Tap& tap = taps[k].taps[size_t(at.position()[k])];
          source.weight *= tap.weight;
          source.index =
              tap.index < 0 || source.index < 0 ? -1 : source.index + tap.index * strides[2 + k];
        }
        if (source.index >= 0) sources.push_back(source);
      } while (at.next());
      for (int64_t ch = 0; ch < channels; ++ch) {
        const int64_t from = (b * channels + ch) * image, to = (b * channels + ch) * points + p;
        if (mode == Mode::nearest) {
          if (!sources.empty()) copy_element(x, from + sources[0].index, y, to);
          continue;
        }
        double sum = 0;
        for (const Tap& source : sources) sum += source.weight * load_real(x, from + source.index);
        store_real(y, to, sum);
      }
    }
  return ok();
}

Cost cost(const Infer& c, const Types& out) {
  Cost cost = default_cost(c, out);
  const std::string& mode = c.text("mode");
  int64_t taps = 1;
  const size_t rank = c.shape(0).ranked ? c.shape(0).rank() : 4;
  for (size_t i = 2; i < std::min<size_t>(rank, 10); ++i)
    taps *= mode == "nearest" ? 1 : mode == "linear" ? 2 : 4;
  cost.macs = element_count(out[0].tensor.shape) * Dim(mode == "nearest" ? 0 : taps);
  cost.flops = cost.macs * Dim(2);
  return cost;
}

}  // namespace

const OpDef& grid_sample_op() {
  static const OpDef def{
      .name = "grid_sample",
      .doc =
          "x [n, c, d1 …] at the positions of grid [n, o1 …, axes] (each in [-1, 1], last axis "
          "of x first) as [n, c, o1 …]. Semantics of ONNX GridSample 20 (Jaderberg et al. 2015).",
      .inputs = {{"x", kAny, 'T'}, {"grid", kFloats}},
      .outputs = {{"y", kAny, 'T'}},
      .attrs = {{"align_corners", AttrKind::integer, false, int64_t{0}},
                {"mode", AttrKind::text, false, "linear", "\"linear\", \"nearest\" or \"cubic\""},
                {"padding_mode", AttrKind::text, false, "zeros",
                 "\"zeros\", \"border\" or \"reflection\""}},
      .infer = infer,
      .cost = cost,
      .reference = reference,
      .examples = {R"(graph grid_sample_linear(x: f32[1,2,4,5], g: f32[1,3,2,2]) -> (y) {
        y = grid_sample(x, g)
      })",
                   R"(graph grid_sample_cubic(x: f32[1,2,4,5], g: f32[1,3,2,2]) -> (y) {
        y = grid_sample(x, g) <mode="cubic", padding_mode="reflection", align_corners=1>
      })",
                   R"(graph grid_sample_3d(x: f32[1,1,2,3,4], g: f32[1,2,2,2,3]) -> (y) {
        y = grid_sample(x, g) <mode="nearest", padding_mode="border">
      })"},
  };
  return def;
}

}  // namespace hone
