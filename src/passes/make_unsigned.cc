// Signed bytes between quantized operators become unsigned ones, 128 above: what kernels multiply.
#include <algorithm>
#include <map>

#include "ops/quantized_products.h"
#include "passes/pass.h"

namespace hone {
namespace {

// Inputs that are bytes, each with its zero point, and the zero point of the result.
struct Slots {
  std::vector<std::pair<size_t, size_t>> bytes;
  size_t result = SIZE_MAX;
  bool moves = false;  // the first input, or the largest of it: no zero points
};
bool moves(std::string_view op) {
  constexpr std::string_view kMovers[] = {"channels_last_max_pool",
                                          "depth_to_space",
                                          "expand",
                                          "flatten",
                                          "gather",
                                          "max_pool",
                                          "reshape",
                                          "slice",
                                          "space_to_depth",
                                          "squeeze",
                                          "tile",
                                          "transpose",
                                          "unsqueeze"};
  return std::ranges::find(kMovers, op) != std::end(kMovers);
}
Slots slots_of(std::string_view op) {
  if (moves(op)) return {{{0, SIZE_MAX}}, SIZE_MAX, true};
  if (op == "quantized_linear" || op == "quantized_conv" || op == "quantized_depthwise_conv")
    return {{{0, quantized::kZero}}, quantized::kResultZero};
  if (op == "quantized_add") return {{{0, 2}, {1, 3}}, 4};
  if (op == "dequantize_linear") return {{{0, 2}}, SIZE_MAX};
  if (op == "quantize_linear") return {{}, 2};
  return {};
}

class Turning {
 public:
  Turning(PassContext& c, GraphId graph) : model_(c.model), rewriter_(c.rewriter(graph)) {}

  Status run() {
    return each_node(rewriter_, [this](NodeId n) { return visit(n); });
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }
  static ValueId input(const Node& node, size_t i) {
    return i < node.inputs.size() ? node.inputs[i] : ValueId{};
  }

  Status visit(NodeId n) {
    const Node node = graph()[n];
    const Slots slots = slots_of(node.op->name);
    if (node.outputs.size() != 1) return ok();
    std::vector<ValueId> inputs = node.inputs;
    bool changed = false;
    for (const auto& [at, zero] : slots.bytes) {
      const auto turned = turned_.find(inputs[at].index);
      if (turned == turned_.end()) continue;
      changed = true;
      if (slots.moves) {
        inputs[at] = turned->second;
        continue;
      }
      inputs.resize(std::max(inputs.size(), zero + 1));
      inputs[at] = turned->second;
      inputs[zero] = TRY(turned_zero(inputs[zero]));
    }
    const bool turns = turns_result(node, slots);
    if (turns) inputs[slots.result] = TRY(turned_zero(inputs[slots.result]));
    if (!changed && !turns) return ok();
    rewriter_.stands_for(n);
    Builder::Given given;
    for (const NamedAttr& a : node.attrs)
      if (!turns || a.name != "output_dtype") given.emplace_back(a.name, a.value);
    const ValueId made = TRY(rewriter_.add1(node.op->name, std::move(inputs), std::move(given)));
    if (turns || slots.moves) {
      turned_.emplace(node.outputs[0].index, made);
      return ok();
    }
    return rewriter_.replace(node.outputs[0], made, "works on unsigned bytes");
  }

  // Is the result seen by nobody but operators that can do with unsigned bytes?
  bool turns_result(const Node& node, const Slots& slots) {
    const ValueId y = node.outputs[0];
    if (graph()[y].type.tensor.dtype != DType::i8 || graph()[y].users.empty() ||
        !is_constant(input(node, slots.result)))
      return false;
    return can_turn(y, 0);
  }
  bool can_turn(ValueId y, int depth) {
    constexpr int kDeepest = 16;  // operators that move, one after the other
    if (depth > kDeepest || graph().is_output(y)) return false;
    return std::ranges::all_of(graph()[y].users, [&](NodeId user) {
      const Node& node = graph()[user];
      const Slots slots = slots_of(node.op->name);
      if (slots.moves)
        return node.outputs.size() == 1 && std::ranges::count(node.inputs, y) == 1 &&
               node.inputs[0] == y && can_turn(node.outputs[0], depth + 1);
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] != y) continue;
        const auto slot = std::ranges::find(slots.bytes, i, &std::pair<size_t, size_t>::first);
        if (slot == slots.bytes.end()) return false;
        const ValueId zero = input(node, slot->second);
        if (zero.valid() && !is_constant(zero)) return false;
      }
      // Other scales and zero points than one for all stay with the bytes that they were made for.
      return node.op->name != "dequantize_linear" ||
             element_count(graph()[node.inputs[1]].type.tensor.shape).is(1);
    });
  }
  // One element, dense.
  bool is_constant(ValueId v) {
    return v.valid() && graph()[v].kind == Value::Kind::constant &&
           graph()[v].type.tensor.encoding.is_dense() &&
           element_count(graph()[v].type.tensor.shape).is(1);
  }

  Result<ValueId> turned_zero(ValueId zero) {
    int64_t value = 0;
    if (zero.valid()) value = load_integer(TRY(model_.read(graph()[zero].constant)), 0);
    return rewriter_.scalar(DType::u8, double(value + 128));
  }

  Model& model_;
  Rewriter rewriter_;
  std::map<uint32_t, ValueId> turned_;  // by value: the unsigned bytes
};

}  // namespace

const PassDef& make_unsigned_pass() {
  static const PassDef def{
      .name = "make_unsigned",
      .doc = "signed bytes between quantized operators become unsigned ones",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) TRY(Turning(c, GraphId{g}).run());
        return ok();
      },
  };
  return def;
}

}  // namespace hone
