// Pooling of regions of an image: roi_align, max_roi_pool.
#include <algorithm>

#include "ops/movement.h"

namespace hone {
namespace {

constexpr int64_t kMostBins = int64_t{1} << 20;     // or samples along an axis
constexpr int64_t kMostSamples = int64_t{1} << 30;  // of a region

// [regions, channels, height, width] for regions [n, fields].
Result<Types> pooled_type(const Infer& c, int64_t fields, int64_t height, int64_t width) {
  TRY(expect_rank(c, 0, 4));
  TRY(expect_rank(c, 1, 2));
  if (height < 1 || width < 1 || height > kMostBins || width > kMostBins)
    return attribute_error(
        c, "cannot pool to " + std::to_string(height) + " x " + std::to_string(width));
  const Shape &x = c.shape(0), &rois = c.shape(1);
  if (rois.ranked && !same_extent(rois.dims[1], fields))
    return shape_error(c,
                       "rois has shape " + rois.str() + ", not [n," + std::to_string(fields) + "]");
  return fixed_type(c.dtype(0), {rois.ranked ? rois.dims[0] : Dim::unknown(),
                                 x.ranked ? x.dims[1] : Dim::unknown(), height, width});
}

Status check_batch(const Infer& c, int64_t batch, int64_t batches) {
  if (batch >= 0 && batch < batches) return ok();
  return value_error(
      c, "batch index " + std::to_string(batch) + " for " + std::to_string(batches) + " images");
}

Result<Types> infer_align(const Infer& c) {
  for (std::string_view name : {"avg", "max"})
    if (c.text("mode") == name) {
      const std::string& place = c.text("coordinate_transformation_mode");
      if (place != "half_pixel" && place != "output_half_pixel")
        return attribute_error(c, "coordinate_transformation_mode cannot be \"" + place + "\"");
      if (c.integer("sampling_ratio") < 0)
        return attribute_error(c,
                               "sampling_ratio is " + std::to_string(c.integer("sampling_ratio")));
      TRY(expect_rank(c, 2, 1));
      if (c.shape(1).ranked && c.shape(2).ranked &&
          !same_extent(c.shape(1).dims[0], c.shape(2).dims[0]))
        return shape_error(c, "batch_indices " + c.shape(2).str() + " for " + c.shape(1).str());
      return pooled_type(c, 4, c.integer("output_height"), c.integer("output_width"));
    }
  return attribute_error(c, "mode must be avg or max, is \"" + c.text("mode") + "\"");
}

// The two elements around a position of an axis of extent n and the weight of the second; none
// outside.
struct Between {
  int64_t low = 0, high = 0;
  double weight = 0;
  bool inside = false;
};
Between between(double at, int64_t n) {
  if (!(at >= -1 && at <= double(n))) return {};
  at = std::max(at, 0.0);
  const auto low = int64_t(at);
  if (low >= n - 1) return {n - 1, n - 1, 0, true};
  return {low, low + 1, at - double(low), true};
}

// Sample positions of all bins along one axis: `per_bin` for each.
std::vector<Between> samples(double start, double bin, int64_t bins, int64_t per_bin, int64_t n) {
  std::vector<Between> out;
  for (int64_t b = 0; b < bins; ++b)
    for (int64_t i = 0; i < per_bin; ++i)
      out.push_back(
          between(start + double(b) * bin + (double(i) + 0.5) * bin / double(per_bin), n));
  return out;
}

Status roi_align(Call& c) {
  const Tensor &x = c.in(0), &rois = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  if (x.count() == 0) return shape_error(c, "x has no elements");
  const bool half = c.text("coordinate_transformation_mode") == "half_pixel";
  const bool average = c.text("mode") == "avg";
  const double scale = c.real("spatial_scale"), offset = half ? 0.5 : 0;
  const int64_t regions = y.shape()[0], channels = y.shape()[1], rows = y.shape()[2],
                columns = y.shape()[3], height = x.shape()[2], width = x.shape()[3];
  for (int64_t r = 0; r < regions; ++r) {
    const int64_t batch = load_integer(c.in(2), r);
    TRY(check_batch(c, batch, x.shape()[0]));
    double box[4];
    for (int64_t k = 0; k < 4; ++k) {
      box[k] = load_real(rois, r * 4 + k) * scale - offset;
      if (!std::isfinite(box[k])) return value_error(c, "a region is not finite");
    }
    double w = box[2] - box[0], h = box[3] - box[1];
    if (!half) {
      w = std::max(w, 1.0);
      h = std::max(h, 1.0);
    }
    // As many samples as elements of the image lie in a bin, unless given.
    auto per_bin = [&](double extent, int64_t bins) -> Result<int64_t> {
      const double n = c.integer("sampling_ratio") > 0 ? double(c.integer("sampling_ratio"))
                                                       : std::ceil(extent / double(bins));
      if (n * double(bins) > double(kMostBins))
        return value_error(c, "a region needs " + std::to_string(n) + " samples along an axis");
      return std::max<int64_t>(0, int64_t(n));
    };
    const int64_t per_row = TRY(per_bin(h, rows)), per_column = TRY(per_bin(w, columns));
    if (per_row * rows * per_column * columns > kMostSamples)
      return value_error(c, "a region needs too many samples");
    const auto vertical = samples(box[1], h / double(rows), rows, per_row, height);
    const auto horizontal = samples(box[0], w / double(columns), columns, per_column, width);
    for (int64_t ch = 0; ch < channels; ++ch) {
      const int64_t image = (batch * channels + ch) * height * width;
      auto at = [&](int64_t i, int64_t j) { return load_real(x, image + i * width + j); };
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
          double sum = 0, top = 0;
          bool first = true;
          for (int64_t p = i * per_row; p < (i + 1) * per_row; ++p)
            for (int64_t q = j * per_column; q < (j + 1) * per_column; ++q) {
              const Between &v = vertical[size_t(p)], &u = horizontal[size_t(q)];
              double parts[4] = {};
              if (v.inside && u.inside) {
                parts[0] = (1 - v.weight) * (1 - u.weight) * at(v.low, u.low);
                parts[1] = (1 - v.weight) * u.weight * at(v.low, u.high);
                parts[2] = v.weight * (1 - u.weight) * at(v.high, u.low);
                parts[3] = v.weight * u.weight * at(v.high, u.high);
              }
              sum += parts[0] + parts[1] + parts[2] + parts[3];
              const double largest = *std::max_element(parts, parts + 4);
              top = first ? largest : std::max(top, largest);
              first = false;
            }
          const int64_t count = std::max<int64_t>(1, per_row * per_column);
          store_real(y, ((r * channels + ch) * rows + i) * columns + j,
                     average ? sum / double(count) : top);
        }
    }
  }
  return ok();
}

Result<Types> infer_max_pool(const Infer& c) {
  const Integers& shape = c.list("pooled_shape");
  if (shape.size() != 2)
    return attribute_error(c, "pooled_shape has " + std::to_string(shape.size()) + " elements");
  return pooled_type(c, 5, shape[0], shape[1]);
}

Status max_roi_pool(Call& c) {
  const Tensor &x = c.in(0), &rois = c.in(1);
  Tensor& y = *TRY(c.out(0));
  if (y.count() == 0) return ok();
  if (x.count() == 0) return shape_error(c, "x has no elements");
  const double scale = c.real("spatial_scale");
  const int64_t regions = y.shape()[0], channels = y.shape()[1];
  for (int64_t r = 0; r < regions; ++r) {
    const double number = load_real(rois, r * 5);
    if (!(number >= 0 && number < double(x.shape()[0])))
      return value_error(c, "batch index " + std::to_string(number) + " for " +
                                std::to_string(x.shape()[0]) + " images");
    const auto batch = int64_t(number);
    // For each axis and bin, the elements [first, last) that it covers.
    std::vector<std::pair<int64_t, int64_t>> bins[2];
    for (size_t axis = 0; axis < 2; ++axis) {  // rows, columns; regions hold x first
      const int64_t n = x.shape()[2 + axis], count = y.shape()[2 + axis];
      const double start = std::round(load_real(rois, r * 5 + 2 - int64_t(axis)) * scale);
      const double end = std::round(load_real(rois, r * 5 + 4 - int64_t(axis)) * scale);
      if (!std::isfinite(start) || !std::isfinite(end))
        return value_error(c, "a region is not finite");
      const double size = std::max(end - start + 1, 1.0) / double(count);
      auto within = [&](double at) { return int64_t(std::clamp(at + start, 0.0, double(n))); };
      for (int64_t b = 0; b < count; ++b)
        bins[axis].emplace_back(within(std::floor(double(b) * size)),
                                within(std::ceil(double(b + 1) * size)));
    }
    for (int64_t ch = 0; ch < channels; ++ch) {
      const int64_t image = (batch * channels + ch) * x.shape()[2] * x.shape()[3];
      int64_t to = (r * channels + ch) * y.shape()[2] * y.shape()[3];
      for (const auto& [top, bottom] : bins[0])
        for (const auto& [left, right] : bins[1]) {
          double largest = top < bottom && left < right ? -INFINITY : 0;
          for (int64_t i = top; i < bottom; ++i)
            for (int64_t j = left; j < right; ++j)
              largest = std::max(largest, load_real(x, image + i * x.shape()[3] + j));
          store_real(y, to++, largest);
        }
    }
  }
  return ok();
}

}  // namespace

const OpDef& roi_align_op() {
  static const OpDef def{
      .name = "roi_align",
      .doc =
          "For each region (x1, y1, x2, y2) of image batch_indices[r] of x [n, c, h, w], the "
          "average or maximum of bilinear samples in each of output_height x output_width bins "
          "(He et al. 2017).",
      .inputs = {{"x", kFloats, 'T'}, {"rois", kFloats, 'T'}, {"batch_indices", DType::i64}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"coordinate_transformation_mode", AttrKind::text, false, "half_pixel"},
                {"mode", AttrKind::text, false, "avg", "\"avg\" or \"max\""},
                {"output_height", AttrKind::integer, false, int64_t{1}},
                {"output_width", AttrKind::integer, false, int64_t{1}},
                {"sampling_ratio", AttrKind::integer, false, int64_t{0}},
                {"spatial_scale", AttrKind::real, false, 1.0f}},
      .infer = infer_align,
      .cost = elementwise_cost<32>,
      .reference = roi_align,
      .examples = {R"(graph roi_align_avg(x: f32[2,3,6,6]) -> (y) {
        y = roi_align(x, f32[2,4]{0.0, 0.0, 4.0, 5.0, 1.0, 2.0, 3.5, 4.5}, i64[2]{1, 0})
            <output_height=2, output_width=3, sampling_ratio=2>
      })",
                   R"(graph roi_align_max(x: f32[2,3,6,6]) -> (y) {
        y = roi_align(x, f32[1,4]{0.0, 0.0, 4.0, 5.0}, i64[1]{1}) <mode="max", output_height=2>
      })"},
  };
  return def;
}

const OpDef& max_roi_pool_op() {
  static const OpDef def{
      .name = "max_roi_pool",
      .doc =
          "For each region (batch, x1, y1, x2, y2) of x [n, c, h, w], the maximum in each of "
          "pooled_shape bins (Girshick 2015).",
      .inputs = {{"x", kFloats, 'T'}, {"rois", kFloats, 'T'}},
      .outputs = {{"y", kFloats, 'T'}},
      .attrs = {{"pooled_shape", AttrKind::integers, true},
                {"spatial_scale", AttrKind::real, false, 1.0f}},
      .infer = infer_max_pool,
      .cost = elementwise_cost<4>,
      .reference = max_roi_pool,
      .examples = {R"(graph max_roi_pool_two(x: f32[2,3,6,6]) -> (y) {
        y = max_roi_pool(x, f32[1,5]{1.0, 0.0, 1.0, 4.0, 5.0}) <pooled_shape=[2, 2]>
      })"},
  };
  return def;
}

}  // namespace hone
