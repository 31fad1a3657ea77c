// Convolutions with constant weights work on tensors whose channels are the last axis, with the
// normalization, bias, residual and activation that follow them. The transposes around them are
// what `spread_channels_last` moves on and cancels.
#include <algorithm>
#include <atomic>
#include <set>

#include "base/checked.h"
#include "ops/window.h"
#include "passes/channels_last.h"
#include "passes/epilogue.h"
#include "passes/known_normalization.h"
#include "passes/panels.h"
#include "passes/pass.h"
#include "passes/winograd_choice.h"

namespace hone {
namespace {

struct Found {
  Extents weights;  // [M, C / G, kernel...]
  int64_t group = 1;
  int64_t filters() const { return weights[0]; }
  int64_t depth() const { return weights[1]; }  // channels of a group
  int64_t positions() const {
    int64_t n = 1;
    for (size_t i = 2; i < weights.size(); ++i) n *= weights[i];
    return n;
  }
  bool depthwise() const { return depth() == 1 && group == filters() && group > 1; }
};

class Lowering {
 public:
  Lowering(PassContext& c, GraphId graph, int64_t width, PackedWeights& weights,
           WinogradChoice& choice)
      : model_(c.model),
        rewriter_(c.rewriter(graph)),
        width_(width),
        weights_(weights),
        choice_(choice) {}

  Status run() {
    winograd_ = choice_.choose(winograd_cases(TRY(rewriter_.graph().order())));
    return each_node(rewriter_, [this](NodeId n) -> Status {
      if (graph()[n].op->name != "conv") return ok();
      const auto found = convolution(n);
      return found ? replace(n, *found) : ok();
    });
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }
  const TensorType& tensor(ValueId v) { return graph()[v].type.tensor; }

  std::optional<Found> convolution(NodeId n) {
    const Node& node = graph()[n];
    const Shape &x = tensor(node.inputs[0]).shape, &y = tensor(node.outputs[0]).shape;
    const auto weights = tensor(node.inputs[1]).shape.fixed();
    if (!x.ranked || x.rank() < 3 || x.rank() > 5 || !y.ranked || !weights ||
        tensor(node.inputs[1]).dtype != DType::f32)
      return std::nullopt;
    Found f;
    f.weights = *weights;
    f.group = Infer(*node.op, node.attrs, {}, 1).integer("group");
    const EpilogueChain chain(model_, graph(), n, 1, f.filters());
    if (!is_constant(node.inputs[1]) || f.filters() == 0 || f.depth() == 0 || f.positions() == 0 ||
        f.positions() > kMostPositions)
      return std::nullopt;
    if (node.inputs.size() > 2 && node.inputs[2].valid() && !is_constant(node.inputs[2]))
      return std::nullopt;
    // Panels of narrow groups are mostly zeros.
    const int64_t columns = f.filters() / f.group;
    if (!f.depthwise() && f.group > 1 && panel_count(columns, width_) * width_ > 4 * columns)
      return std::nullopt;
    return f;
  }

  bool is_constant(ValueId v) { return graph()[v].kind == Value::Kind::constant; }

  std::vector<WinogradCase> winograd_cases(const std::vector<NodeId>& order) {
    std::vector<WinogradCase> cases;
    for (NodeId n : order) {
      if (graph()[n].op->name != "conv") continue;
      const auto found = convolution(n);
      if (!found) continue;
      if (auto winograd = winograd_case(n, *found)) cases.push_back(std::move(*winograd));
    }
    return cases;
  }

  // None where Winograd's way does not fit, or is far from paying.
  std::optional<WinogradCase> winograd_case(NodeId n, const Found& f) {
    constexpr int64_t kFewChannels = 16, kFewResults = 16;
    if (f.weights.size() != 4 || f.weights[2] != 3 || f.weights[3] != 3 || f.group != 1 ||
        f.depth() < kFewChannels || f.filters() < kFewChannels)
      return std::nullopt;
    const auto windows = windows_of(graph()[n]);
    if (!windows) return std::nullopt;
    for (const Window& w : *windows)
      if (w.stride != 1 || w.dilation != 1 || !w.in.is_constant() || !w.out.is_constant())
        return std::nullopt;
    const Window &down = (*windows)[0], &across = (*windows)[1];
    const int64_t images = tensor(graph()[n].inputs[0]).shape.dims[0].constant().value_or(1);
    const auto results = checked_mul(*down.out.constant(), *across.out.constant());
    if (!results || *results < kFewResults || !checked_mul(*results, images)) return std::nullopt;
    return WinogradCase{n,
                        images,
                        *down.in.constant(),
                        *across.in.constant(),
                        f.depth(),
                        f.filters(),
                        {down.before, across.before, down.after, across.after}};
  }

  std::optional<Windows> windows_of(const Node& node) {
    std::vector<Type> types;
    std::vector<Infer::Input> inputs;
    for (ValueId v : node.inputs) types.push_back(v.valid() ? graph()[v].type : Type());
    for (size_t i = 0; i < types.size(); ++i)
      inputs.push_back(node.inputs[i].valid() ? Infer::Input{&types[i], nullptr} : Infer::Input{});
    auto made = make_convolution(Infer(*node.op, node.attrs, inputs, 1), 0, 1, 2);
    return made ? std::optional(std::move(made->windows)) : std::nullopt;
  }

  // What filters are multiplied with, and what is added to their results.
  struct Scaling {
    std::vector<float> factors, bias;
  };

  // Normalization by known statistics right behind a convolution is one with other weights.
  Status take_normalization(EpilogueChain& chain, Scaling& s) {
    const auto user = chain.next();
    if (!user) return ok();
    const auto known =
        TRY(known_normalization(model_, graph(), graph()[*user], int64_t(s.factors.size())));
    if (!known) return ok();
    for (size_t m = 0; m < s.factors.size(); ++m) {
      s.factors[m] = float(known->factors[m]);
      s.bias[m] = float(double(s.bias[m]) * known->factors[m] + known->addends[m]);
    }
    chain.take(*user);
    return ok();
  }

  Status replace(NodeId n, const Found& f) {
    const Node node = graph()[n];
    EpilogueChain chain(model_, graph(), n, 1, f.filters());
    Scaling s{std::vector<float>(size_t(f.filters()), 1.0f),
              std::vector<float>(size_t(f.filters()), 0.0f)};
    if (node.inputs.size() > 2 && node.inputs[2].valid())
      s.bias = TRY(chain.per_channel(node.inputs[2]));
    TRY(take_normalization(chain, s));
    chain.follow();
    if (chain.bias.valid()) {
      const std::vector<float> more = TRY(chain.per_channel(chain.bias));
      for (size_t m = 0; m < s.bias.size(); ++m) s.bias[m] += more[m];
    }
    rewriter_.stands_for(chain.nodes);
    const ValueId old = chain.output();
    const ValueId x = TRY(to_channels_last(rewriter_, node.inputs[0]));
    ValueId residual;
    if (chain.residual.valid()) residual = TRY(to_channels_last(rewriter_, chain.residual));
    ValueId bias;
    if (std::ranges::any_of(s.bias, [](float b) { return b != 0; }))
      bias = rewriter_.constant(Tensor::of({f.filters()}, s.bias), "bias");
    // What does not fit stays as it is; transposes that nothing uses are swept.
    const auto weights = packed(node.inputs[1], f, s.factors);
    if (!weights) return ok();
    Builder::Given given = attributes(node, f, chain);
    if (winograd_.contains(n)) given.emplace_back("algorithm", std::string("winograd"));
    const auto made =
        rewriter_.add1(f.depthwise() ? "channels_last_depthwise_conv" : "channels_last_conv",
                       {x, *weights, bias, residual}, std::move(given));
    if (!made) return ok();
    const ValueId back = TRY(to_channels_first(rewriter_, *made));
    if (!rewriter_.can_replace(old, back)) return ok();  // swept
    return rewriter_.replace(old, back, "lowered to channels_last_conv");
  }

  static Builder::Given attributes(const Node& node, const Found& f, const EpilogueChain& chain) {
    Builder::Given given;
    const Infer c(*node.op, node.attrs, {}, 1);
    given.emplace_back("auto_pad", c.text("auto_pad"));
    for (const char* name : {"dilations", "pads", "strides"})
      if (c.given(name)) given.emplace_back(name, c.list(name));
    given.emplace_back("kernel_shape", Integers(f.weights.begin() + 2, f.weights.end()));
    given.emplace_back("activation", chain.activation);
    given.emplace_back("low", float(chain.low));
    given.emplace_back("high", float(chain.high));
    if (f.depthwise()) return given;
    given.emplace_back("filters", f.filters());
    given.emplace_back("group", f.group);
    return given;
  }

  // Calls pack(filters, panel) for each panel of each group, with the filters of the panel.
  template <class Pack>
  Status pack_panels(ConstantId id, const Found& f, const std::vector<float>& factors,
                     const Pack& pack) {
    const int64_t columns = f.filters() / f.group, panels = panel_count(columns, width_);
    const int64_t length = f.depth() * f.positions();
    const auto unit = uint64_t(std::min(width_, columns) * length) * sizeof(float);
    return weights_.pack(
        id, f.group * panels, unit, [&](const std::byte* data, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t first = i % panels * width_, used = std::min(width_, columns - first);
            const int64_t filter = i / panels * columns + first;
            pack(packing::Filters{data + filter * length * int64_t(sizeof(float)), used, f.depth(),
                                  f.positions(), width_,
                                  std::span(factors).subspan(size_t(filter), size_t(used))},
                 i);
          }
        });
  }

  Result<ValueId> packed(ValueId weights, const Found& f, const std::vector<float>& factors) {
    const ConstantId id = TRY(weights_.dense(graph()[weights].constant));
    if (f.depthwise()) {
      const auto room = TRY(weights_.room(DType::f32, {f.positions(), f.filters()}));
      TRY(weights_.pack(id, 1, 0, [&](const std::byte* data, int64_t, int64_t) {
        packing::pack_depthwise({data, f.filters(), 1, f.positions(), f.filters(), factors},
                                room.floats());
      }));
      return rewriter_.constant(weights_.keep(room, model_.constants[id.index].name + ".last"));
    }
    const int64_t panels = panel_count(f.filters() / f.group, width_),
                  rows = f.positions() * f.depth();
    const auto room = TRY(weights_.room(DType::f32, {f.group, panels, rows, width_}));
    std::atomic<bool> finite{true};
    TRY(pack_panels(id, f, factors, [&](const packing::Filters& filters, int64_t i) {
      if (!packing::pack_filters(filters, room.floats() + i * rows * width_)) finite = false;
    }));
    // Kernels multiply the padding, and zero times infinity is no number.
    if (!finite)
      return fail(ErrorId::unsupported_feature, "weights that are not finite are not packed");
    return rewriter_.constant(weights_.keep(room, model_.constants[id.index].name + ".panels"));
  }

  Model& model_;
  Rewriter rewriter_;
  int64_t width_;
  PackedWeights& weights_;
  WinogradChoice& choice_;     // of the whole model
  std::set<NodeId> winograd_;  // nodes to lower by it
};

Status lower_convolutions(PassContext& c) {
  const int64_t width = TRY(panel_width(c));
  WinogradChoice choice(c, TRY(winograd_way(c)), width);
  PackedWeights weights(c);
  for (uint32_t g = 0; g < c.model.graphs.size(); ++g)
    TRY(Lowering(c, GraphId{g}, width, weights, choice).run());
  return ok();
}

}  // namespace

const PassDef& lower_conv_pass() {
  static const PassDef def{
      .name = "lower_conv",
      .doc = "convolutions work on packed panels and channels that are the last axis",
      .options = {"width", "winograd"},
      .run = lower_convolutions,
  };
  return def;
}

}  // namespace hone
