// Element-wise operators that follow each other become one, which reads and writes memory once.
#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "ops/elementwise.h"
#include "passes/epilogue.h"
#include "passes/pass.h"

namespace hone {
namespace {

constexpr size_t kMostNodes = 32;  // of a group: putting it together goes as deep

// What is put together for one operator.
struct Group {
  std::vector<NodeId> nodes;    // as they end in the program: the root last
  std::vector<ValueId> joined;  // make x0 together; or none
  std::vector<ValueId> inputs;  // the others
  std::vector<std::string> words;
  size_t entered = 0;             // nodes so far, finished or not
  size_t depth = 0, deepest = 0;  // of the stack
};

class Fusion {
 public:
  Fusion(PassContext& c, GraphId graph) : model_(c.model), rewriter_(c.rewriter(graph)) {}

  Status run() {
    std::vector<NodeId> order = TRY(rewriter_.graph().order());
    std::ranges::reverse(order);  // users first: each takes what comes before it
    for (NodeId n : order) {
      if (!taken_.contains(n)) visit(n);
    }
    std::ranges::reverse(groups_);
    for (Group& g : groups_) {
      if (rewriter_.done()) break;
      TRY(replace(g));
    }
    rewriter_.sweep();
    return ok();
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }
  const Value& value(ValueId v) { return graph()[v]; }

  void visit(NodeId n) {
    if (!is_function(n) || !all_known(value(graph()[n].outputs[0]).type.tensor.shape)) return;
    Group g;
    result_ = value(graph()[n].outputs[0]).type;
    if (!put(n, g) || g.joined.size() + g.inputs.size() == 0) return;
    // One function alone is fast enough as it is; a convolution of one position is not.
    if (g.nodes.size() < 2 && !is_affine(graph()[n])) return;
    taken_.insert(g.nodes.begin(), g.nodes.end());
    groups_.push_back(std::move(g));
  }

  Status replace(Group& g) {
    std::vector<ValueId> inputs = g.joined;
    inputs.insert(inputs.end(), g.inputs.begin(), g.inputs.end());
    for (ValueId& v : inputs)
      if (const auto made = made_.find(v); made != made_.end()) v = made->second;
    const auto joined = int64_t(std::max<size_t>(1, g.joined.size()));
    std::string program;
    for (const std::string& word : g.words) program += (program.empty() ? "" : " ") + word;
    const ValueId old = graph()[g.nodes.back()].outputs[0];
    rewriter_.stands_for(g.nodes);
    const ValueId made = TRY(rewriter_.add1("elementwise", std::move(inputs),
                                            {{"program", program}, {"joined", joined}}));
    if (!rewriter_.can_replace(old, made)) return ok();  // swept
    made_.emplace(old, made);
    return rewriter_.replace(old, made, "one pass over memory");
  }

  // --- which nodes -------------------------------------------------------------------------------

  static Infer attrs(const Node& node) {
    return Infer(*node.op, node.attrs, {}, node.outputs.size());
  }
  // The word for a function that has one.
  static std::string_view word_of(const Node& node) {
    const std::string_view op = node.op->name;
    if (op == "gelu") return attrs(node).text("approximate") == "tanh" ? "gelu_tanh" : "gelu";
    if (op == "swish") return attrs(node).real("alpha") == 1 ? "silu" : std::string_view();
    if (op == "clip" || op == "dup") return {};
    const auto is_op = [&](const auto& f) { return f.name == op; };
    if (std::ranges::any_of(elementwise_unaries(), is_op) ||
        std::ranges::any_of(elementwise_binaries(), is_op))
      return op;
    return {};
  }

  bool is_function(NodeId n) {
    const Node& node = graph()[n];
    if (node.outputs.size() != 1) return false;
    for (ValueId v : node.inputs)
      if (v.valid() && value(v).type.tensor.dtype != DType::f32) return false;
    const std::string_view op = node.op->name;
    if (!word_of(node).empty() || op == "hard_sigmoid" || op == "hard_swish" ||
        op == "reciprocal" || is_affine(node))
      return true;
    if (op == "clip") return bounds(node).has_value();
    if (op == "max" || op == "min")
      return node.inputs.size() == 2 && (number(node.inputs[0]) || number(node.inputs[1]));
    if (op == "pow") return exponent(node) != 0;
    return false;
  }

  // 2 or 3; else 0.
  int exponent(const Node& node) {
    const auto e = number(node.inputs[1]);
    return e == 2.0f ? 2 : e == 3.0f ? 3 : 0;
  }

  // A convolution of one position for each channel: a factor and an addend.
  bool is_affine(const Node& node) {
    if (node.op->name != "channels_last_depthwise_conv") return false;
    const Infer c = attrs(node);
    const auto ones = [&](std::string_view name, int64_t n) {
      return !c.given(name) || std::ranges::all_of(c.list(name), [=](int64_t x) { return x == n; });
    };
    const Value& weights = value(node.inputs[1]);
    return ones("kernel_shape", 1) && ones("strides", 1) && ones("pads", 0) &&
           weights.kind == Value::Kind::constant &&
           model_.constants[weights.constant.index].type.encoding.is_dense() &&
           (!c.given("auto_pad") || c.text("auto_pad") == "NOTSET");
  }

  // The element of a constant that has one.
  std::optional<float> number(ValueId v) {
    if (!v.valid()) return std::nullopt;
    const Value& x = value(v);
    if (x.kind != Value::Kind::constant || x.type.tensor.dtype != DType::f32 ||
        !element_count(x.type.tensor.shape).is(1) || !x.type.tensor.encoding.is_dense())
      return std::nullopt;
    const auto element = model_.read(x.constant);
    if (!element) return std::nullopt;
    return element->as<float>()[0];
  }

  std::optional<std::pair<float, float>> bounds(const Node& node) {
    float bound[2] = {-INFINITY, INFINITY};
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      if (!node.inputs[i].valid()) continue;
      const auto given = number(node.inputs[i]);
      if (!given || std::isnan(*given)) return std::nullopt;
      bound[i - 1] = *given;
    }
    return std::pair(bound[0], bound[1]);
  }

  // --- the program -------------------------------------------------------------------------------

  static bool say(Group& g, std::string word, size_t taken) {
    g.words.push_back(std::move(word));
    g.depth = g.depth - taken + 1;
    g.deepest = std::max(g.deepest, g.depth);
    return g.words.size() <= kElementwiseSteps && g.deepest <= kElementwiseDepth;
  }
  static bool say(Group& g, float x) { return say(g, exact(x), 0); }
  static bool say_clip(Group& g, float low, float high) {
    return say(g, low) && say(g, high) && say(g, "clip", 3);
  }

  // What a function takes: another function that nobody else needs, a number or an input.
  bool put(ValueId v, Group& g) {
    if (const auto x = number(v); x && !std::isnan(*x)) return say(g, *x);
    const Value& x = value(v);
    const NodeId producer = x.producer;
    if (x.kind == Value::Kind::node && x.users.size() == 1 && !graph().is_output(v) &&
        x.type == result_ && is_function(producer)) {
      Group longer = g;
      if (put(producer, longer)) {
        g = std::move(longer);
        return true;
      }
    }
    return put_input(v, g);
  }

  bool put_input(ValueId v, Group& g) {
    if (!fits(v)) return false;
    if (g.words.empty() && put_parts(v, g)) return say(g, "x0", 0);
    auto at = std::ranges::find(g.inputs, v);
    if (at == g.inputs.end()) {
      if (g.joined.size() + g.inputs.size() == kElementwiseInputs) return false;
      at = g.inputs.insert(g.inputs.end(), v);
    }
    const auto index = at - g.inputs.begin() + (g.joined.empty() ? 0 : 1);
    return say(g, "x" + std::to_string(index), 0);
  }

  // --- joined inputs -----------------------------------------------------------------------------

  // What is joined along the last axis and needed for this alone is read in its parts.
  bool put_parts(ValueId v, Group& g) {
    std::vector<ValueId> parts;
    if (value(v).type != result_ || !dissolves(v) || !parts_of(v, parts)) return false;
    g.joined = std::move(parts);
    return true;
  }

  bool is_join(ValueId v) {
    if (value(v).kind != Value::Kind::node || graph().is_output(v)) return false;
    const Node& node = graph()[value(v).producer];
    if (node.op->name != "concat" || node.inputs.size() < 2) return false;
    const Shape& shape = value(v).type.tensor.shape;
    const int64_t axis = attrs(node).integer("axis"), rank = int64_t(shape.rank());
    return all_known(shape) && value(v).type.tensor.dtype == DType::f32 &&
           (axis == -1 || axis == rank - 1);
  }

  // Can all who need it read the parts? They are functions of which it is the first input, and
  // joins that dissolve themselves.
  bool dissolves(ValueId v, size_t depth = 0) {
    if (!is_join(v) || depth > kElementwiseInputs) return false;
    if (const auto known = dissolves_.find(v); known != dissolves_.end()) return known->second;
    bool all = true;
    for (NodeId user : std::vector<NodeId>(value(v).users)) {
      const Node& node = graph()[user];
      const ValueId out = node.outputs[0];
      const bool reads = is_affine(node) && node.inputs[0] == v && value(out).type == value(v).type;
      all = all && (reads || (node.op->name == "concat" && dissolves(out, depth + 1)));
    }
    dissolves_[v] = all;
    return all;
  }

  // Parts that are long enough to be worth a copy each.
  bool parts_of(ValueId v, std::vector<ValueId>& parts) {
    constexpr int64_t kLeast = 16;
    for (ValueId part : graph()[value(v).producer].inputs) {
      if (is_join(part) && dissolves(part)) {
        if (!parts_of(part, parts)) return false;
        continue;
      }
      const auto width = value(part).type.tensor.shape.dims.back().constant();
      if (!width || *width < kLeast || parts.size() + 8 > kElementwiseInputs) return false;
      parts.push_back(part);
    }
    return true;
  }

  // As long as the result, one element, or one for each position along the last axis.
  bool fits(ValueId v) {
    const Shape &shape = value(v).type.tensor.shape, &out = result_.tensor.shape;
    if (!shape.ranked) return false;
    if (shape == out || element_count(shape).is(1)) return true;
    return shape.rank() > 0 && out.rank() >= shape.rank() && shape.dims.back() == out.dims.back() &&
           std::all_of(shape.dims.begin(), shape.dims.end() - 1,
                       [](const Dim& d) { return d.is(1); });
  }

  bool put(NodeId n, Group& g) {
    if (++g.entered > kMostNodes) return false;
    const Node node = graph()[n];
    if (!put_function(node, g)) return false;
    g.nodes.push_back(n);
    return true;
  }

  bool put_function(const Node& node, Group& g) {
    const std::string_view op = node.op->name;
    const std::vector<ValueId>& in = node.inputs;
    if (is_affine(node)) return put_affine(node, g);
    if (op == "reciprocal") return say(g, 1.0f) && put(in[0], g) && say(g, "div", 2);
    if (op == "hard_sigmoid") {
      const Infer c = attrs(node);
      return put(in[0], g) && say(g, float(c.real("alpha"))) && say(g, "mul", 2) &&
             say(g, float(c.real("beta"))) && say(g, "add", 2) && say_clip(g, 0, 1);
    }
    if (op == "hard_swish")
      return put(in[0], g) && say(g, "dup", 0) && say(g, 6.0f) && say(g, "div", 2) &&
             say(g, 0.5f) && say(g, "add", 2) && say_clip(g, 0, 1) && say(g, "mul", 2);
    if (op == "pow") {
      const int e = exponent(node);
      return put(in[0], g) && say(g, "dup", 0) && (e == 2 || say(g, "dup", 0)) &&
             say(g, "mul", 2) && (e == 2 || say(g, "mul", 2));
    }
    if (op == "clip") {
      const auto [low, high] = *bounds(node);
      return put(in[0], g) && say_clip(g, low, high);
    }
    if (op == "max" || op == "min") {
      const auto second = number(in[1]);
      const float bound = second ? *second : *number(in[0]);
      return !std::isnan(bound) && put(in[second ? 0 : 1], g) &&
             say_clip(g, op == "max" ? bound : -INFINITY, op == "max" ? INFINITY : bound);
    }
    for (size_t i = 0; i < in.size(); ++i)
      if (!put(in[i], g)) return false;
    return say(g, std::string(word_of(node)), in.size());
  }

  bool put_affine(const Node& node, Group& g) {
    const Infer c = attrs(node);
    const ValueId factors = factors_of(node);
    if (!factors.valid() || !put(node.inputs[0], g) || !put_input(factors, g) || !say(g, "mul", 2))
      return false;
    for (size_t i = 2; i < node.inputs.size(); ++i)  // bias, residual
      if (node.inputs[i].valid() && !(put(node.inputs[i], g) && say(g, "add", 2))) return false;
    const std::string& activation = c.text("activation");
    if (activation == "none") return true;
    if (activation == "clip") return say_clip(g, float(c.real("low")), float(c.real("high")));
    return say(g, activation, 1);
  }

  // The weights [1, C] as [C].
  ValueId factors_of(const Node& node) {
    const Constant& weights = model_.constants[value(node.inputs[1]).constant.index];
    const auto w = model_.read(value(node.inputs[1]).constant);
    if (!w || w->rank() != 2 || w->shape()[0] != 1) return {};
    const std::string name = weights.name;
    return rewriter_.constant(w->reshaped({w->shape()[1]}).clone(), name);
  }

  Model& model_;
  Rewriter rewriter_;
  Type result_;             // of the group that is put together
  std::set<NodeId> taken_;  // parts of groups
  std::map<ValueId, bool> dissolves_;
  std::vector<Group> groups_;
  std::map<ValueId, ValueId> made_;  // what stands for the results of groups
};

}  // namespace

const PassDef& fuse_elementwise_pass() {
  static const PassDef def{
      .name = "fuse_elementwise",
      .doc = "element-wise functions of f32 that follow each other become `elementwise`",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) TRY(Fusion(c, GraphId{g}).run());
        return ok();
      },
  };
  return def;
}

}  // namespace hone
