// Looks through all nodes of the file, nested graphs and functions too, before anything is built.
#include <fmt/format.h>

#include <map>
#include <tuple>

#include "base/text.h"
#include "import/onnx/import_state.h"
#include "import/onnx/translate.h"

namespace hone::onnx {
namespace {

constexpr size_t kMostNames = 5;        // nodes named for each operator
constexpr size_t kMostOperators = 200;  // operators named in the error

class Survey {
 public:
  explicit Survey(ImportState& state) : state_(state) {}

  Status run() {
    const size_t count = state_.functions.size();
    bodies_.resize(count + 1);
    TRY(walk(Frame{static_cast<uint32_t>(count), {}}));
    if (!missing_.empty()) return missing_error();
    // Only compared: the import charges each node that it comes to, some of them several times.
    return Ledger(state_.ledger.limits()).charge_nodes(bodies_[count].nodes);
  }

 private:
  // A function, or (the last) the main graph.
  struct Body {
    enum class Mark : uint8_t { unseen, open, done } mark = Mark::unseen;
    uint64_t nodes = 0;                  // calls inlined
    std::map<uint32_t, uint64_t> calls;  // of functions, how many of each
  };
  struct Frame {
    uint32_t body;
    std::map<uint32_t, uint64_t>::const_iterator next;
  };
  struct Missing {
    uint64_t count = 0;
    std::vector<std::string> nodes;
  };

  const std::vector<NodeProto>& nodes_of(uint32_t body) const {
    return body < state_.functions.size() ? state_.functions[body].nodes : state_.proto.graph.nodes;
  }
  const Opsets& opsets_of(uint32_t body) const {
    return body < state_.functions.size() ? state_.functions.opsets(body) : state_.opsets;
  }

  // Depth first over calls, without recursion.
  Status walk(Frame first) {
    std::vector<Frame> stack;
    const auto open = [&](uint32_t index) -> Status {
      bodies_[index].mark = Body::Mark::open;
      TRY(read(index));
      stack.push_back({index, bodies_[index].calls.cbegin()});
      return ok();
    };
    TRY(open(first.body));
    while (!stack.empty()) {
      Frame& top = stack.back();
      Body& body = bodies_[top.body];
      if (top.next == body.calls.cend()) {
        body.mark = Body::Mark::done;
        stack.pop_back();
        continue;
      }
      const auto [callee, times] = *top.next;
      Body& called = bodies_[callee];
      if (called.mark == Body::Mark::open)
        return fail(ErrorId::cycle, fmt::format("function '{}' calls itself{}",
                                                printable(state_.functions[callee].name),
                                                top.body == callee ? "" : " through others"));
      if (called.mark == Body::Mark::unseen) {
        TRY(open(callee));
        continue;
      }
      uint64_t inlined = 0;
      if (__builtin_mul_overflow(called.nodes, times, &inlined) ||
          __builtin_add_overflow(body.nodes, inlined, &body.nodes))
        body.nodes = UINT64_MAX;
      ++top.next;
    }
    return ok();
  }

  // Counts the nodes of a body and of the graphs nested in it.
  Status read(uint32_t index) {
    struct Pending {
      const std::vector<NodeProto>* nodes;
      uint64_t depth;
    };
    std::vector<Pending> pending{{&nodes_of(index), 0}};
    // Those that refer to an attribute of the function stand where that is given.
    const auto add_graph = [&](const AttributeProto& a, uint64_t depth) -> Status {
      if (a.type != AttributeType::graph || !a.ref_name.empty()) return ok();
      const GraphProto* graph = TRY(state_.nested.parse(a, state_.ledger));
      pending.push_back({&graph->nodes, depth});
      return ok();
    };
    if (index < state_.functions.size())
      for (const AttributeProto& a : state_.functions[index].attribute_defaults)
        TRY(add_graph(a, 1));
    while (!pending.empty()) {
      const auto [nodes, depth] = pending.back();
      pending.pop_back();
      for (const NodeProto& node : *nodes) {
        ++bodies_[index].nodes;
        TRY(check(node, index));
        for (const AttributeProto& a : node.attributes) {
          if (a.type == AttributeType::graph && depth >= state_.ledger.limits().depth)
            return fail(ErrorId::over_depth,
                        fmt::format("the graph in {} is nested deeper than the limit `depth` of {}",
                                    describe(node), state_.ledger.limits().depth));
          TRY(add_graph(a, depth + 1));
        }
      }
    }
    return ok();
  }

  Status check(const NodeProto& node, uint32_t body) {
    if (const auto function = state_.functions.find(node)) {
      ++bodies_[body].calls[*function];
      return ok();
    }
    const int64_t opset = TRY(opset_of(node, opsets_of(body)));
    const std::string_view domain = plain_domain(node.domain);
    const Translation* row = find_translation(domain, node.op_type, opset);
    if (row && (row->translate || state_.catalogue.find(row->direct))) return ok();
    TRY(state_.ledger.charge(sizeof(Missing), "missing operators"));
    Missing& missing = missing_[{domain, node.op_type, opset}];
    ++missing.count;
    const std::string_view name =
        node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
    if (missing.nodes.size() < kMostNames) missing.nodes.push_back(printable(name));
    return ok();
  }

  Error missing_error() const {
    std::string text =
        missing_.size() == 1
            ? std::string("the model uses an operator that hone does not have:")
            : fmt::format("the model uses {} operators that hone does not have:", missing_.size());
    size_t shown = 0;
    for (const auto& [key, missing] : missing_) {
      if (++shown > kMostOperators) {
        text += fmt::format("\n  and {} more", missing_.size() - kMostOperators);
        break;
      }
      const auto& [domain, op, opset] = key;
      text += fmt::format("\n  {} of {} version {}, at {} node{}:", printable(op),
                          domain.empty() ? "ai.onnx" : printable(domain), opset, missing.count,
                          missing.count == 1 ? "" : "s");
      for (const std::string& node : missing.nodes) text += " '" + node + "'";
      if (missing.count > missing.nodes.size()) text += " …";
    }
    return fail(ErrorId::unsupported_operator, std::move(text));
  }

  ImportState& state_;
  std::vector<Body> bodies_;
  std::map<std::tuple<std::string_view, std::string_view, int64_t>, Missing> missing_;
};

}  // namespace

Status survey(ImportState& state) { return Survey(state).run(); }

}  // namespace hone::onnx
