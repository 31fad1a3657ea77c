#include "passes/channels_last.h"

#include "ops/common.h"

namespace hone {
namespace {

ValueId undone(const Graph& graph, ValueId v, Integers (*permutation)(size_t)) {
  const NodeId producer = graph[v].producer;
  if (!producer.valid()) return {};
  const Node& node = graph[producer];
  if (node.op->name != "transpose" || !graph[node.inputs[0]].type.tensor.shape.ranked) return {};
  const Infer c(*node.op, node.attrs, {}, 1);
  if (!c.given("perm")) return {};
  const Integers& perm = c.list("perm");
  return perm.size() >= 3 && perm == permutation(perm.size()) ? node.inputs[0] : ValueId{};
}

Result<ValueId> moved(Rewriter& rewriter, ValueId v, Integers (*there)(size_t),
                      Integers (*back)(size_t)) {
  const ValueId source = undone(rewriter.graph(), v, back);
  if (source.valid()) return source;
  const size_t rank = rewriter.graph()[v].type.tensor.shape.rank();
  return rewriter.add1("transpose", {v}, {{"perm", there(rank)}});
}

}  // namespace

Integers last_permutation(size_t rank) {
  Integers perm{0};
  for (size_t i = 2; i < rank; ++i) perm.push_back(int64_t(i));
  perm.push_back(1);
  return perm;
}

Integers first_permutation(size_t rank) {
  Integers perm{0, int64_t(rank) - 1};
  for (size_t i = 1; i + 1 < rank; ++i) perm.push_back(int64_t(i));
  return perm;
}

Result<ValueId> to_channels_last(Rewriter& rewriter, ValueId v) {
  return moved(rewriter, v, last_permutation, first_permutation);
}

Result<ValueId> to_channels_first(Rewriter& rewriter, ValueId v) {
  return moved(rewriter, v, first_permutation, last_permutation);
}

ValueId channels_last_of(const Graph& graph, ValueId v) {
  return undone(graph, v, first_permutation);
}

ValueId channels_first_of(const Graph& graph, ValueId v) {
  return undone(graph, v, last_permutation);
}

}  // namespace hone
