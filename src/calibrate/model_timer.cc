#include "calibrate/model_timer.h"

#include <algorithm>
#include <chrono>

namespace hone::calibrate {
namespace {

// Whole runs for most of the time; a step's time needs fewer.
constexpr int kWholeRuns = 3;

struct Visit {
  Typical time;
  std::vector<double> steps;
  RunStatistics statistics;
};

Result<Visit> visit(const TimedModel& model, double seconds, ThreadPool& pool) {
  using Clock = std::chrono::steady_clock;
  constexpr int kLeastTurns = 2;
  const auto runner = TRY(ProgramRunner::make(model.name, model.program, model.inputs, pool));
  TRY(runner->warm_up());
  const auto begin = Clock::now();
  for (int turn = 0;
       turn < kLeastTurns || std::chrono::duration<double>(Clock::now() - begin).count() < seconds;
       ++turn) {
    TRY(runner->run_steps());
    for (int i = 0; i < kWholeRuns; ++i) TRY(runner->run_whole());
  }
  Visit v{runner->whole(), {}, runner->statistics()};
  for (size_t i = 0; i < runner->workload().steps.size(); ++i)
    v.steps.push_back(runner->step(i).seconds);
  return v;
}

}  // namespace

Result<std::vector<ModelTime>> time_models(const std::vector<TimedModel>& models, double seconds,
                                           ThreadPool& pool,
                                           const std::function<void(size_t, size_t)>& progress) {
  std::vector<ModelTime> times(models.size());
  for (size_t round = 0; round < 2; ++round)
    for (size_t i = 0; i < models.size(); ++i) {
      const Visit v = TRY(visit(models[i], seconds / 2, pool).context("timing " + models[i].name));
      ModelTime& t = times[i];
      t.name = models[i].name;
      (round == 0 ? t.first_s : t.second_s) = v.time.seconds;
      t.spread = std::max(t.spread, v.time.spread);
      t.runs += v.time.runs;
      const RunStatistics& s = v.statistics;
      t.planned_arena_bytes = s.planned_arena_bytes + s.nested_planned_bytes;
      t.measured_arena_bytes = s.measured_arena_bytes + s.nested_measured_bytes;
      t.steps.resize(v.steps.size());
      for (size_t s = 0; s < v.steps.size(); ++s) t.steps[s] += v.steps[s] / 2;
      if (progress) progress(round * models.size() + i + 1, 2 * models.size());
    }
  return times;
}

}  // namespace hone::calibrate
