#include "calibrate/program_runner.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "base/check.h"
#include "calibrate/statistics.h"

namespace hone::calibrate {
namespace {

double seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

Types types_of(const std::vector<Datum>& data) {
  Types types;
  for (const Datum& d : data) types.push_back(d.type());
  return types;
}

// What reading the clock twice takes: it is in every step's time.
double clock_seconds() {
  static const double seconds_of_clock = [] {
    std::vector<double> times;
    for (int i = 0; i < 1001; ++i) {
      const double begin = seconds(CLOCK_MONOTONIC);
      times.push_back(seconds(CLOCK_MONOTONIC) - begin);
    }
    return median(times);
  }();
  return seconds_of_clock;
}

// Did something else run on this CPU meanwhile? What a clock costs is not held against it.
bool is_undisturbed(double wall, double cpu) { return wall - cpu < 3e-6 + 0.03 * wall; }

}  // namespace

std::string dims_of(const estimate::Step& step) {
  std::string text;
  for (const Infer::Input& in : *step.in)
    if (in.type) text += (text.empty() ? "" : " ") + in.type->str();
  for (const Type& t : *step.out) text += " -> " + t.str();
  return text;
}

Typical typical(std::span<const double> undisturbed, std::span<const double> cpu) {
  constexpr size_t kEnough = 5;
  Typical t;
  t.by_cpu_time = undisturbed.size() < kEnough;
  const std::span<const double> v = t.by_cpu_time ? cpu : undisturbed;
  if (v.empty()) return t;
  t.runs = v.size();
  t.seconds = median(v);
  t.spread = (quantile(v, 0.75) - quantile(v, 0.25)) / 2 / std::max(t.seconds, 1e-12);
  return t;
}

Result<std::unique_ptr<ProgramRunner>> ProgramRunner::make(std::string name,
                                                           std::shared_ptr<const Program> program,
                                                           std::vector<Datum> inputs,
                                                           ThreadPool& pool) {
  auto runner = std::make_unique<ProgramRunner>();
  runner->name_ = std::move(name);
  runner->alone_ = pool.size() == 1;
  runner->program_ = std::move(program);
  runner->inputs_ = std::move(inputs);
  runner->workload_ = TRY(estimate::workload_of(runner->program_, types_of(runner->inputs_), {}));
  runner->session_.emplace(runner->program_, pool, SessionOptions{.step_times = &runner->times_});
  runner->plain_.emplace(runner->program_, pool);
  runner->undisturbed_.resize(runner->workload_.steps.size());
  runner->cpu_.resize(runner->workload_.steps.size());
  TRY(runner->run_steps(false));
  TRY(runner->run_whole(false));
  return runner;
}

Status ProgramRunner::run_steps(bool keep) {
  times_.clear();
  TRY(session_->run(inputs_));
  if (!keep) return ok();
  CHECK(times_.size() == workload_.steps.size());
  const double clock = clock_seconds();
  double sum = 0;
  bool clean = true;
  for (size_t i = 0; i < times_.size(); ++i) {
    const double wall = std::max(double(times_[i].wall_ns) * 1e-9 - clock, 1e-8),
                 cpu = double(times_[i].cpu_ns) * 1e-9;
    const bool undisturbed = !alone_ || is_undisturbed(wall, cpu);
    ++(undisturbed ? used_ : disturbed_);
    if (undisturbed) undisturbed_[i].push_back(wall);
    cpu_[i].push_back(alone_ ? cpu : wall);
    clean = clean && undisturbed;
    sum += wall;
  }
  if (clean) sums_.push_back(sum);
  return ok();
}

Status ProgramRunner::run_whole(bool keep) {
  const double cpu_before = seconds(CLOCK_THREAD_CPUTIME_ID), before = seconds(CLOCK_MONOTONIC);
  TRY(plain_->run(inputs_));
  const double wall = seconds(CLOCK_MONOTONIC) - before;
  const double cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_before;
  if (!keep) return ok();
  if (!alone_ || is_undisturbed(wall, cpu)) whole_.push_back(wall);
  whole_cpu_.push_back(alone_ ? cpu : wall);
  return ok();
}

void ProgramRunner::collect(const estimate::Machine& machine, Samples& samples) {
  const Model& model = program_->model();
  for (size_t i = 0; i < workload_.steps.size(); ++i) {
    const estimate::Step& step = workload_.steps[i];
    const estimate::Described d = estimate::describe(step, model, machine);
    if (!d.family || cpu_[i].empty()) continue;
    const Typical t = this->step(i);
    samples.steps.push_back({name_, std::string(step.op->name), dims_of(step), i, d, t.seconds,
                             t.spread, t.runs, t.by_cpu_time});
  }
  if (!whole_.empty() && !sums_.empty())
    samples.runs.push_back({name_, workload_.steps.size(), whole().seconds,
                            typical(sums_, sums_).seconds,
                            std::make_shared<const estimate::Workload>(workload_)});
}

}  // namespace hone::calibrate
