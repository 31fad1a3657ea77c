// Products with constant matrices become `linear` on packed panels, with the bias, residual and
// activation that follow them; those of rows in quantized blocks with block-quantized matrices
// become `block_linear`.
#include <algorithm>

#include "base/checked.h"
#include "ops/block_linear.h"
#include "ops/common.h"
#include "ops/movement.h"
#include "passes/block_panels.h"
#include "passes/byte_choice.h"
#include "passes/epilogue.h"
#include "passes/panels.h"
#include "passes/pass.h"

namespace hone {
namespace {

struct Found {
  ValueId x, weights;
  ValueId bias;             // of gemm
  bool transposed = false;  // W is the transpose of `weights`
  double alpha = 1;         // of the weights
  double beta = 1;          // of the bias
  int64_t depth = 0, columns = 0;
  std::optional<QuantizedBlocks> blocks;  // of x, where the weights are in such blocks too
};

class Lowering {
 public:
  Lowering(PassContext& c, GraphId graph, int64_t width, PackedWeights& weights, ByteChoice& choice)
      : model_(c.model),
        rewriter_(c.rewriter(graph)),
        width_(width),
        weights_(weights),
        choice_(choice),
        blocks_(model_, rewriter_, weights_) {}

  Status run() {
    return each_node(rewriter_, [this](NodeId n) -> Status {
      const auto found = product(n);
      return found ? replace(n, *found) : ok();
    });
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }
  const Shape& shape(ValueId v) { return graph()[v].type.tensor.shape; }
  static Infer attrs(const Node& node) {
    return Infer(*node.op, node.attrs, {}, node.outputs.size());
  }

  std::optional<Found> product(NodeId n) {
    const Node& node = graph()[n];
    const bool gemm = node.op->name == "gemm";
    if (!gemm && node.op->name != "matmul") return std::nullopt;
    Found f;
    f.x = node.inputs[0];
    f.weights = node.inputs[1];
    find_transposed(f);
    if (gemm && !read_gemm(node, f)) return std::nullopt;
    const auto extents = shape(f.weights).fixed();
    if (graph()[f.weights].type.tensor.dtype != DType::f32 || !extents || extents->size() != 2 ||
        !shape(f.x).ranked || shape(f.x).rank() == 0)
      return std::nullopt;
    f.depth = (*extents)[f.transposed ? 1 : 0];
    f.columns = (*extents)[f.transposed ? 0 : 1];
    if (f.depth == 0 || f.columns == 0) return std::nullopt;
    const EpilogueChain chain = chain_of(n, f);
    if (graph()[f.weights].kind != Value::Kind::constant) return std::nullopt;
    if (f.bias.valid() &&
        (!chain.is_per_channel(f.bias) || (f.beta != 1 && !chain.is_constant(f.bias))))
      return std::nullopt;
    find_blocks(f);
    return f;
  }

  void find_blocks(Found& f) {
    const auto blocks = quantized_blocks(graph(), f.x);
    if (!blocks || !f.transposed || f.alpha != 1 ||
        !blocks_.takes(graph()[f.weights].constant, blocks->block) || !faster_in_blocks(f, *blocks))
      return;
    f.blocks = blocks;
    f.x = blocks->real;
  }

  EpilogueChain chain_of(NodeId n, const Found& f) {
    const size_t rank = shape(graph()[n].outputs[0]).rank();
    return EpilogueChain(model_, graph(), n, rank - 1, f.columns);
  }

  static bool permutes(const Node& transpose, const Integers& perm) {
    const auto made = permutation(attrs(transpose), int64_t(perm.size()));
    return made && *made == perm;
  }

  // Weights that are a constant, transposed by a node of its own: shared with an embedding.
  void find_transposed(Found& f) {
    const Value& value = graph()[f.weights];
    if (!value.producer.valid()) return;
    const Node& node = graph()[value.producer];
    if (node.op->name != "transpose" || !permutes(node, {1, 0})) return;
    f.weights = node.inputs[0];
    f.transposed = true;
  }

  static bool read_gemm(const Node& node, Found& f) {
    const Infer c = attrs(node);
    if (c.integer("transa") != 0) return false;
    f.transposed = f.transposed != (c.integer("transb") != 0);
    f.alpha = c.real("alpha");
    f.beta = c.real("beta");
    if (node.inputs.size() > 2 && node.inputs[2].valid() && f.beta != 0) f.bias = node.inputs[2];
    return true;
  }

  // gemm takes two axes; exporters reshape to them and back.
  void look_through_reshapes(Found& f, EpilogueChain& chain) {
    const NodeId producer = graph()[f.x].producer;
    if (!producer.valid() || graph()[producer].op->name != "reshape" || shape(f.x).rank() != 2)
      return;
    const auto user = chain.next();
    if (!user || graph()[*user].op->name != "reshape") return;
    const ValueId x = graph()[producer].inputs[0];
    const Shape &whole = shape(x), &made = shape(graph()[*user].outputs[0]);
    if (!whole.ranked || whole.rank() < 2 || !made.ranked || made.rank() != whole.rank() ||
        !whole.dims.back().is(f.depth) || !made.dims.back().is(f.columns) || !all_known(made) ||
        !std::equal(made.dims.begin(), made.dims.end() - 1, whole.dims.begin()))
      return;
    f.x = x;
    chain.take_reshaped(*user, made.rank() - 1);
  }

  bool faster_in_blocks(const Found& f, const QuantizedBlocks& blocks) {
    using namespace block_linear;
    ByteProduct p{
        .bytes = "block_linear", .reals = "linear", .x = graph()[blocks.real].type.tensor};
    const Encoding& stored = model_.constants[graph()[f.weights].constant.index].type.encoding;
    p.bits = stored.storage == DType::u4 ? 4 : 8;
    p.block = blocks.block;
    p.panels = {panel_count(f.columns, kColumns), f.depth / kUnit, unit_bytes(p.bits)};
    p.real_panels = {panel_count(f.columns, width_), f.depth, width_};
    p.columns = f.columns;
    p.attrs = {{"columns", f.columns}};
    const auto known = element_count(p.x.shape).constant();
    const int64_t elements = known.value_or(0);
    if (known) p.rows = elements / f.depth;
    p.macs = checked_mul(elements, f.columns).value_or(INT64_MAX);
    return choice_.bytes(p);
  }

  // Of x as it is now; what other products of it have made is made once by `merge`.
  Result<std::pair<ValueId, ValueId>> in_blocks(const Found& f) {
    if (f.x == f.blocks->real) return std::pair(f.blocks->bytes, f.blocks->scales);
    const auto key = std::pair(f.x.index, f.blocks->block);
    if (const auto it = quantized_.find(key); it != quantized_.end()) return it->second;
    const auto made = TRY(rewriter_.add(*graph()[graph()[f.blocks->bytes].producer].op, {f.x},
                                        {{"block", f.blocks->block}}, 2));
    return quantized_.emplace(key, std::pair(made[0], made[1])).first->second;
  }

  // The operator on packed weights; an error where these do not fit, or where it was swept.
  Result<ValueId> product_of_panels(const Found& f, ValueId bias, ValueId residual,
                                    Builder::Given given) {
    if (!f.blocks) {
      const ValueId panels = TRY(packed(f));
      return rewriter_.add1("linear", {f.x, panels, bias, residual}, std::move(given));
    }
    const BlockPanels w = TRY(blocks_.pack(graph()[f.weights].constant));
    const auto [bytes, scales] = TRY(in_blocks(f));
    given.emplace_back("bits", w.bits);
    given.emplace_back("block", f.blocks->block);
    given.emplace_back("zero", w.zero);
    return rewriter_.add1("block_linear",
                          {bytes, w.codes, bias, residual, scales, w.scales, w.minimum},
                          std::move(given));
  }

  Status replace(NodeId n, Found f) {
    EpilogueChain chain = chain_of(n, f);
    look_through_reshapes(f, chain);
    chain.bias = f.bias;
    if (chain.nodes.size() == 1) TRY(chain.reshape_before(rewriter_, f.x, f.depth));
    chain.follow();
    ValueId bias = chain.bias;
    if (bias.valid() && chain.is_constant(bias)) {
      std::vector<float> numbers = TRY(chain.per_channel(bias));
      for (float& x : numbers) x *= bias == f.bias ? float(f.beta) : 1.0f;
      bias = rewriter_.constant(Tensor::of({f.columns}, std::move(numbers)),
                                constant_name(bias) + ".bias");
    }
    Builder::Given given{{"columns", f.columns}};
    given.emplace_back("activation", chain.activation);
    given.emplace_back("low", float(chain.low));
    given.emplace_back("high", float(chain.high));
    rewriter_.stands_for(chain.nodes);
    const ValueId old = chain.output();
    const auto made = product_of_panels(f, bias, chain.residual, std::move(given));
    if (!made || !rewriter_.can_replace(old, *made)) return ok();  // it stays
    return rewriter_.replace(old, *made,
                             f.blocks ? "lowered to block_linear" : "lowered to linear");
  }

  const std::string& constant_name(ValueId v) {
    return model_.constants[graph()[v].constant.index].name;
  }

  // Products that share their weights share the panels.
  Result<ValueId> packed(const Found& f) {
    const auto key = std::tuple(graph()[f.weights].constant.index, f.transposed, f.alpha);
    if (const auto it = panels_.find(key); it != panels_.end()) return it->second;
    const ConstantId id = TRY(weights_.dense(graph()[f.weights].constant));
    const int64_t panels = panel_count(f.columns, width_);
    const auto room = TRY(weights_.room(DType::f32, {panels, f.depth, width_}));
    TRY(f.transposed ? pack_columns(id, f, room.floats()) : pack_rows(id, f, room.floats()));
    const ValueId value =
        rewriter_.constant(weights_.keep(room, constant_name(f.weights) + ".panels"));
    panels_.emplace(key, value);
    return value;
  }

  Status pack_rows(ConstantId id, const Found& f, float* out) {
    const auto row_bytes = uint64_t(f.columns) * sizeof(float);
    return weights_.pack(
        id, f.depth, row_bytes, [&](const std::byte* data, int64_t begin, int64_t end) {
          packing::pack_rows({data, f.depth, f.columns, width_, float(f.alpha)}, begin, end, out);
        });
  }

  Status pack_columns(ConstantId id, const Found& f, float* out) {
    const std::vector<float> alpha(size_t(width_), float(f.alpha));
    const auto column_bytes = uint64_t(f.depth) * sizeof(float);
    return weights_.pack(id, panel_count(f.columns, width_), column_bytes * uint64_t(width_),
                         [&](const std::byte* data, int64_t begin, int64_t end) {
                           for (int64_t panel = begin; panel < end; ++panel) {
                             const int64_t first = panel * width_;
                             packing::pack_filters(
                                 {data + uint64_t(first) * column_bytes,
                                  std::min(width_, f.columns - first), f.depth, 1, width_, alpha},
                                 out + first * f.depth);
                           }
                         });
  }

  Model& model_;
  Rewriter rewriter_;
  int64_t width_;
  PackedWeights& weights_;
  ByteChoice& choice_;
  BlockPacking blocks_;
  std::map<std::tuple<uint32_t, bool, double>, ValueId> panels_;
  std::map<std::pair<uint32_t, int64_t>, std::pair<ValueId, ValueId>> quantized_;
};

}  // namespace

const PassDef& lower_linear_pass() {
  static const PassDef def{
      .name = "lower_linear",
      .doc = "products with constant matrices work on packed panels, with what follows them",
      .options = {"prefer", "width"},
      .run = [](PassContext& c) -> Status {
        const int64_t width = TRY(panel_width(c));
        ByteChoice choice = TRY(ByteChoice::make(c));
        PackedWeights weights(c);
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g)
          TRY(Lowering(c, GraphId{g}, width, weights, choice).run());
        return ok();
      },
  };
  return def;
}

}  // namespace hone
