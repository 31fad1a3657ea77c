// Constants that are made of others by dequantizing, or by widening 16-bit floats, become constants
// that are stored as these are.
#include <algorithm>

#include "base/text.h"
#include "passes/pass.h"
#include "passes/stored_halves.h"

namespace hone {
namespace {

constexpr DTypes kStorage =
    DType::i8 | DType::u8 | DType::i16 | DType::u16 | DType::i32 | kSubByteInts;

// The constant behind an input, with a name of its own so that an encoding can refer to it.
ConstantId named_constant(Model& model, const Graph& graph, ValueId v) {
  const ConstantId id = graph[v].constant;
  if (!model.constants[id.index].name.empty()) return id;
  Constant copy = model.constants[id.index];
  copy.name = "scale";
  return model.add_constant(std::move(copy));
}

bool is_dense_constant(const Model& model, const Graph& graph, ValueId v) {
  return v.valid() && graph[v].kind == Value::Kind::constant &&
         model.constants[graph[v].constant.index].type.encoding.is_dense();
}

// None where the form is not one that the encoding can say.
std::optional<Encoding> encoding_of(const Model& model, const Graph& graph, const Node& node) {
  const bool zero = node.inputs.size() > 2 && node.inputs[2].valid();
  if (!is_dense_constant(model, graph, node.inputs[0]) ||
      !is_dense_constant(model, graph, node.inputs[1]) ||
      (zero && !is_dense_constant(model, graph, node.inputs[2])))
    return std::nullopt;
  const TensorType& x = graph[node.inputs[0]].type.tensor;
  const TensorType& scale = graph[node.inputs[1]].type.tensor;
  if (!kStorage.has(x.dtype) || !kFloats.has(scale.dtype)) return std::nullopt;
  const Infer c(*node.op, node.attrs, {}, 1, &model);
  Encoding e;
  e.kind = Encoding::Kind::affine;
  e.storage = x.dtype;
  e.has_zero_point = zero;
  if (element_count(scale.shape).is(1)) return e;
  const int64_t rank = int64_t(x.shape.rank());
  int64_t axis = c.integer("axis");
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return std::nullopt;
  e.axis = int32_t(axis);
  e.block = int32_t(c.integer("block_size"));
  if (e.block > 0 ? scale.shape.rank() != x.shape.rank() : scale.shape.rank() != 1)
    return std::nullopt;
  return e;
}

Status encode(Rewriter& rewriter, NodeId n) {
  Model& model = rewriter.model();
  const Node node = rewriter.graph()[n];
  const auto encoding = encoding_of(model, rewriter.graph(), node);
  if (!encoding) return ok();
  const Value& out = rewriter.graph()[node.outputs[0]];
  Constant constant = model.constants[rewriter.graph()[node.inputs[0]].constant.index];
  constant.name = out.name.empty() ? constant.name + ".dequantized" : out.name;
  constant.type = {out.type.tensor.dtype, constant.type.shape, *encoding};
  constant.scale = named_constant(model, rewriter.graph(), node.inputs[1]);
  if (encoding->has_zero_point)
    constant.zero_point = named_constant(model, rewriter.graph(), node.inputs[2]);
  const ValueId value = rewriter.constant(model.add_constant(std::move(constant)));
  if (!rewriter.can_replace(node.outputs[0], value)) return ok();
  return rewriter.replace(node.outputs[0], value, "dequantized constant");
}

bool is_taken(const Graph& graph, ValueId v, std::string_view op, size_t input) {
  return std::ranges::any_of(graph[v].users, [&](NodeId user) {
    const Node& node = graph[user];
    return node.op->name == op && node.inputs.size() > input && node.inputs[input] == v;
  });
}

// A matrix of a product, perhaps transposed, or a table of rows: what others take is better
// computed once.
bool is_worth_its_bits(const Graph& graph, ValueId v) {
  const auto multiplied = [&](ValueId w) {
    return graph[w].type.tensor.shape.rank() == 2 &&
           (is_taken(graph, w, "matmul", 1) || is_taken(graph, w, "gemm", 1));
  };
  return multiplied(v) || is_taken(graph, v, "gather", 0) ||
         std::ranges::any_of(graph[v].users, [&](NodeId user) {
           return graph[user].op->name == "transpose" && multiplied(graph[user].outputs[0]);
         });
}

// cast(constant), or of its transpose, which is then taken of the wide constant.
Status encode_cast(Rewriter& rewriter, NodeId n) {
  Model& model = rewriter.model();
  const Graph& graph = rewriter.graph();
  const Node node = graph[n];
  if (graph[node.outputs[0]].type.tensor.dtype != DType::f32 ||
      !is_worth_its_bits(graph, node.outputs[0]))
    return ok();
  ValueId halves = node.inputs[0];
  const NodeId producer = graph[halves].producer;
  const bool transposed = producer.valid() && graph[producer].op->name == "transpose";
  if (transposed) halves = graph[producer].inputs[0];
  if (graph[halves].kind != Value::Kind::constant) return ok();
  auto constant = stored_wide(model.constants[graph[halves].constant.index]);
  if (!constant) return ok();
  constant->name += ".wide";
  Builder::Given given;
  if (transposed)
    for (const NamedAttr& a : graph[producer].attrs) given.emplace_back(a.name, a.value);
  ValueId wide = rewriter.constant(model.add_constant(*std::move(constant)));
  rewriter.stands_for(n);
  if (transposed) wide = TRY(rewriter.add1("transpose", {wide}, std::move(given)));
  if (!rewriter.can_replace(node.outputs[0], wide)) return ok();
  return rewriter.replace(node.outputs[0], wide, "stored in 16 bits");
}

}  // namespace

const PassDef& encode_pass() {
  static const PassDef def{
      .name = "encode",
      .doc =
          "stores dequantized constants as integers with scale and zero point, and weights that "
          "are "
          "widened in their 16 bits",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) {
          Rewriter rewriter = c.rewriter(GraphId{g});
          TRY(each_node(rewriter, [&](NodeId n) -> Status {
            const std::string_view op = rewriter.graph()[n].op->name;
            if (op == "cast") return encode_cast(rewriter, n);
            return op == "dequantize_linear" ? encode(rewriter, n) : ok();
          }));
        }
        return ok();
      },
  };
  return def;
}

}  // namespace hone
