// Where operators move numbers that were made of bytes, the bytes move instead, and numbers are
// made of them behind: of the rows of a table that are taken, for one. Bytes that become numbers
// and the same bytes again stay as they are.
#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <map>

#include "ops/common.h"
#include "passes/pass.h"
#include "passes/quantized_values.h"

namespace hone {
namespace {

constexpr std::string_view kMovers[] = {
    "depth_to_space", "expand",   "flatten", "gather",    "gather_elements", "gather_nd",
    "identity",       "max_pool", "pad",     "reshape",   "slice",           "space_to_depth",
    "split",          "squeeze",  "tile",    "transpose", "unsqueeze",       "concat"};
constexpr std::string_view kTakers[] = {"add", "conv", "gemm", "matmul", "quantize_linear"};

bool is_one_of(std::span<const std::string_view> names, const Node& node) {
  return std::ranges::find(names, node.op->name) != names.end();
}

class Moving {
 public:
  Moving(PassContext& c, GraphId graph) : model_(c.model), rewriter_(c.rewriter(graph)) {}

  Status run() {
    return each_node(rewriter_, [this](NodeId n) { return visit(n); });
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }
  const Shape& shape(ValueId v) { return graph()[v].type.tensor.shape; }

  Status visit(NodeId n) {
    const Node node = graph()[n];
    if (node.op->name == "quantize_linear") return cancel(n);
    if (!is_one_of(kMovers, node) || node.inputs.empty()) return ok();
    if (node.op->name == "gather" && graph()[node.inputs[0]].kind == Value::Kind::constant)
      return take_rows(n);
    return move(n);
  }

  // --- bytes, numbers, the same bytes ------------------------------------------------------------

  Status cancel(NodeId n) {
    const ValueId y = graph()[n].outputs[0];
    const auto made = requantized(model_, graph(), n);
    const auto from = made ? dequantized(model_, graph(), graph()[n].inputs[0]) : std::nullopt;
    // So that a number, divided by the scale that it was multiplied with, rounds to itself.
    constexpr float kMost = FLT_MAX / 512;
    if (!from || !equal(*from, *made) || !(made->scale >= FLT_MIN && made->scale <= kMost) ||
        !rewriter_.can_replace(y, from->bytes))
      return ok();
    return rewriter_.replace(y, from->bytes, "the bytes that the numbers were made of");
  }
  bool equal(const ByteScale& a, const ByteScale& b) {
    if (a.dtype != b.dtype || std::bit_cast<uint32_t>(a.scale) != std::bit_cast<uint32_t>(b.scale))
      return false;
    if (a.zero == b.zero) return true;
    const auto x = zero_of(a), y = zero_of(b);
    return x && x == y;
  }
  // None where it is not known.
  std::optional<int64_t> zero_of(const ByteScale& s) {
    if (!s.zero.valid()) return 0;
    const Value& value = graph()[s.zero];
    if (value.kind != Value::Kind::constant ||
        !model_.constants[value.constant.index].type.encoding.is_dense())
      return std::nullopt;
    const auto t = model_.read(value.constant);
    if (!t) return std::nullopt;
    return load_integer(*t, 0);
  }

  // --- operators that move elements --------------------------------------------------------------

  Status move(NodeId n) {
    const Node node = graph()[n];
    const auto from = dequantized(model_, graph(), node.inputs[0]);
    if (!from || !is_worthwhile(node)) return ok();
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = from->bytes;
    if (node.op->name == "concat") {
      for (size_t i = 1; i < inputs.size(); ++i) {
        const auto other = dequantized(model_, graph(), inputs[i]);
        if (!other || !equal(*from, *other)) return ok();
        inputs[i] = other->bytes;
      }
    }
    if (node.op->name == "max_pool" && !takes_the_largest(node, *from)) return ok();
    if (node.op->name == "pad" && !TRY(fills(node, *from, inputs))) return ok();
    rewriter_.stands_for(n);
    const auto moved =
        TRY(rewriter_.add(*node.op, std::move(inputs), given_of(node), node.outputs.size()));
    const ValueId scale = graph()[graph()[node.inputs[0]].producer].inputs[1];
    for (size_t i = 0; i < moved.size(); ++i) {
      const ValueId y = TRY(rewriter_.add1("dequantize_linear", {moved[i], scale, from->zero}));
      if (!rewriter_.can_replace(node.outputs[i], y)) continue;
      TRY(rewriter_.replace(node.outputs[i], y, "bytes move"));
    }
    return ok();
  }
  static Builder::Given given_of(const Node& node) {
    Builder::Given given;
    for (const NamedAttr& a : node.attrs) given.emplace_back(a.name, a.value);
    return given;
  }

  // Not where numbers would be made of bytes twice, or of more of them, unless nobody needs them.
  bool is_worthwhile(const Node& node) {
    const bool grows = node.op->name == "expand" || node.op->name == "tile";
    const bool alone = std::ranges::all_of(node.inputs, [&](ValueId v) {
      return !v.valid() || !dequantized(model_, graph(), v) ||
             (graph()[v].users.size() == 1 && !graph().is_output(v));
    });
    if (alone && !grows) return true;
    return std::ranges::all_of(node.outputs, [&](ValueId y) {
      return !graph().is_output(y) && std::ranges::all_of(graph()[y].users, [&](NodeId user) {
        return is_one_of(kTakers, graph()[user]) || is_one_of(kMovers, graph()[user]);
      });
    });
  }

  // Do bytes stand for numbers in the same order, and zero for +0?
  static bool is_plain(float scale) { return scale > 0 && std::isfinite(scale); }

  // The largest number is that of the largest byte; each window has some.
  bool takes_the_largest(const Node& node, const ByteScale& from) {
    const Infer c(*node.op, node.attrs, {}, 1);
    if (!is_plain(from.scale) || node.outputs.size() != 1) return false;
    // A window of padding alone has none.
    const Shape& shape = graph()[node.inputs[0]].type.tensor.shape;
    if (!shape.ranked ||
        std::ranges::any_of(shape.dims, [](const Dim& d) { return d.constant().value_or(1) < 1; }))
      return false;
    if (c.given("dilations") &&
        std::ranges::any_of(c.list("dilations"), [](auto d) { return d != 1; }))
      return false;
    if (!c.given("pads")) return true;
    const Integers &pads = c.list("pads"), &kernel = c.list("kernel_shape");
    for (size_t i = 0; i < pads.size() && !kernel.empty(); ++i)
      if (pads[i] >= kernel[i % kernel.size()]) return false;
    return true;
  }

  // With zeros: their byte becomes the third input.
  Result<bool> fills(const Node& node, const ByteScale& from, std::vector<ValueId>& inputs) {
    if (Infer(*node.op, node.attrs, {}, 1).text("mode") != "constant") return true;
    const auto zero = zero_of(from);
    const bool is_given = inputs.size() > 2 && inputs[2].valid();
    if (!zero || !is_plain(from.scale)) return false;
    if (is_given) {
      const Value& value = graph()[inputs[2]];
      if (value.kind != Value::Kind::constant || !value.type.tensor.encoding.is_dense())
        return false;
      const double fill = load_real(TRY(model_.read(value.constant)), 0);
      if (fill != 0 || std::signbit(fill)) return false;
    }
    inputs.resize(std::max<size_t>(3, inputs.size()));
    inputs[2] = TRY(rewriter_.scalar(from.dtype, double(*zero)));
    return true;
  }

  // --- rows of a table of bytes ------------------------------------------------------------------

  Status take_rows(NodeId n) {
    const Node node = graph()[n];
    const ConstantId table = graph()[node.inputs[0]].constant;
    const Constant constant = model_.constants[table.index];
    const Encoding& e = constant.type.encoding;
    const Shape indices = shape(node.inputs[1]), out = shape(node.outputs[0]);
    if (e.kind != Encoding::Kind::affine || e.block != 0 || constant.type.dtype != DType::f32 ||
        (e.storage != DType::u8 && e.storage != DType::i8) || !indices.ranked ||
        model_.constants[constant.scale.index].type.dtype != DType::f32)
      return ok();
    const auto rank = int64_t(constant.type.shape.rank());
    int64_t axis = Infer(*node.op, node.attrs, {}, 1).integer("axis");
    if (axis < 0) axis += rank;
    Parts p{bytes_of(table), rewriter_.constant(constant.scale), {}};
    if (e.has_zero_point) p.zero = rewriter_.constant(constant.zero_point);
    rewriter_.stands_for(n);
    const ValueId y = e.axis == axis ? TRY(rows_with_scales(node, p, axis, out))
                                     : TRY(rows(node, p, axis, e.axis, int64_t(indices.rank())));
    if (!y.valid() || !rewriter_.can_replace(node.outputs[0], y)) return ok();
    return rewriter_.replace(node.outputs[0], y, "rows are taken before they are dequantized");
  }

  struct Parts {
    ValueId bytes, scale, zero;
  };

  // The same bytes, as bytes.
  ValueId bytes_of(ConstantId table) {
    if (const auto it = tables_.find(table.index); it != tables_.end()) return it->second;
    Constant bytes = model_.constants[table.index];
    bytes.name += ".bytes";
    bytes.type = {bytes.type.encoding.storage, bytes.type.shape, {}};
    bytes.scale = bytes.zero_point = {};
    const ValueId v = rewriter_.constant(model_.add_constant(std::move(bytes)));
    tables_.emplace(table.index, v);
    return v;
  }

  // Scales of the whole table, or along another axis.
  Result<ValueId> rows(const Node& node, const Parts& p, int64_t axis, int64_t scaled,
                       int64_t indices) {
    const ValueId bytes =
        TRY(rewriter_.add1("gather", {p.bytes, node.inputs[1]}, {{"axis", axis}}));
    Builder::Given given;
    if (scaled >= 0) given.emplace_back("axis", scaled < axis ? scaled : scaled + indices - 1);
    return rewriter_.add1("dequantize_linear", {bytes, p.scale, p.zero}, std::move(given));
  }

  // A scale for each row: they are taken as well.
  Result<ValueId> rows_with_scales(const Node& node, const Parts& p, int64_t axis,
                                   const Shape& out) {
    Integers extents;
    for (const Dim& d : out.dims) extents.push_back(d.constant().value_or(-1));
    if (std::ranges::count(extents, -1) > 1 || std::ranges::count(extents, 0) > 0) return ValueId{};
    const ValueId flat = TRY(rewriter_.add1("reshape", {node.inputs[1], rewriter_.integers({-1})}));
    const auto taken = [&](ValueId from, int64_t along) -> Result<ValueId> {
      if (!from.valid()) return from;
      return rewriter_.add1("gather", {from, flat}, {{"axis", along}});
    };
    const ValueId bytes = TRY(taken(p.bytes, axis)), scale = TRY(taken(p.scale, 0)),
                  zero = TRY(taken(p.zero, 0));
    const ValueId y =
        TRY(rewriter_.add1("dequantize_linear", {bytes, scale, zero}, {{"axis", axis}}));
    return rewriter_.add1("reshape", {y, rewriter_.integers(extents)});
  }

  Model& model_;
  Rewriter rewriter_;
  std::map<uint32_t, ValueId> tables_;  // by constant: their bytes
};

}  // namespace

const PassDef& move_bytes_pass() {
  static const PassDef def{
      .name = "move_bytes",
      .doc =
          "what moves numbers made of bytes moves the bytes; rows of tables of bytes are taken "
          "before they are dequantized",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) TRY(Moving(c, GraphId{g}).run());
        return ok();
      },
  };
  return def;
}

}  // namespace hone
