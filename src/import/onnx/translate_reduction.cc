// Reductions, normalization, running sums and losses of ONNX.
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

using Outputs = Result<std::vector<ValueId>>;

// Before opset 18 (ReduceSum: 13): the axes as an attribute.
template <const char* op>
Outputs old_reduce(NodeContext& c) {
  std::vector<ValueId> inputs{c.input(0)};
  if (c.has("axes")) inputs.push_back(c.builder().integers(TRY(c.integers("axes"))));
  const int64_t keepdims = TRY(c.integer("keepdims", 1));
  return c.emit(op, std::move(inputs), {{"keepdims", keepdims}});
}
constexpr char kL1[] = "reduce_l1", kL2[] = "reduce_l2", kLogSum[] = "reduce_log_sum",
               kLogSumExp[] = "reduce_log_sum_exp", kMax[] = "reduce_max", kMean[] = "reduce_mean",
               kMin[] = "reduce_min", kProd[] = "reduce_prod", kSum[] = "reduce_sum",
               kSumSquare[] = "reduce_sum_square";

// Before opset 13: along all axes from `axis` on together.
template <const char* op>
Outputs old_softmax(NodeContext& c) {
  const int64_t axis = TRY(c.integer("axis", 1));
  const Shape shape = c.input_type(0).tensor.shape;
  if (shape.ranked && (axis == -1 || axis == int64_t(shape.rank()) - 1))
    return c.emit(op, {c.input(0)}, {{"axis", int64_t{-1}}});
  const ValueId rows = TRY(c.emit1("flatten", {c.input(0)}, {{"axis", axis}}));
  const ValueId y = TRY(c.emit1(op, {rows}, {{"axis", int64_t{-1}}}));
  const ValueId whole = TRY(c.emit1("shape", {c.input(0)}));
  return c.emit("reshape", {y, whole});
}
constexpr char kSoftmax[] = "softmax", kLogSoftmax[] = "log_softmax", kHardmax[] = "hardmax";

// Before opset 14: training when there are more outputs (and is_test=0, before opset 7). With
// spatial=0 every position is a channel of its own.
Outputs old_batch_normalization(NodeContext& c) {
  const float epsilon = TRY(c.real("epsilon", 1e-5f)), momentum = TRY(c.real("momentum", 0.9f));
  bool training = false;
  for (size_t i = 1; i < c.output_count(); ++i) training |= !c.node().outputs[i].empty();
  if (c.opset() < 7 && TRY(c.integer("is_test", 0)) != 0) training = false;
  const bool spatial = c.opset() >= 9 || TRY(c.integer("spatial", 1)) != 0;
  std::vector<ValueId> inputs = c.inputs();
  if (!spatial) {
    if (training) return c.unsupported("training with spatial=0");
    inputs[0] = TRY(c.emit1("flatten", {inputs[0]}, {{"axis", int64_t{1}}}));
    for (size_t i = 1; i < inputs.size(); ++i)
      inputs[i] = TRY(c.emit1("reshape", {inputs[i], c.builder().integers({-1})}));
  }
  std::vector<ValueId> outputs = TRY(
      c.emit("batch_normalization", std::move(inputs),
             {{"epsilon", epsilon}, {"momentum", momentum}, {"training_mode", int64_t{training}}},
             training ? 3 : 1));
  if (!spatial) {
    const ValueId whole = TRY(c.emit1("shape", {c.input(0)}));
    outputs[0] = TRY(c.emit1("reshape", {outputs[0], whole}));
  }
  return outputs;
}

// In opset 18 scale and bias are those of groups: each group is a channel of instances.
Outputs old_group_normalization(NodeContext& c) {
  const int64_t groups = TRY(c.integer("num_groups"));
  if (groups <= 0) return fail(ErrorId::bad_attribute, "num_groups must be positive");
  const ValueId x = TRY(c.emit1("reshape", {c.input(0), c.builder().integers({0, groups, -1})}));
  const float epsilon = TRY(c.real("epsilon", 1e-5f));
  const ValueId y =
      TRY(c.emit1("instance_normalization", {x, c.input(1), c.input(2)}, {{"epsilon", epsilon}}));
  const ValueId whole = TRY(c.emit1("shape", {c.input(0)}));
  return c.emit("reshape", {y, whole});
}

constexpr Translation kTable[] = {
    {"", "ArgMax", 1, "arg_max"},
    {"", "ArgMin", 1, "arg_min"},
    {"", "BatchNormalization", 1, "", old_batch_normalization, first_inputs(5)},
    {"", "BatchNormalization", 14, "batch_normalization"},
    {"", "CumProd", 26, "cum_prod"},
    {"", "CumSum", 11, "cum_sum"},
    {"", "GroupNormalization", 18, "", old_group_normalization, first_inputs(3)},
    {"", "GroupNormalization", 21, "group_normalization"},
    {"", "Hardmax", 1, "", old_softmax<kHardmax>, first_inputs(1)},
    {"", "Hardmax", 13, "hardmax"},
    {"", "InstanceNormalization", 1, "instance_normalization"},
    {"", "LRN", 1, "lrn"},
    {"", "LayerNormalization", 17, "layer_normalization"},
    {"", "LogSoftmax", 1, "", old_softmax<kLogSoftmax>, first_inputs(1)},
    {"", "LogSoftmax", 13, "log_softmax"},
    {"", "LpNormalization", 1, "lp_normalization"},
    {"", "MeanVarianceNormalization", 9, "mean_variance_normalization"},
    {"", "NegativeLogLikelihoodLoss", 12, "negative_log_likelihood_loss"},
    {"", "RMSNormalization", 23, "rms_normalization"},
    {"", "ReduceL1", 1, "", old_reduce<kL1>, first_inputs(1)},
    {"", "ReduceL1", 18, "reduce_l1"},
    {"", "ReduceL2", 1, "", old_reduce<kL2>, first_inputs(1)},
    {"", "ReduceL2", 18, "reduce_l2"},
    {"", "ReduceLogSum", 1, "", old_reduce<kLogSum>, first_inputs(1)},
    {"", "ReduceLogSum", 18, "reduce_log_sum"},
    {"", "ReduceLogSumExp", 1, "", old_reduce<kLogSumExp>, first_inputs(1)},
    {"", "ReduceLogSumExp", 18, "reduce_log_sum_exp"},
    {"", "ReduceMax", 1, "", old_reduce<kMax>, first_inputs(1)},
    {"", "ReduceMax", 18, "reduce_max"},
    {"", "ReduceMean", 1, "", old_reduce<kMean>, first_inputs(1)},
    {"", "ReduceMean", 18, "reduce_mean"},
    {"", "ReduceMin", 1, "", old_reduce<kMin>, first_inputs(1)},
    {"", "ReduceMin", 18, "reduce_min"},
    {"", "ReduceProd", 1, "", old_reduce<kProd>, first_inputs(1)},
    {"", "ReduceProd", 18, "reduce_prod"},
    {"", "ReduceSum", 1, "", old_reduce<kSum>, first_inputs(1)},
    {"", "ReduceSum", 13, "reduce_sum"},
    {"", "ReduceSumSquare", 1, "", old_reduce<kSumSquare>, first_inputs(1)},
    {"", "ReduceSumSquare", 18, "reduce_sum_square"},
    {"", "Softmax", 1, "", old_softmax<kSoftmax>, first_inputs(1)},
    {"", "Softmax", 13, "softmax"},
    {"", "SoftmaxCrossEntropyLoss", 12, "softmax_cross_entropy_loss"},
};

}  // namespace

std::span<const Translation> reduction_translations() { return kTable; }

}  // namespace hone::onnx
