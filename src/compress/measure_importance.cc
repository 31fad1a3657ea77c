// The model is run as a graph of its own: in place of logits it gives, for each value that is
// multiplied with constants, the sums of squares of its columns.
#include "compress/measure_importance.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "backends/backends.h"
#include "compress/role_names.h"
#include "ir/builder.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/session.h"
#include "text/engine/engine.h"

namespace hone::compress {
namespace {

// A value that is multiplied, and the constants that it is multiplied with.
struct Measured {
  ValueId value;
  std::vector<std::string> tensors;
};

// The name of the constant that a value is, or is the transpose of; "" for others.
std::string constant_behind(const Model& model, const Graph& graph, ValueId value) {
  const Value* v = &graph[value];
  if (v->kind == Value::Kind::node && graph[v->producer].op->name == "transpose")
    v = &graph[graph[v->producer].inputs[0]];
  return v->kind == Value::Kind::constant ? model.constants[v->constant.index].name : std::string();
}

// Products in order, by what they multiply.
Result<std::vector<Measured>> products_of(const Model& model) {
  const Graph& graph = model.main();
  const RoleNames names(model);
  std::vector<Measured> out;
  std::map<uint32_t, size_t> known;
  for (const NodeId n : TRY(graph.order())) {
    const Node& node = graph[n];
    if (node.op->name != "matmul") continue;
    const std::string name = constant_behind(model, graph, node.inputs[1]);
    if (name.empty() || graph[node.inputs[0]].type.tensor.shape.rank() != 2) continue;
    const auto [at, added] = known.try_emplace(node.inputs[0].index, out.size());
    if (added) out.push_back({node.inputs[0], {}});
    out[at->second].tensors.push_back(names(name));
  }
  return out;
}

// Outputs for the products, and none for logits.
Status measure(Model& model, const std::vector<Measured>& products) {
  Builder builder(model, GraphId{0}, standard_catalogue());
  for (size_t i = 0; i < products.size(); ++i) {
    const ValueId squares =
        TRY(builder.emit1("reduce_sum_square", {products[i].value, builder.integers({0})},
                          {{"keepdims", int64_t{0}}}));
    builder.graph().add_output("squares." + std::to_string(i), squares);
  }
  std::vector<bool> gone(builder.graph().outputs().size(), false);
  gone[0] = true;
  builder.graph().remove_outputs(gone);
  return ok();
}

Datum integers(std::vector<int64_t> elements, Extents shape = {}) {
  if (shape.empty()) shape = {int64_t(elements.size())};
  return Datum(Tensor::of(shape, std::move(elements)));
}

// One sequence that begins with the chunk, all of whose rows are wanted.
std::vector<Datum> inputs_of(std::span<const int32_t> chunk) {
  const auto count = int64_t(chunk.size()), pages = (count + kPageTokens - 1) / kPageTokens;
  std::vector<int64_t> places(chunk.size()), table(size_t(pages), 0);
  for (int64_t i = 0; i < count; ++i) places[size_t(i)] = i;
  for (int64_t i = 0; i < pages; ++i) table[size_t(i)] = i;
  std::vector<Datum> in;
  in.push_back(integers({chunk.begin(), chunk.end()}));
  in.push_back(integers(places));
  in.push_back(integers(places));
  in.push_back(integers({0, count}));
  in.push_back(integers({count}));
  in.push_back(integers(std::move(table), {1, pages}));
  in.push_back(integers(std::move(places)));
  return in;
}

int64_t chunk_of(const Model& model, const ImportanceOptions& options) {
  int64_t trained = 0;
  if (const auto at = model.metadata.find("context"); at != model.metadata.end())
    std::from_chars(at->second.data(), at->second.data() + at->second.size(), trained);
  const int64_t chunk = trained > 0 ? std::min(trained, options.chunk) : options.chunk;
  return std::max<int64_t>(chunk, int64_t(options.begin.size()) + 1);
}

Result<Session> session_of(Model model, int64_t chunk, const Limits& limits, ThreadPool& pool) {
  const auto& backends = all_backends();
  TRY(run_pipeline(model, "sweep", standard_catalogue(), limits, {.pool = &pool}));
  if (const std::string lowering = backends[0]->lowering(); !lowering.empty())
    TRY(run_pipeline(model, lowering, standard_catalogue(), limits, {.pool = &pool}));
  auto program =
      TRY(Program::make(std::make_shared<const Model>(std::move(model)), backends, limits));
  Session session(std::move(program), pool);
  TRY(session.bind({{"pages", (chunk + kPageTokens - 1) / kPageTokens}}));
  return session;
}

}  // namespace

Result<Importance> measure_importance(Model model, std::span<const int32_t> tokens,
                                      const ImportanceOptions& options, const Limits& limits,
                                      ThreadPool& pool) {
  if (!is_language_model(model))
    return fail(ErrorId::unsupported_feature,
                "the model is no language model, whose weights a text could be run through");
  if (tokens.empty()) return fail(ErrorId::bad_data, "the text has no tokens");
  const auto products = TRY(products_of(model));
  TRY(measure(model, products));
  const int64_t chunk = chunk_of(model, options);
  const auto fresh = size_t(chunk) - options.begin.size();  // tokens of the text in each
  Session session = TRY(session_of(std::move(model), chunk, limits, pool));
  ImportanceSums sums;
  for (size_t at = 0; at < tokens.size(); at += fresh) {
    if (options.progress) options.progress(at, tokens.size());
    std::vector<int32_t> piece = options.begin;
    const auto part = tokens.subspan(at, std::min(fresh, tokens.size() - at));
    piece.insert(piece.end(), part.begin(), part.end());
    const auto outputs = TRY(session.run(inputs_of(piece)));
    for (size_t i = 0; i < products.size(); ++i) {
      const auto squares = outputs[i].tensor.as<float>();
      for (const std::string& name : products[i].tensors)
        sums.add_squares(name, squares, int64_t(piece.size()));
    }
  }
  return sums.means(tokens.size());
}

}  // namespace hone::compress
