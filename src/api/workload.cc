#include "api/workload.h"

#include "backends/backends.h"
#include "base/checked.h"
#include "base/text.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"

namespace hone {
namespace {

// Weights of numbers: what is small and of integers says shapes, axes and indices.
int64_t parameters_of(const Model& model) {
  int64_t parameters = 0;
  for (const Constant& c : model.constants) {
    const auto shape = c.type.shape.fixed();
    const auto count = shape ? checked_product(*shape) : std::nullopt;
    if (count && is_float(c.type.dtype)) parameters += *count;
  }
  return parameters;
}

Result<Type> bound(const Type& type, const std::string& name, const Dim::Bindings& bindings) {
  if (!type.is_tensor() || !type.tensor.shape.ranked)
    return fail(ErrorId::unsupported_feature,
                "input '" + printable(name) + "' is " + type.str() + ": its size is not known");
  Extents shape;
  for (const Dim& d : type.tensor.shape.dims) shape.push_back(d.evaluate(bindings).value_or(1));
  return Type(type.tensor.dtype, Shape::of(shape));
}

}  // namespace

Result<OpenedWorkload> open_workload(const std::string& path, const OpenOptions& options,
                                     const Dim::Bindings& given) {
  OpenedModel opened = TRY(open_model_file(path, options));
  OpenedWorkload result;
  result.format = opened.format;
  result.file_bytes = opened.file_bytes;
  Model model = std::move(opened.model);
  result.parameters = parameters_of(model);
  Dim::Bindings bindings = given;
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
  const Graph& graph = shared->main();
  Types inputs, states;
  for (const ValueId v : graph.inputs)
    inputs.push_back(TRY(bound(graph[v].type, graph[v].name, bindings)));
  for (const State& s : graph.states())
    states.push_back(TRY(bound(graph[s.now].type, graph[s.now].name, bindings)));
  result.work = TRY(estimate::workload_of(program, inputs, states));
  return result;
}

}  // namespace hone
