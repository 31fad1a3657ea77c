#include "calibrate/sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/hash.h"
#include "base/thread_pool.h"
#include "calibrate/program_runner.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/program.h"

namespace hone::calibrate {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Result<std::vector<Datum>> made_up_inputs(const Model& model, const Limits& limits) {
  std::vector<Datum> inputs;
  for (const ValueId v : model.main().inputs) {
    const TensorType& type = model.main()[v].type.tensor;
    Tensor t = TRY(Tensor::make(type.dtype, *type.shape.fixed(), limits.runtime_memory));
    const auto numbers = t.as<float>();
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = float(mix64(i + 1) >> 40) * 0x1p-23f - 1;
    inputs.emplace_back(std::move(t));
  }
  return inputs;
}

}  // namespace

Result<std::shared_ptr<const Model>> lowered(Model model, const Backend& backend,
                                             const Limits& limits, bool shapes_only) {
  PipelineOptions options;
  options.shapes_only = shapes_only;
  if (model.phase != "clean" && model.phase != "lower")
    TRY(run_pipeline(model, "clean", standard_catalogue(), limits, options));
  TRY(run_pipeline(model, backend.lowering(), standard_catalogue(), limits, options));
  model.phase = "lower";
  model.target = backend.target();
  return std::make_shared<const Model>(std::move(model));
}

Result<std::shared_ptr<const Program>> program_of(const SyntheticProgram& synthetic,
                                                  const SamplingOptions& options,
                                                  bool shapes_only) {
  const auto model = TRY(lowered(TRY(synthetic.text.model(options.limits)), *options.backend,
                                 options.limits, shapes_only));
  std::vector<const Backend*> backends{options.backend};
  if (options.fallback) backends.push_back(options.fallback);
  return Program::make(model, backends, options.limits);
}

Result<Samples> sample(const std::vector<SyntheticProgram>& programs,
                       const SamplingOptions& options) {
  ThreadPool pool(options.threads);
  const auto begin = Clock::now();
  std::vector<std::unique_ptr<ProgramRunner>> runners;
  for (const SyntheticProgram& p : programs) {
    const auto program = TRY(program_of(p, options, false));
    auto inputs = TRY(made_up_inputs(program->model(), options.limits));
    runners.push_back(TRY(ProgramRunner::make(p.name, program, std::move(inputs), pool)));
  }
  // In turn, a few milliseconds each: a program finds the caches as it left them itself, and what
  // disturbs the machine for a while disturbs all.
  constexpr double kVisit = 3e-3;
  while (seconds_since(begin) < options.seconds) {
    for (const auto& runner : runners) {
      TRY(runner->warm_up());
      const auto visit = Clock::now();
      do {
        TRY(runner->run_steps());
        TRY(runner->run_whole());
      } while (seconds_since(visit) < kVisit);
      if (options.progress) options.progress(seconds_since(begin) / options.seconds);
    }
  }
  Samples samples;
  size_t used = 0, disturbed = 0;
  for (const auto& runner : runners) {
    runner->collect(options.machine, samples);
    used += runner->used();
    disturbed += runner->disturbed();
  }
  samples.disturbed = double(disturbed) / double(std::max<size_t>(1, used + disturbed));
  return samples;
}

}  // namespace hone::calibrate
