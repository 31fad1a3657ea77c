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
#include "passes/stored_halves.h"

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
      if (is_replaced(n)) return ok();
      if (graph()[n].op->name == "gather") return gather(n);
      const auto found = product(n);
      if (!found) return ok();
      const std::vector<Part> parts = parts_beside(n, *found);
      const bool is_part = std::ranges::any_of(
          parts, [&](const Part& part) { return part.chain.nodes.front() == n; });
      return parts.size() > 1 && is_part ? replace_parts(parts) : replace(n, *found);
    });
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }
  const Shape& shape(ValueId v) { return graph()[v].type.tensor.shape; }
  static Infer attrs(const Node& node) {
    return Infer(*node.op, node.attrs, {}, node.outputs.size());
  }

  // Rows of a table that is stored as 16-bit floats are made wide, not the table. They are those of
  // the panels that the output has, where there are such.
  Status gather_halves(NodeId n) {
    const Node node = graph()[n];
    rewriter_.stands_for(n);
    const auto shared =
        attrs(node).integer("axis") == 0 ? product_of_rows(node.inputs[0]) : std::nullopt;
    ValueId rows;
    if (shared) {
      const ValueId panels = TRY(packed(*shared));
      rows = TRY(rewriter_.add1("linear_gather", {node.inputs[1], panels},
                                {{"columns", shared->columns}}));
    } else {
      Builder::Given given;
      for (const NamedAttr& a : node.attrs) given.emplace_back(a.name, a.value);
      const ValueId table = halves_of(graph()[node.inputs[0]].constant);
      rows = TRY(rewriter_.add1("gather", {table, node.inputs[1]}, std::move(given)));
    }
    const ValueId wide = TRY(rewriter_.add1("cast", {rows}, {{"to", DType::f32}}));
    if (!rewriter_.can_replace(node.outputs[0], wide)) return ok();
    return rewriter_.replace(node.outputs[0], wide, "rows are made wide");
  }

  // A constant in the 16-bit floats in which it is stored; invalid where it is not.
  ValueId halves_of(ConstantId id) {
    if (const auto it = halves_.find(id.index); it != halves_.end()) return it->second;
    auto halves = stored_dense(model_.constants[id.index]);
    if (!halves) return {};
    const ValueId value = rewriter_.constant(model_.add_constant(*std::move(halves)));
    return halves_.emplace(id.index, value).first->second;
  }

  std::optional<DType> stored_halves(ConstantId id) {
    return model_.constants[id.index].type.encoding.halves();
  }

  // Rows of weights in blocks, as an embedding takes them: of the panels that the output has.
  Status gather(NodeId n) {
    const Node node = graph()[n];
    const Value table = graph()[node.inputs[0]];
    if (table.kind == Value::Kind::constant && stored_halves(table.constant))
      return gather_halves(n);
    if (table.kind != Value::Kind::constant || !blocks_.splits(table.constant) ||
        attrs(node).integer("axis") != 0)
      return ok();
    const BlockPanels w = TRY(is_multiplied(node.inputs[0]) ? blocks_.pack(table.constant)
                                                            : blocks_.pack_exact(table.constant));
    const Extents shape = *table.type.tensor.shape.fixed();
    Builder::Given given{{"columns", shape[0]}, {"depth", shape[1]}};
    w.describe(given);
    rewriter_.stands_for(n);
    const auto made = rewriter_.add1(
        "block_gather", {node.inputs[1], w.codes, w.scales, w.minimum, w.fine}, std::move(given));
    if (!made || !rewriter_.can_replace(node.outputs[0], *made)) return ok();
    return rewriter_.replace(node.outputs[0], *made, "lowered to block_gather");
  }

  // Does a product of rows in blocks take these weights, transposed?
  bool is_multiplied(ValueId weights) {
    return found_behind(weights, [](const Found& f) { return f.blocks.has_value(); }).has_value();
  }

  // The product whose packed columns are the rows of these weights.
  std::optional<Found> product_of_rows(ValueId weights) {
    return found_behind(weights, [&](const Found& f) {
      return !f.blocks && f.transposed && f.alpha == 1 && f.weights == weights;
    });
  }

  // A product that takes these weights, transposed by a node of their own.
  template <class Wanted>
  std::optional<Found> found_behind(ValueId weights, Wanted wanted) {
    for (const NodeId user : graph()[weights].users) {
      if (graph()[user].op->name != "transpose") continue;
      for (const NodeId next : graph()[graph()[user].outputs[0]].users)
        if (const auto f = product(next); f && wanted(*f)) return f;
    }
    return std::nullopt;
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

  // Has another product taken this one with it?
  bool is_replaced(NodeId n) {
    return std::ranges::none_of(graph()[n].outputs, [this](ValueId v) {
      return !graph()[v].users.empty() || graph().is_output(v);
    });
  }

  // One of several products of the same rows.
  struct Part {
    Found found;
    EpilogueChain chain;
  };

  // All products of these rows whose weights can lie side by side: read in one go, whichever
  // threads there are.
  std::vector<Part> parts_beside(NodeId n, const Found& first) {
    if (!first.blocks || !blocks_.splits(graph()[first.weights].constant)) return {};
    std::vector<Part> parts;
    std::vector<NodeId> users = graph()[graph()[n].inputs[0]].users;
    std::ranges::sort(users);
    for (const NodeId user : users) {
      const auto f = product(user);
      if (!f || !f->blocks || f->columns % block_linear::kColumns != 0 ||
          blocks_.is_packed(graph()[f->weights].constant) || !is_like(*f, first))
        continue;
      Part part{*f, chain_of(user, *f)};
      part.chain.follow();
      if (part.chain.residual.valid() || part.chain.activation != "none" ||
          (part.chain.bias.valid() && !part.chain.is_constant(part.chain.bias)))
        continue;
      parts.push_back(std::move(part));
    }
    return parts;
  }

  bool is_like(const Found& a, const Found& b) {
    const auto format = [&](const Found& f) {
      return model_.constants[graph()[f.weights].constant.index].type.encoding;
    };
    return a.depth == b.depth && a.blocks->bytes == b.blocks->bytes && format(a) == format(b);
  }

  Status replace_parts(const std::vector<Part>& parts) {
    std::vector<ConstantId> weights;
    std::vector<NodeId> replaced;
    std::vector<float> bias;
    Integers columns;
    int64_t all = 0;
    bool biased = false;
    for (const Part& part : parts) {
      weights.push_back(graph()[part.found.weights].constant);
      replaced.insert(replaced.end(), part.chain.nodes.begin(), part.chain.nodes.end());
      columns.push_back(part.found.columns);
      all += part.found.columns;
      std::vector<float> own(size_t(part.found.columns), 0.0f);
      if (part.chain.bias.valid()) own = TRY(part.chain.per_channel(part.chain.bias));
      biased |= part.chain.bias.valid();
      bias.insert(bias.end(), own.begin(), own.end());
    }
    const BlockPanels w = TRY(blocks_.pack_joined(weights));
    const Found& first = parts[0].found;
    const auto [bytes, scales] = TRY(in_blocks(first));
    Builder::Given given{{"columns", all}, {"parts", columns}};
    w.describe(given);
    if (w.block != first.blocks->block) given.emplace_back("row_block", first.blocks->block);
    ValueId added;
    if (biased)
      added = rewriter_.constant(Tensor::of({all}, std::move(bias)),
                                 constant_name(first.weights) + ".bias");
    rewriter_.stands_for(replaced);
    const auto made =
        TRY(rewriter_.add(*rewriter_.catalogue().find("block_linear"),
                          {bytes, w.codes, added, {}, scales, w.scales, w.minimum, w.fine},
                          std::move(given), parts.size()));
    for (size_t i = 0; i < parts.size(); ++i)
      TRY(rewriter_.replace(parts[i].chain.output(), made[i], "lowered to block_linear"));
    return ok();
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
    // In real numbers they would take several times the memory, so nobody is asked.
    if (blocks_.splits(graph()[f.weights].constant)) return true;
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
    w.describe(given);
    if (w.block != f.blocks->block) given.emplace_back("row_block", f.blocks->block);
    return rewriter_.add1("block_linear",
                          {bytes, w.codes, bias, residual, scales, w.scales, w.minimum, w.fine},
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
    const ConstantId stored = graph()[f.weights].constant;
    // 16-bit floats stay what they are; those that are scaled may not fit.
    const auto halves = f.alpha == 1 ? stored_halves(stored) : std::nullopt;
    const int64_t panels = panel_count(f.columns, width_);
    const auto room = TRY(weights_.room(halves.value_or(DType::f32), {panels, f.depth, width_}));
    if (halves) {
      TRY(pack_halves(stored, f, room.halves()));
    } else {
      const ConstantId id = TRY(weights_.dense(stored));
      TRY(f.transposed ? pack_columns(id, f, room.floats()) : pack_rows(id, f, room.floats()));
    }
    const ValueId value =
        rewriter_.constant(weights_.keep(room, constant_name(f.weights) + ".panels"));
    panels_.emplace(key, value);
    return value;
  }

  Status pack_halves(ConstantId id, const Found& f, uint16_t* out) {
    const uint64_t rows = uint64_t(f.columns) * sizeof *out,
                   columns = uint64_t(f.depth) * sizeof *out;
    const auto matrix = [&](const std::byte* data) {
      return packing::HalfMatrix{data, f.depth, f.columns, width_};
    };
    if (!f.transposed)
      return weights_.pack(id, f.depth, rows,
                           [&](const std::byte* data, int64_t begin, int64_t end) {
                             packing::pack_half_rows(matrix(data), begin, end, out);
                           });
    return weights_.pack(id, panel_count(f.columns, width_), columns * uint64_t(width_),
                         [&](const std::byte* data, int64_t begin, int64_t end) {
                           packing::pack_half_columns(matrix(data), begin, end, out);
                         });
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
  std::map<uint32_t, ValueId> halves_;
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
