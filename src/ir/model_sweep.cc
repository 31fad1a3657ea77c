// Drops what no graph of a model refers to: nested graphs, constants, in-memory sources.
#include "ir/model.h"

namespace hone {
namespace {

std::vector<bool> used_graphs(const Model& model) {
  std::vector<bool> used(model.graphs.size());
  std::vector<uint32_t> todo{model.entry.index};
  auto each_nested = [&](uint32_t g, auto visit) {
    const Graph& graph = model.graphs[g];
    for (uint32_t n = 0; n < graph.node_capacity(); ++n)
      for (const NamedAttr& a : graph[NodeId{n}].attrs)
        if (const auto* id = std::get_if<GraphId>(&a.value)) visit(id->index);
  };
  while (!todo.empty()) {
    const uint32_t g = todo.back();
    todo.pop_back();
    if (used[g]) continue;
    used[g] = true;
    each_nested(g, [&](uint32_t inner) { todo.push_back(inner); });
  }
  return used;
}

std::vector<bool> used_constants(const Model& model) {
  std::vector<bool> used(model.constants.size());
  for (const Graph& g : model.graphs) {
    for (uint32_t v = 0; v < g.value_count(); ++v) {
      const Value& value = g[ValueId{v}];
      if (value.kind == Value::Kind::constant && (!value.users.empty() || g.is_output(ValueId{v})))
        used[value.constant.index] = true;
    }
    for (const State& s : g.states())
      if (s.initial.valid()) used[s.initial.index] = true;
  }
  for (size_t c = 0; c < used.size(); ++c)
    for (ConstantId id : {model.constants[c].scale, model.constants[c].zero_point})
      if (used[c] && id.valid()) used[id.index] = true;
  return used;
}

}  // namespace

void Model::sweep() {
  const std::vector<bool> keep_graph = used_graphs(*this);
  std::vector<GraphId> graph_map(graphs.size());
  std::vector<Graph> kept_graphs;
  for (uint32_t g = 0; g < graphs.size(); ++g) {
    if (!keep_graph[g]) continue;
    graph_map[g] = GraphId{uint32_t(kept_graphs.size())};
    kept_graphs.push_back(std::move(graphs[g]));
  }
  graphs = std::move(kept_graphs);
  entry = graph_map[entry.index];
  graph_index_.clear();
  for (uint32_t g = 0; g < graphs.size(); ++g) {
    graph_index_.emplace(graphs[g].name, g);
    for (uint32_t n = 0; n < graphs[g].node_capacity(); ++n)
      for (NamedAttr& a : graphs[g].at(NodeId{n}).attrs)
        if (auto* id = std::get_if<GraphId>(&a.value)) *id = graph_map[id->index];
  }

  const std::vector<bool> keep = used_constants(*this);
  std::vector<ConstantId> map(constants.size());
  std::vector<Constant> kept;
  for (size_t c = 0; c < constants.size(); ++c) {
    if (!keep[c]) continue;
    map[c] = ConstantId{uint32_t(kept.size())};
    kept.push_back(std::move(constants[c]));
  }
  constants = std::move(kept);
  constant_index_.clear();
  next_number_.clear();
  for (uint32_t c = 0; c < constants.size(); ++c) {
    Constant& constant = constants[c];
    if (!constant.name.empty()) constant_index_.emplace(constant.name, c);
    if (constant.scale.valid()) constant.scale = map[constant.scale.index];
    if (constant.zero_point.valid()) constant.zero_point = map[constant.zero_point.index];
  }
  for (Graph& g : graphs) g.renumber_constants(map);

  // Files stay declared; memory goes with its constants.
  std::vector<bool> used(sources.size());
  for (const Constant& c : constants)
    if (const auto* span = std::get_if<Constant::Span>(&c.data)) used[span->source] = true;
  std::vector<uint32_t> source_map(sources.size());
  std::vector<DataSource> kept_sources;
  for (size_t s = 0; s < sources.size(); ++s) {
    if (!used[s] && sources[s].name.empty()) continue;
    source_map[s] = uint32_t(kept_sources.size());
    kept_sources.push_back(std::move(sources[s]));
  }
  sources = std::move(kept_sources);
  for (Constant& c : constants)
    if (auto* span = std::get_if<Constant::Span>(&c.data)) span->source = source_map[span->source];
}

}  // namespace hone
