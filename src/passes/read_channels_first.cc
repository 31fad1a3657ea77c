// Convolutions of few channels read them as they are, first: transposing takes longer than finding
// each channel's pixels in its plane.
#include "passes/channels_last.h"
#include "passes/pass.h"

namespace hone {
namespace {

class Reading {
 public:
  Reading(PassContext& c, GraphId graph) : rewriter_(c.rewriter(graph)) {}

  Status run() {
    TRY(each_node(rewriter_, [this](NodeId n) { return visit(n); }));
    rewriter_.sweep();
    return ok();
  }

 private:
  Status visit(NodeId n) {
    const Node node = rewriter_.graph()[n];
    if (node.op->name != "channels_last_conv") return ok();
    const Infer c(*node.op, node.attrs, {}, 1);
    const ValueId x = channels_first_of(rewriter_.graph(), node.inputs[0]);
    if (!x.valid() || rewriter_.graph()[node.inputs[0]].users.size() > 1 ||
        rewriter_.graph().is_output(node.inputs[0]) || c.text("algorithm") != "direct" ||
        c.integer("channels_first") != 0)
      return ok();
    constexpr int64_t kFew = 4;
    const auto channels = rewriter_.graph()[x].type.tensor.shape.dims[1].constant();
    if (!channels || *channels > kFew) return ok();
    Builder::Given given{{"channels_first", int64_t{1}}};
    for (const NamedAttr& a : node.attrs)
      if (a.name != "channels_first") given.emplace_back(a.name, a.value);
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = x;
    rewriter_.stands_for(n);
    const ValueId made =
        TRY(rewriter_.add1("channels_last_conv", std::move(inputs), std::move(given)));
    if (!rewriter_.can_replace(node.outputs[0], made)) return ok();
    return rewriter_.replace(node.outputs[0], made, "channels are read from their planes");
  }

  Rewriter rewriter_;
};

}  // namespace

const PassDef& read_channels_first_pass() {
  static const PassDef def{
      .name = "read_channels_first",
      .doc = "convolutions of at most 4 channels read them without a transpose",
      .run = [](PassContext& c) -> Status {
        for (uint32_t g = 0; g < c.model.graphs.size(); ++g) TRY(Reading(c, GraphId{g}).run());
        return ok();
      },
  };
  return def;
}

}  // namespace hone
