#include "api/describe.h"

#include <algorithm>
#include <map>

#include "api/choices.h"
#include "ir/op.h"

namespace hone {
namespace {

v1::Description::Port port_of(const Value& value, std::string name) {
  v1::Description::Port port;
  port.name = std::move(name);
  port.type = value.type.str();
  if (!value.type.is_tensor()) return port;
  port.dtype = std::string(hone::name(value.type.tensor.dtype));
  port.ranked = value.type.tensor.shape.ranked;
  for (const Dim& d : value.type.tensor.shape.dims) port.shape.push_back(d.str());
  return port;
}

// Bytes as stored, without opening the source.
uint64_t stored_size(const Constant& constant) {
  if (const auto* span = std::get_if<Constant::Span>(&constant.data)) return span->length;
  if (const auto* bytes = std::get_if<std::vector<std::byte>>(&constant.data)) return bytes->size();
  uint64_t total = 0;
  for (const std::string& s : std::get<std::vector<std::string>>(constant.data)) total += s.size();
  return total;
}

// Integers that the graph dequantizes are parameters, too.
std::vector<bool> dequantized_constants(const Model& model) {
  std::vector<bool> found(model.constants.size());
  for (const Graph& graph : model.graphs)
    for (uint32_t n = 0; n < graph.node_capacity(); ++n) {
      if (!graph.alive(NodeId{n})) continue;
      const Node& node = graph[NodeId{n}];
      if (node.op->name != "dequantize_linear" || !node.inputs[0].valid()) continue;
      const Value& x = graph[node.inputs[0]];
      if (x.kind == Value::Kind::constant) found[x.constant.index] = true;
    }
  return found;
}

void count_constants(const Model& model, v1::Description& d) {
  const std::vector<bool> dequantized = dequantized_constants(model);
  std::map<std::string, v1::Description::Stored> stored;
  for (size_t i = 0; i < model.constants.size(); ++i) {
    const Constant& c = model.constants[i];
    const auto elements = static_cast<uint64_t>(element_count(c.type.shape).constant().value_or(0));
    const uint64_t bytes = stored_size(c);
    const bool dense = c.type.encoding.is_dense();
    if (is_float(c.type.dtype) || !dense || dequantized[i]) d.parameters += elements;
    d.constant_bytes += bytes;
    std::string key(name(c.type.dtype));
    if (!dense) key += " " + c.type.encoding.str();
    auto& row = stored[key];
    row.encoding = key;
    ++row.constants;
    row.elements += elements;
    row.bytes += bytes;
    if (!c.name.empty()) d.constants.push_back({c.name, c.type.str(), elements, bytes});
  }
  for (auto& [key, row] : stored) d.encodings.push_back(std::move(row));
  std::sort(d.encodings.begin(), d.encodings.end(), [](const auto& a, const auto& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.encoding < b.encoding;
  });
}

void count_missing(const Model& model, v1::Description& d) {
  std::map<uint32_t, v1::Description::Missing> missing;  // by source
  for (const Constant& c : model.constants) {
    const auto* span = std::get_if<Constant::Span>(&c.data);
    if (span == nullptr) continue;
    const DataSource& source = model.sources[span->source];
    if (source.mapped || source.memory) continue;
    auto& row = missing[span->source];
    row.file = source.name;
    ++row.constants;
    row.bytes += span->length;
  }
  for (auto& [source, row] : missing) d.missing.push_back(std::move(row));
}

}  // namespace

v1::Description describe_model(const Model& model) {
  v1::Description d;
  d.phase = model.phase;
  d.target = model.target;
  d.metadata = model.metadata;
  d.choices = choices_of(model);
  if (!d.choices.empty()) d.metadata.erase(std::string(kChoicesKey));
  const Graph& main = model.main();
  for (ValueId v : main.inputs) d.inputs.push_back(port_of(main[v], main[v].name));
  for (size_t i = 0; i < main.outputs().size(); ++i)
    d.outputs.push_back(port_of(main[main.outputs()[i]], main.output_names()[i]));
  for (const State& s : main.states()) d.states.push_back(port_of(main[s.now], main[s.now].name));
  std::map<std::string_view, size_t> operators;
  for (const Graph& g : model.graphs) {
    for (uint32_t n = 0; n < g.node_capacity(); ++n) {
      if (!g.alive(NodeId{n})) continue;
      ++d.nodes;
      ++operators[g[NodeId{n}].op->name];
    }
  }
  d.graphs = model.graphs.size();
  for (const auto& [op, nodes] : operators) d.operators.push_back({std::string(op), nodes});
  std::sort(d.operators.begin(), d.operators.end(), [](const auto& a, const auto& b) {
    return a.nodes != b.nodes ? a.nodes > b.nodes : a.name < b.name;
  });
  count_constants(model, d);
  count_missing(model, d);
  for (const Symbol& s : model.symbols) d.symbols.push_back({s.name, std::string(name(s.time))});
  return d;
}

}  // namespace hone
