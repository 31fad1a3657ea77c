// Selection of boxes that overlap little.
#include <algorithm>

#include "ops/movement.h"

namespace hone {
namespace {

Result<Types> infer(const Infer& c) {
  TRY(expect_rank(c, 0, 3));
  TRY(expect_rank(c, 1, 3));
  const Shape &boxes = c.shape(0), &scores = c.shape(1);
  if (boxes.ranked && !same_extent(boxes.dims[2], 4))
    return shape_error(c, "boxes has shape " + boxes.str() + ", not [batch,boxes,4]");
  if (boxes.ranked && scores.ranked &&
      (!same_extent(boxes.dims[0], scores.dims[0]) || !same_extent(boxes.dims[1], scores.dims[2])))
    return shape_error(c, "scores " + scores.str() + " for boxes " + boxes.str());
  for (size_t i = 2; i < 5; ++i)
    if (c.has(i))
      if (const Dim count = element_count(c.shape(i)); count.is_constant() && !count.is(1))
        return shape_error(c, "input " + std::to_string(i) + " has " + count.str() + " elements");
  const int64_t center = c.integer("center_point_box");
  if (center != 0 && center != 1)
    return attribute_error(c, "center_point_box is " + std::to_string(center));
  return fixed_type(DType::i64, {Dim::unknown(), 3});
}

struct Box {
  double top, left, bottom, right;
  double area() const { return (bottom - top) * (right - left); }
};

Box box_at(const Tensor& boxes, int64_t index, bool center) {
  double v[4];
  for (int64_t k = 0; k < 4; ++k) v[k] = load_real(boxes, index * 4 + k);
  if (center) return {v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
  return {std::min(v[0], v[2]), std::min(v[1], v[3]), std::max(v[0], v[2]), std::max(v[1], v[3])};
}

// Intersection over union; 0 for empty boxes.
double overlap(const Box& a, const Box& b) {
  const double h = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const double w = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (!(h > 0 && w > 0) || !(a.area() > 0 && b.area() > 0)) return 0;
  return h * w / (a.area() + b.area() - h * w);
}

Status reference(Call& c) {
  const Tensor &boxes = c.in(0), &scores = c.in(1);
  const int64_t most = c.has(2) ? load_integer(c.in(2), 0) : 0;
  const double largest = c.has(3) ? load_real(c.in(3), 0) : 0;
  if (!(largest >= 0 && largest <= 1))
    return value_error(c, "iou_threshold is " + std::to_string(largest));
  const double least = c.has(4) ? load_real(c.in(4), 0) : -INFINITY;
  const bool center = c.integer("center_point_box") != 0;
  std::vector<int64_t> found;
  if (scores.count() > 0 && most > 0) {
    const int64_t batches = scores.shape()[0], classes = scores.shape()[1], n = scores.shape()[2];
    for (int64_t b = 0; b < batches; ++b) {
      std::vector<Box> all;
      for (int64_t i = 0; i < n; ++i) all.push_back(box_at(boxes, b * n + i, center));
      for (int64_t k = 0; k < classes; ++k) {
        std::vector<std::pair<double, int64_t>> order;
        for (int64_t i = 0; i < n; ++i) {
          const double score = load_real(scores, (b * classes + k) * n + i);
          if (c.has(4) ? score > least : !std::isnan(score)) order.emplace_back(-score, i);
        }
        std::sort(order.begin(), order.end());
        std::vector<int64_t> kept;
        for (const auto& [score, i] : order) {
          if (int64_t(kept.size()) == most) break;
          const bool apart = std::none_of(kept.begin(), kept.end(), [&](int64_t other) {
            return overlap(all[size_t(i)], all[size_t(other)]) > largest;
          });
          if (!apart) continue;
          kept.push_back(i);
          found.insert(found.end(), {b, k, i});
        }
      }
    }
  }
  Tensor& y = *TRY(c.out(0, {int64_t(found.size() / 3), 3}));
  std::copy(found.begin(), found.end(), y.as<int64_t>().begin());
  return ok();
}

}  // namespace

const OpDef& non_max_suppression_op() {
  static const OpDef def{
      .name = "non_max_suppression",
      .doc =
          "For each batch and class, boxes [batch, boxes, 4] with a score [batch, classes, boxes] "
          "above the threshold, best first, that overlap (intersection over union) none chosen "
          "before by more than iou_threshold: triples (batch, class, box) as i64[n, 3]. Boxes "
          "are (y1, x1, y2, x2), or (x, y, w, h) around the centre.",
      .inputs = {{"boxes", kFloats, 'T'},
                 {"scores", kFloats, 'T'},
                 {"max_output_boxes_per_class", DType::i64, 0, Port::Presence::optional},
                 {"iou_threshold", kFloats, 0, Port::Presence::optional},
                 {"score_threshold", kFloats, 0, Port::Presence::optional}},
      .outputs = {{"selected_indices", DType::i64}},
      .attrs = {{"center_point_box", AttrKind::integer, false, int64_t{0}}},
      .infer = infer,
      .reference = reference,
      .examples = {R"(graph nms(s: f32[1,2,3]) -> (y) {
        y = non_max_suppression(f32[1,3,4]{0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, 10, 1, 11}, s,
                                i64[1]{2}, f32[1]{0.5})
      })"},
  };
  return def;
}

}  // namespace hone
