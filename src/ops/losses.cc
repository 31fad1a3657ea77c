// Losses of classification: negative log likelihood, and softmax with cross entropy.
#include <algorithm>

#include "ops/common.h"

namespace hone {
namespace {

const std::vector<AttrDef> kAttrs{
    {"ignore_index", AttrKind::integer, false, {}, "a label whose samples do not count"},
    {"reduction", AttrKind::text, false, "mean", "\"none\", \"sum\" or \"mean\""}};

// [N, C, d…] and [N, d…] to the type of the loss.
Result<Type> infer_loss(const Infer& c) {
  const std::string& reduction = c.text("reduction");
  if (reduction != "none" && reduction != "sum" && reduction != "mean")
    return attribute_error(c, "reduction must be \"none\", \"sum\" or \"mean\"");
  const Shape &scores = c.shape(0), &labels = c.shape(1);
  Shape loss = labels;
  if (scores.ranked) {
    if (scores.rank() < 2)
      return shape_error(c, "needs axes for batch and classes, got " + scores.str());
    TRY(expect_rank(c, 1, scores.rank() - 1));
    Shape wanted = scores;
    wanted.dims.erase(wanted.dims.begin() + 1);
    const auto both = meet(Type(c.dtype(0), wanted), Type(c.dtype(0), labels));
    if (!both)
      return shape_error(c, "labels of shape " + labels.str() + " for scores of " + scores.str());
    loss = both->tensor.shape;
    if (c.has(2)) TRY(expect_vector(c, 2, scores.dims[1]));
  }
  return Type(c.dtype(0), reduction == "none" ? loss : Shape{});
}

// The loss from log(probability) of [N, C, area].
template <class F>
Status reduce_loss(Call& c, F log_probability) {
  const Tensor &scores = c.in(0), &labels = c.in(1);
  Tensor& loss = *TRY(c.out(0));
  const auto [batch, classes, area] = split_at(scores.shape(), 1);
  const std::string& reduction = c.text("reduction");
  double total = 0, weights = 0;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < area; ++i) {
      const int64_t label = load_integer(labels, b * area + i);
      double weight = 0, value = 0;
      if (!c.given("ignore_index") || label != c.integer("ignore_index")) {
        if (label < 0 || label >= classes)
          return value_error(c, "label " + std::to_string(label) + " is not one of " +
                                    std::to_string(classes) + " classes");
        weight = c.has(2) ? load_real(c.in(2), label) : 1;
        value = -log_probability((b * classes + label) * area + i) * weight;
      }
      if (reduction == "none") store_real(loss, b * area + i, value);
      total += value;
      weights += weight;
    }
  if (reduction != "none") store_real(loss, 0, reduction == "mean" ? total / weights : total);
  return ok();
}

Status reference_entropy(Call& c) {
  const Tensor& scores = c.in(0);
  const auto [batch, classes, area] = split_at(scores.shape(), 1);
  std::vector<double> logs = reals(scores);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < area; ++i) {
      const int64_t base = b * classes * area + i;
      double top = -INFINITY, sum = 0;
      for (int64_t k = 0; k < classes; ++k) top = std::max(top, logs[size_t(base + k * area)]);
      for (int64_t k = 0; k < classes; ++k) sum += std::exp(logs[size_t(base + k * area)] - top);
      for (int64_t k = 0; k < classes; ++k) logs[size_t(base + k * area)] -= top + std::log(sum);
    }
  if (c.outputs() > 1) {
    Tensor& y = *TRY(c.out(1));
    for (int64_t i = 0; i < y.count(); ++i) store_real(y, i, logs[size_t(i)]);
  }
  return reduce_loss(c, [&](int64_t i) { return logs[size_t(i)]; });
}

}  // namespace

const OpDef& negative_log_likelihood_loss_op() {
  static const OpDef def{
      .name = "negative_log_likelihood_loss",
      .doc =
          "x [N, C, d…] of log probabilities, target [N, d…] of classes: -x at the target times "
          "the weight of its class [C]; none, summed, or divided by the sum of the weights.",
      .inputs = {{"x", kFloats, 'T'},
                 {"target", kIndices},
                 {"weight", kFloats, 'T', Port::Presence::optional}},
      .outputs = {{"loss", kFloats, 'T'}},
      .attrs = kAttrs,
      .infer = [](const Infer& c) -> Result<Types> { return Types{TRY(infer_loss(c))}; },
      .cost = elementwise_cost<2>,
      .reference =
          [](Call& c) {
            const Tensor& x = c.in(0);
            return reduce_loss(c, [&](int64_t i) { return load_real(x, i); });
          },
      .examples = {R"(graph likelihood(x: f32[2,3], w: f32[3]) -> (y) {
        y = negative_log_likelihood_loss(x, i64[2]{0, 2}, w)
      })",
                   R"(graph likelihood_each(x: f32[1,3,2]) -> (y) {
        y = negative_log_likelihood_loss(x, i64[1,2]{1, -1}) <ignore_index=-1, reduction="none">
      })"},
  };
  return def;
}

const OpDef& softmax_cross_entropy_loss_op() {
  static const OpDef def{
      .name = "softmax_cross_entropy_loss",
      .doc = "negative_log_likelihood_loss of log_softmax(scores) along axis 1, and the latter.",
      .inputs = {{"scores", kFloats, 'T'},
                 {"labels", kIndices},
                 {"weights", kFloats, 'T', Port::Presence::optional}},
      .outputs = {{"loss", kFloats, 'T'},
                  {"log_probability", kFloats, 'T', Port::Presence::optional}},
      .attrs = kAttrs,
      .infer = [](const Infer& c) -> Result<Types> {
        return Types{TRY(infer_loss(c)), Type(c.dtype(0), c.shape(0))};
      },
      .cost =
          [](const Infer& c, const Types& out) {
            Cost cost = default_cost(c, out);
            cost.flops = Dim(5) * element_count(c.shape(0));
            return cost;
          },
      .reference = reference_entropy,
      .examples = {R"(graph entropy(x: f32[2,3], w: f32[3]) -> (y, p) {
        y, p = softmax_cross_entropy_loss(x, i64[2]{0, 2}, w)
      })"},
  };
  return def;
}

}  // namespace hone
