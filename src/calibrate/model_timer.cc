#include "calibrate/model_timer.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "runtime/session.h"

namespace hone::calibrate {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double cpu_now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

struct Visit {
  Typical time;
  RunStatistics statistics;
};

Result<Visit> visit(const TimedModel& model, double seconds, ThreadPool& pool) {
  constexpr size_t kLeastRuns = 5;
  Session session(model.program, pool);
  for (int i = 0; i < 2; ++i) TRY(session.run(model.inputs));
  std::vector<double> undisturbed, cpu;
  const double begin = now();
  while (cpu.size() < kLeastRuns || now() - begin < seconds) {
    const double cpu_before = cpu_now(), before = now();
    TRY(session.run(model.inputs));
    const double wall = now() - before, used = cpu_now() - cpu_before;
    const bool alone = pool.size() == 1;
    if (!alone || wall - used < 3e-6 + 0.03 * wall) undisturbed.push_back(wall);
    cpu.push_back(alone ? used : wall);
  }
  return Visit{typical(std::move(undisturbed), std::move(cpu)), session.statistics()};
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
      t.planned_arena_bytes = v.statistics.planned_arena_bytes;
      t.measured_arena_bytes = v.statistics.measured_arena_bytes;
      if (progress) progress(round * models.size() + i + 1, 2 * models.size());
    }
  return times;
}

}  // namespace hone::calibrate
