// Dequantized constants become constants that are stored as integers: an affine encoding.
#include "base/text.h"
#include "passes/pass.h"

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

}  // namespace

const PassDef& encode_pass() {
  static const PassDef def{
      .name = "encode",
      .doc = "stores dequantized constants as integers with scale and zero point",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) {
          Rewriter rewriter = c.rewriter(GraphId{g});
          TRY(each_node(rewriter, [&](NodeId n) -> Status {
            return rewriter.graph()[n].op->name == "dequantize_linear" ? encode(rewriter, n) : ok();
          }));
        }
        return ok();
      },
  };
  return def;
}

}  // namespace hone
