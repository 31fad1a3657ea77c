#include "api/workload.h"

#include <algorithm>

#include "api/random_input.h"
#include "backends/backends.h"
#include "base/checked.h"
#include "base/text.h"
#include "estimate/analysis.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "text/engine/engine.h"

namespace hone {
namespace {

// The running statistics of batch normalization are measured, not learned: frameworks do not count
// them.
bool is_statistic(const Graph& graph, ValueId v) {
  const Value& value = graph[v];
  return !value.users.empty() && std::ranges::all_of(value.users, [&](NodeId n) {
    const Node& user = graph[n];
    return user.op->name == "batch_normalization" && user.inputs.size() > 4 &&
           (user.inputs[3] == v || user.inputs[4] == v);
  });
}

// Single numbers of formulas: limits of a clip, 1 / sqrt(D), the halves of a GELU. The slope of a
// PReLU is learned.
bool is_of_formula(const Graph& graph, ValueId v, int64_t count) {
  return count == 1 && std::ranges::all_of(graph[v].users, [&](NodeId n) {
           const OpDef& op = *graph[n].op;
           return op.name != "prelu" && op.is(Trait::elementwise);
         });
}

// Elements of weights: constants of floats that some operator uses.
int64_t parameters_of(const Model& model) {
  int64_t parameters = 0;
  std::vector<bool> counted(model.constants.size());
  for (const Graph& graph : model.graphs)
    for (uint32_t i = 0; i < graph.value_count(); ++i) {
      const Value& value = graph[ValueId{i}];
      if (value.kind != Value::Kind::constant || counted[value.constant.index]) continue;
      const TensorType& type = model.constants[value.constant.index].type;
      const auto shape = type.shape.fixed();
      const auto count = shape ? checked_product(*shape) : std::nullopt;
      if (!count || !is_float(type.dtype) || value.users.empty() ||
          is_of_formula(graph, ValueId{i}, *count) || is_statistic(graph, ValueId{i}))
        continue;
      counted[value.constant.index] = true;
      parameters += *count;
    }
  return parameters;
}

// "NAME:AXIS": an axis that the file gives no symbol.
std::string axis_name(const std::string& name, size_t axis) {
  return name + ":" + std::to_string(axis);
}

bool is_axis(const Model& model, const std::string& name) {
  return std::ranges::any_of(model.main().inputs, [&](ValueId v) {
    const Value& input = model.main()[v];
    if (!input.type.is_tensor() || !input.type.tensor.shape.ranked) return false;
    const auto& dims = input.type.tensor.shape.dims;
    for (size_t i = 0; i < dims.size(); ++i)
      if (dims[i].is_unknown() && axis_name(input.name, i) == name) return true;
    return false;
  });
}

Result<Type> bound(const Type& type, const std::string& name, const Dim::Bindings& bindings) {
  if (!type.is_tensor() || !type.tensor.shape.ranked)
    return fail(ErrorId::unsupported_feature,
                "input '" + printable(name) + "' is " + type.str() + ": its size is not known");
  Extents shape;
  for (const Dim& d : type.tensor.shape.dims) {
    const auto given = bindings.find(axis_name(name, shape.size()));
    if (d.is_unknown() && given != bindings.end())
      shape.push_back(given->second);
    else
      shape.push_back(d.evaluate(bindings).value_or(1));
  }
  return Type(type.tensor.dtype, Shape::of(shape));
}

// An integer input of one element: a rate, a switch. Its value may decide between branches.
bool is_element(const Model& model, const std::string& name) {
  return std::ranges::any_of(model.main().inputs, [&](ValueId v) {
    const Value& input = model.main()[v];
    return input.name == name && input.type.is_tensor() &&
           (kInts | DTypes(DType::boolean)).has(input.type.tensor.dtype) &&
           element_count(input.type.tensor.shape) == Dim(1) && input.type.tensor.shape.rank() <= 1;
  });
}

std::string listed(const Model& model) {
  std::string names;
  for (const Symbol& s : model.symbols) names += (names.empty() ? "" : ", ") + s.name;
  return (names.empty() ? "it has none" : "it has " + names) +
         "; an axis without a symbol is INPUT:AXIS=SIZE";
}

Error unknown_symbol(const Model& model, const std::string& name) {
  Error error = fail(ErrorId::usage, "the model has no symbol '" + printable(name) + "'");
  error.hint = listed(model);
  return error;
}

// The symbol that is the first axis of an input.
std::optional<std::string> batch_symbol(const Model& model) {
  const Graph& graph = model.main();
  for (const ValueId v : graph.inputs) {
    const Shape& shape = graph[v].type.tensor.shape;
    if (!graph[v].type.is_tensor() || !shape.ranked || shape.rank() == 0) continue;
    std::optional<std::string> symbol;
    shape.dims[0].each_symbol([&](const std::string& s) { symbol = s; });
    if (symbol && shape.dims[0] == Dim::symbol(*symbol)) return symbol;
  }
  return std::nullopt;
}

Status bind_batch(const Model& model, int64_t batch, Dim::Bindings& bindings) {
  if (const auto symbol = batch_symbol(model)) {
    const auto [given, fresh] = bindings.emplace(*symbol, batch);
    if (fresh || given->second == batch) return ok();
    return fail(ErrorId::usage, "'" + printable(*symbol) + "' is " + std::to_string(given->second) +
                                    " by --bind and " + std::to_string(batch) +
                                    " by --batch: give one of them");
  }
  Error error =
      fail(ErrorId::usage, "the batch of this model is fixed: no input begins with a symbol");
  error.hint = "export the model with a symbolic batch, or leave --batch out";
  return error;
}

Result<estimate::Workload> planned(const std::shared_ptr<const Program>& program,
                                   const Dim::Bindings& bindings) {
  const Graph& graph = program->model().main();
  Types inputs, states;
  std::vector<std::optional<Known>> known(graph.inputs.size());
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const Value& input = graph[graph.inputs[i]];
    inputs.push_back(TRY(bound(input.type, input.name, bindings)));
    if (const auto element = bindings.find(input.name);
        element != bindings.end() && is_element(program->model(), input.name))
      known[i] = Known{Dim(element->second)};
  }
  for (const State& s : graph.states())
    states.push_back(TRY(bound(graph[s.now].type, graph[s.now].name, bindings)));
  return estimate::workload_of(program, inputs, states, known);
}

// None where other sizes do not fit the model.
void add_planned(const OpenedWorkload& opened, Dim::Bindings bindings, std::string what,
                 std::vector<estimate::Remedy>& remedies) {
  const auto work = planned(opened.work.program, bindings);
  if (work)
    remedies.push_back(
        {"batch", std::move(what), work->arena_bytes, estimate::memory_of(*work).total()});
}

Dim::Bindings bindings_of(const LanguageStep& step) {
  constexpr int64_t kPage = 64;  // import/arch/build_decoder.h
  const int64_t pages = (step.depth + step.tokens + kPage - 1) / kPage;
  return {{"T", step.sequences * step.tokens},
          {"S", step.sequences},
          {"P", pages},
          {"W", step.sequences},
          {"pages", step.sequences * pages}};
}

}  // namespace

Result<OpenedWorkload> open_workload(const std::string& path, const OpenOptions& options,
                                     const Dim::Bindings& given, int64_t batch) {
  OpenedModel opened = TRY(open_model_file(path, options));
  OpenedWorkload result;
  result.format = opened.format;
  result.file_bytes = opened.file_bytes;
  Model model = std::move(opened.model);
  result.parameters = parameters_of(model);
  Dim::Bindings bindings = given;
  for (const auto& [name, size] : given)
    if (std::ranges::none_of(model.symbols, [&](const Symbol& s) { return s.name == name; }) &&
        !is_axis(model, name) && !is_element(model, name))
      return unknown_symbol(model, name);
  if (batch > 0) TRY(bind_batch(model, batch, bindings));
  for (const Symbol& symbol : model.symbols) bindings.emplace(symbol.name, 1);
  const Backend& cpu = cpu_backend();
  PipelineOptions pipeline;
  pipeline.shapes_only = true;
  if (model.phase != "lower") {
    TRY(run_pipeline(model, "clean", standard_catalogue(), options.limits, pipeline));
    TRY(run_pipeline(model, cpu.lowering(), standard_catalogue(), options.limits, pipeline));
  }
  const auto shared = std::make_shared<const Model>(std::move(model));
  const auto program = TRY(Program::make(shared, all_backends(), options.limits));
  result.work = TRY(planned(program, bindings));
  result.bindings = std::move(bindings);
  return result;
}

Result<Datum> workload_input(const Model& model, ValueId v, const Dim::Bindings& bindings,
                             const Limits& limits) {
  const Value& input = model.main()[v];
  Type type = input.type;
  if (type.is_tensor() && type.tensor.shape.ranked) type = TRY(bound(type, input.name, bindings));
  Datum datum = TRY(random_datum(type, 1, bindings, limits));
  if (const auto value = bindings.find(input.name);
      value != bindings.end() && is_element(model, input.name))
    store_integer(datum.tensor, 0, value->second);
  return datum;
}

Result<std::optional<Dim::Bindings>> language_bindings(const std::string& path,
                                                       const OpenOptions& options,
                                                       const LanguageStep& step) {
  const OpenedModel opened = TRY(open_model_file(path, options));
  if (!is_language_model(opened.model)) return std::optional<Dim::Bindings>();
  return std::optional(bindings_of(step));
}

std::vector<estimate::Remedy> smaller_batches(const OpenedWorkload& opened) {
  std::vector<estimate::Remedy> remedies;
  const auto symbol = batch_symbol(opened.work.program->model());
  if (!symbol) return remedies;
  const int64_t batch = opened.bindings.at(*symbol);
  for (const int64_t smaller : {batch / 2, int64_t{1}}) {
    if (smaller < 1 || smaller >= batch || (smaller == 1 && batch / 2 == 1 && !remedies.empty()))
      continue;
    Dim::Bindings bindings = opened.bindings;
    bindings[*symbol] = smaller;
    add_planned(opened, std::move(bindings), "a batch of " + std::to_string(smaller), remedies);
  }
  return remedies;
}

std::vector<estimate::Remedy> smaller_steps(const OpenedWorkload& opened,
                                            const LanguageStep& step) {
  std::vector<estimate::Remedy> remedies;
  if (const int64_t half = step.tokens / 2; half > 0)
    add_planned(opened, bindings_of({step.sequences, half, step.depth + step.tokens - half}),
                "the prompt in parts of " + std::to_string(half) + " tokens", remedies);
  if (const int64_t half = step.sequences / 2; half > 0)
    add_planned(
        opened, bindings_of({half, step.tokens, step.depth}),
        std::to_string(half) + " instead of " + std::to_string(step.sequences) + " sequences",
        remedies);
  return remedies;
}

}  // namespace hone
