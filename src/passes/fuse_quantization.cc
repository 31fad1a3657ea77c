// Rows are quantized where they are made: norms, gated units and attention in front of products
// with block-quantized weights give bytes, and no pass over memory lies between.
#include "passes/pass.h"

namespace hone {
namespace {

class Fusion {
 public:
  explicit Fusion(Rewriter& rewriter) : rewriter_(rewriter) {}

  Status run() {
    return each_node(rewriter_, [this](NodeId n) { return visit(n); });
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }
  static Infer attrs(const Node& node) {
    return Infer(*node.op, node.attrs, {}, node.outputs.size());
  }

  Status visit(NodeId n) {
    const Node node = graph()[n];
    if (node.op->name != "quantize_blocks" || node.outputs.size() != 2) return ok();
    const ValueId x = node.inputs[0];
    const NodeId made = graph()[x].producer;
    if (!made.valid()) return ok();
    const Node producer = graph()[made];
    const int64_t block = attrs(node).integer("block");
    const bool alone = graph()[x].users.size() == 1 && !graph().is_output(x);
    if (producer.op->name == "paged_attention" && producer.outputs.size() == 1)
      return attention(made, producer, node, block);
    if (!alone) return ok();
    if (producer.op->name == "rms_normalization") return norm(made, producer, node, block);
    if (producer.op->name == "swiglu" && attrs(producer).real("alpha") == 1)
      return replace(made, node, "quantized_swiglu", producer.inputs, {{"block", block}});
    return ok();
  }

  Status norm(NodeId made, const Node& producer, const Node& quantize, int64_t block) {
    const Shape &x = graph()[producer.inputs[0]].type.tensor.shape,
                &scale = graph()[producer.inputs[1]].type.tensor.shape;
    const Infer c = attrs(producer);
    const int64_t axis = c.integer("axis");
    if (!x.ranked || !scale.ranked || scale.rank() != 1 ||
        (axis != -1 && axis != int64_t(x.rank()) - 1))
      return ok();
    return replace(made, quantize, "quantized_rms_normalization", producer.inputs,
                   {{"block", block}, {"epsilon", float(c.real("epsilon"))}});
  }

  Status replace(NodeId made, const Node& quantize, std::string_view op,
                 std::vector<ValueId> inputs, Builder::Given given) {
    rewriter_.stands_for(std::vector<NodeId>{made});
    const auto out = rewriter_.emit(op, std::move(inputs), std::move(given), 2);
    if (!out) return ok();  // for other dtypes
    for (size_t i = 0; i < 2; ++i)
      TRY(rewriter_.replace(quantize.outputs[i], (*out)[i], "quantized where it is made"));
    return ok();
  }

  Status attention(NodeId made, const Node& producer, const Node& quantize, int64_t block) {
    Builder::Given given;
    for (const NamedAttr& a : producer.attrs) given.emplace_back(a.name, a.value);
    given.emplace_back("quantized_block", block);
    rewriter_.stands_for(std::vector<NodeId>{made});
    const auto out = TRY(rewriter_.emit(*producer.op, producer.inputs, std::move(given), 3));
    TRY(rewriter_.replace(producer.outputs[0], out[0], "quantized where it is made"));
    for (size_t i = 0; i < 2; ++i)
      TRY(rewriter_.replace(quantize.outputs[i], out[i + 1], "quantized where it is made"));
    return ok();
  }

  Rewriter& rewriter_;
};

}  // namespace

const PassDef& fuse_quantization_pass() {
  static const PassDef def{
      .name = "fuse_quantization",
      .doc = "norms, gated units and attention quantize the rows that they make",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) {
          Rewriter rewriter = c.rewriter(GraphId{g});
          TRY(Fusion(rewriter).run());
        }
        return ok();
      },
  };
  return def;
}

}  // namespace hone
