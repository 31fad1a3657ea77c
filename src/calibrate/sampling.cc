#include "calibrate/sampling.h"

#include <algorithm>
#include <chrono>

#include "base/hash.h"
#include "calibrate/program_runner.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/program.h"

namespace hone::calibrate {
namespace {

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

ProgramSampler::ProgramSampler(const SamplingOptions& options)
    : options_(options), pool_(options.threads) {}
ProgramSampler::~ProgramSampler() = default;

Result<std::unique_ptr<ProgramSampler>> ProgramSampler::make(
    const std::vector<SyntheticProgram>& programs, const SamplingOptions& options) {
  std::unique_ptr<ProgramSampler> sampler(new ProgramSampler(options));
  for (const SyntheticProgram& p : programs) {
    const auto program = TRY(program_of(p, options, false));
    auto inputs = TRY(made_up_inputs(program->model(), options.limits));
    sampler->runners_.push_back(
        TRY(ProgramRunner::make(p.name, program, std::move(inputs), sampler->pool_)));
    TRY(visit(*sampler->runners_.back(), Clock::now()));
  }
  return sampler;
}

Status ProgramSampler::visit(ProgramRunner& runner, Clock::time_point end) {
  // A few milliseconds each: a program finds the caches as it left them itself, and what disturbs
  // the machine for a while disturbs all.
  constexpr auto kVisit = std::chrono::microseconds(3000);
  const auto leave = std::min(Clock::now() + kVisit, end);
  do {
    TRY(runner.run_steps());
    TRY(runner.run_whole());
  } while (Clock::now() < leave);
  return ok();
}

Status ProgramSampler::run_round() {
  const auto now = Clock::now();
  for (const auto& runner : runners_) {
    TRY(runner->warm_up());
    TRY(visit(*runner, now));
  }
  return ok();
}

Status ProgramSampler::run_until(Clock::time_point end) {
  while (!runners_.empty() && Clock::now() < end) {
    TRY(runners_[next_]->warm_up());
    TRY(visit(*runners_[next_], end));
    next_ = (next_ + 1) % runners_.size();
  }
  return ok();
}

Samples ProgramSampler::samples() const {
  Samples samples;
  size_t used = 0, disturbed = 0;
  for (const auto& runner : runners_) {
    runner->collect(options_.machine, samples);
    used += runner->used();
    disturbed += runner->disturbed();
  }
  samples.disturbed = double(disturbed) / double(std::max<size_t>(1, used + disturbed));
  return samples;
}

}  // namespace hone::calibrate
