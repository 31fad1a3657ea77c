// The range of numbers that are quantized by it is found where they are made, while they are near:
// dynamic quantization then reads them once.
#include <algorithm>

#include "ops/quantized_products.h"
#include "passes/pass.h"

namespace hone {
namespace {

// The output that is the range of the first one; 0 for none.
size_t range_output(const Node& node) {
  if (node.op->name == "quantized_linear") {
    const size_t zero = quantized::kResultZero;
    return zero < node.inputs.size() && node.inputs[zero].valid() ? 0 : 1;
  }
  return node.op->name == "layer_normalization" ? 3 : 0;
}

class Finding {
 public:
  Finding(PassContext& c, GraphId graph) : rewriter_(c.rewriter(graph)) {}

  Status run() {
    return each_node(rewriter_, [this](NodeId n) -> Status {
      return graph()[n].op->name == "dynamic_quantize_linear" ? visit(n) : ok();
    });
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }

  Status visit(NodeId n) {
    const Node node = graph()[n];
    if (node.inputs.size() > 1) return ok();
    const ValueId range = TRY(range_of(node.inputs[0]));
    if (!range.valid()) return ok();
    rewriter_.stands_for(n);
    const ValueId x = graph()[n].inputs[0];  // another one since
    const auto made = TRY(rewriter_.add(*node.op, {x, range}, {}, node.outputs.size()));
    for (size_t i = 0; i < made.size(); ++i)
      TRY(rewriter_.replace(node.outputs[i], made[i], "the range is known"));
    return ok();
  }

  // Of v, which may have another shape than what makes it.
  Result<ValueId> range_of(ValueId v) {
    NodeId n = graph()[v].producer;
    while (n.valid() && graph()[n].op->name == "reshape")
      n = graph()[graph()[n].inputs[0]].producer;
    const size_t output = n.valid() ? range_output(graph()[n]) : 0;
    if (output == 0) return ValueId{};
    const Node maker = graph()[n];
    if (maker.outputs.size() > output) return maker.outputs[output];
    if (maker.outputs.size() > 1 || graph()[maker.outputs[0]].type.tensor.dtype != DType::f32)
      return ValueId{};
    Builder::Given given;
    for (const NamedAttr& a : maker.attrs) given.emplace_back(a.name, a.value);
    rewriter_.stands_for(n);
    const auto made = TRY(rewriter_.add(*maker.op, maker.inputs, std::move(given), output + 1));
    TRY(rewriter_.replace(maker.outputs[0], made[0], "its range is found with it"));
    return made[output];
  }

  Rewriter rewriter_;
};

}  // namespace

const PassDef& find_ranges_pass() {
  static const PassDef def{
      .name = "find_ranges",
      .doc = "what makes numbers finds the range that they are quantized by",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) TRY(Finding(c, GraphId{g}).run());
        return ok();
      },
  };
  return def;
}

}  // namespace hone
