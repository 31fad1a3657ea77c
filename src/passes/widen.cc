// Makes f32 of 16-bit floats where they are computed with: a machine without arithmetic for them
// converts weights once, and activations where they come in and go out. Matrices of products stay
// stored in 16 bits. Results are at least as exact: what lies between is not rounded to 16 bits.
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "passes/panels.h"
#include "passes/pass.h"
#include "passes/stored_halves.h"

namespace hone {
namespace {

bool is_half(const Type& type) {
  return type.wrappers.empty() &&
         (type.tensor.dtype == DType::f16 || type.tensor.dtype == DType::bf16);
}

class Widening {
 public:
  Widening(PassContext& c, GraphId graph, const Allowance& memory)
      : model_(c.model), rewriter_(c.rewriter(graph)), memory_(memory) {}

  Status run() {
    return each_node(rewriter_, [this](NodeId n) { return visit(n); });
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }

  // What depends on the dtype itself, rather than on the numbers, stays, and caches, which are kept
  // in few bytes on purpose.
  static bool stays(const OpDef& op) {
    constexpr std::string_view kTyped[] = {"cast",
                                           "cast_like",
                                           "bit_cast",
                                           "quantize_linear",
                                           "dequantize_linear",
                                           "dynamic_quantize_linear",
                                           "paged_append",
                                           "paged_attention",
                                           "qlinear_matmul"};
    return op.is(Trait::control) || op.is(Trait::random) ||
           std::ranges::find(kTyped, op.name) != std::end(kTyped);
  }

  // What only moves elements does so as well with 16 bits, where nothing is computed before it:
  // rows of a table are better converted than the table.
  static bool moves(const OpDef& op) {
    constexpr std::string_view kMovers[] = {"concat",    "expand",   "gather", "gather_elements",
                                            "gather_nd", "pad",      "slice",  "split",
                                            "tile",      "transpose"};
    return op.is(Trait::view) || std::ranges::find(kMovers, op.name) != std::end(kMovers);
  }

  Status visit(NodeId n) {
    const Node node = graph()[n];
    if (stays(*node.op)) return ok();
    if (moves(*node.op) && std::ranges::none_of(node.inputs, [&](ValueId v) {
          return v.valid() && narrowed(v).valid();
        }))
      return ok();
    bool some = false;
    for (const ValueId v : node.inputs) some |= v.valid() && is_half(graph()[v].type);
    if (!some) return ok();
    for (const ValueId v : node.outputs)
      if (!graph()[v].type.wrappers.empty()) return ok();  // of sequences and the like
    rewriter_.stands_for(n);
    std::vector<ValueId> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      inputs.push_back(!v.valid() || !is_half(graph()[v].type) ? v
                       : is_matrix(*node.op, i)                ? TRY(wide_matrix(v))
                                                               : TRY(wide(v)));
    }
    Builder::Given given;
    for (const NamedAttr& a : node.attrs) given.emplace_back(a.name, a.value);
    const auto made =
        rewriter_.add(*node.op, std::move(inputs), std::move(given), node.outputs.size());
    if (!made) return ok();  // not for f32; what has been added is swept
    for (size_t i = 0; i < made->size(); ++i) {
      const DType dtype = graph()[node.outputs[i]].type.tensor.dtype;
      ValueId narrow = (*made)[i];
      if (graph()[narrow].type.tensor.dtype != dtype)
        narrow = TRY(rewriter_.add1("cast", {narrow}, {{"to", dtype}}));
      if (!rewriter_.can_replace(node.outputs[i], narrow)) continue;
      TRY(rewriter_.replace(node.outputs[i], narrow, "computed in f32"));
    }
    return ok();
  }

  // The f32 value that a half is the conversion of; invalid where it is none.
  ValueId narrowed(ValueId v) {
    const NodeId producer = graph()[v].producer;
    if (!is_half(graph()[v].type) || !producer.valid() || graph()[producer].op->name != "cast")
      return {};
    const ValueId source = graph()[producer].inputs[0];
    return graph()[source].type.tensor.dtype == DType::f32 ? source : ValueId{};
  }

  // As f32: what it is the conversion of, or a conversion, one for all users.
  Result<ValueId> wide(ValueId v) {
    if (const ValueId source = narrowed(v); source.valid()) return source;
    if (const auto it = wide_.find(v.index); it != wide_.end()) return it->second;
    ValueId made = graph()[v].kind == Value::Kind::constant ? TRY(widened(v)) : ValueId{};
    if (!made.valid()) made = TRY(rewriter_.add1("cast", {v}, {{"to", DType::f32}}));
    wide_.emplace(v.index, made);
    return made;
  }

  static bool is_matrix(const OpDef& op, size_t input) {
    return input == 1 && (op.name == "matmul" || op.name == "gemm");
  }

  // A constant matrix, or the transpose of one, stays stored as it is.
  Result<ValueId> wide_matrix(ValueId v) {
    const NodeId producer = graph()[v].producer;
    const bool transposed = producer.valid() && graph()[producer].op->name == "transpose";
    const ValueId matrix = transposed ? graph()[producer].inputs[0] : v;
    const ValueId stored =
        graph()[matrix].type.tensor.shape.rank() == 2 ? stored_wide_of(matrix) : ValueId{};
    if (!stored.valid()) return wide(v);
    if (!transposed) return stored;
    Builder::Given given;
    for (const NamedAttr& a : graph()[producer].attrs) given.emplace_back(a.name, a.value);
    return rewriter_.add1("transpose", {stored}, std::move(given));
  }

  // Invalid where it is no constant.
  ValueId stored_wide_of(ValueId v) {
    if (graph()[v].kind != Value::Kind::constant) return {};
    const ConstantId id = graph()[v].constant;
    if (const auto it = stored_.find(id.index); it != stored_.end()) return it->second;
    auto constant = stored_wide(model_.constants[id.index]);
    if (!constant) return {};
    constant->name += ".wide";
    const ValueId made = rewriter_.constant(model_.add_constant(*std::move(constant)));
    return stored_.emplace(id.index, made).first->second;
  }

  // A constant converted now; invalid where it does not fit, and is converted when it is used.
  Result<ValueId> widened(ValueId v) {
    const ConstantId id = graph()[v].constant;
    if (!model_.constants[id.index].type.encoding.is_dense()) return ValueId{};
    const Tensor half = TRY(model_.read(id));
    auto wide = Tensor::make(DType::f32, half.shape(), memory_);
    if (!wide) return ValueId{};
    const bool brain = half.dtype() == DType::bf16;
    const std::byte* from = half.data();
    for (float& x : wide->as<float>()) {
      uint16_t bits;
      std::memcpy(&bits, from, sizeof bits);
      from += sizeof bits;
      x = brain ? bf16_to_f32(bits) : f16_to_f32(bits);
    }
    model_.release(id);
    const std::string name = model_.constants[id.index].name + ".wide";
    return rewriter_.constant(*std::move(wide), name);
  }

  Model& model_;
  Rewriter rewriter_;
  const Allowance& memory_;             // of all converted constants
  std::map<uint32_t, ValueId> wide_;    // by value
  std::map<uint32_t, ValueId> stored_;  // by constant
};

}  // namespace

const PassDef& widen_pass() {
  static const PassDef def{
      .name = "widen",
      .doc = "16-bit floats are computed with as f32",
      .run = [](PassContext& c) -> Status {
        const Allowance memory = std::make_shared<MemoryBudget>(packing_bytes(c));
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g)
          TRY(Widening(c, GraphId{g}, memory).run());
        return ok();
      },
  };
  return def;
}

}  // namespace hone
