#include "cli/validate_memory.h"

#include <algorithm>
#include <cmath>

#include "cli/benchmark_subjects.h"
#include "measure/contestant.h"
#include "runtime/session.h"

namespace hone::cli {
namespace {

bool is_plain(const std::vector<Datum>& data) {
  return std::ranges::all_of(data, [](const Datum& d) {
    return d.kind == Datum::Kind::tensor && d.tensor.dtype() != DType::string;
  });
}

Result<double> measure_one(const calibrate::TimedModel& model, const measure::Plan& plan,
                           ThreadPool& pool) {
  const Graph& graph = model.program->model().main();
  if (!is_plain(model.inputs) || !graph.states().empty()) return NAN;
  Session session(model.program, pool);
  const auto outputs = TRY(session.run(model.inputs));
  if (!is_plain(outputs)) return NAN;
  measure::Subject subject;
  subject.path = model.name;
  for (size_t i = 0; i < model.inputs.size(); ++i)
    subject.inputs.push_back({graph[graph.inputs[i]].name, model.inputs[i].tensor});
  for (size_t i = 0; i < outputs.size(); ++i)
    subject.expected.push_back({graph.output_names()[i], outputs[i].tensor});
  measure::Contestant contestant(subject, plan, *plan.engines[0]);
  contestant.prepare(0);
  contestant.finish();
  const measure::Measured& m = contestant.result;
  if (!m.error.empty() || m.peak_memory_bytes == 0) return NAN;
  return double(m.peak_memory_bytes);
}

}  // namespace

Result<std::vector<double>> measured_memory(const std::vector<calibrate::TimedModel>& models,
                                            const Arguments& arguments, int threads,
                                            ThreadPool& pool) {
  measure::Plan plan;
  plan.engines = TRY(engines_in("hone"));
  plan.threads = threads;
  plan.limits = arguments.limits;
  std::vector<double> bytes;
  for (const calibrate::TimedModel& model : models)
    bytes.push_back(TRY(measure_one(model, plan, pool)));
  return bytes;
}

}  // namespace hone::cli
