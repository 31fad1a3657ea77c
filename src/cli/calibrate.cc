// `hone calibrate`: measures operators of made-up sizes and fits what their time depends on.
#include <fmt/format.h>

#include <cstdlib>

#include "backends/backends.h"
#include "base/atomic_file.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "calibrate/fit.h"
#include "calibrate/host_machine.h"
#include "calibrate/profile.h"
#include "calibrate/sampling.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "estimate/latency.h"

namespace hone::cli {
namespace {

std::string samples_csv(const calibrate::Samples& samples, int threads) {
  std::string text = "threads,family,program,op,dims,seconds,spread,runs,by_cpu";
  for (size_t i = 0; i < estimate::kFeatures; ++i) text += fmt::format(",f{}", i);
  for (size_t i = 0; i < estimate::kPosition; ++i) text += fmt::format(",p{}", i);
  text += '\n';
  for (const calibrate::Sample& s : samples.steps) {
    text += fmt::format("{},{},{},{},\"{}\",{:.9g},{:.4f},{},{}", threads, s.step.family->name,
                        s.program, s.op, s.dims, s.seconds, s.spread, s.runs, int(s.by_cpu_time));
    for (const double f : s.step.features) text += fmt::format(",{:.9g}", f);
    for (const double p : s.step.position) text += fmt::format(",{:.6g}", p);
    text += '\n';
  }
  return text;
}

Result<int> run(const Arguments& arguments) {
  calibrate::SamplingOptions o;
  o.threads = arguments.threads > 0 ? arguments.threads : 1;
  o.seconds = std::getenv("HC_S") ? atof(std::getenv("HC_S")) : 25;
  o.limits = arguments.limits;
  o.backend = &cpu_backend();
  o.fallback = &reference_backend();
  o.machine = calibrate::host_machine(detect_host(), o.threads);
  const auto programs =
      calibrate::operator_programs(std::getenv("HC_SEED") ? atoi(std::getenv("HC_SEED")) : 0,
                                   std::getenv("HC_N") ? atoi(std::getenv("HC_N")) : 400);
  const auto samples = TRY(calibrate::sample(programs, o));
  for (const auto& r : samples.runs)
    put(fmt::format("{} {} {:.6f} {:.6f}\n", r.program, r.steps, r.seconds, r.step_seconds));
  put(fmt::format("{} steps, {:.2f} disturbed\n", samples.steps.size(), samples.disturbed));
  TRY(write_file("samples.csv", samples_csv(samples, o.threads)));
  estimate::Calibration c;
  c.machine = o.machine;
  o.seconds = std::max(6.0, o.seconds / 4);
  const auto nets = TRY(calibrate::sample(
      calibrate::network_programs(0, std::getenv("HC_NETS") ? atoi(std::getenv("HC_NETS")) : 24),
      o));
  std::optional<estimate::Calibration> prior;
  if (std::getenv("HC_PRIOR")) {
    const auto text = TRY(MappedFile::open(std::getenv("HC_PRIOR")));
    prior = TRY(calibrate::parse_calibration(
        std::string_view(reinterpret_cast<const char*>(text.bytes().data()), text.bytes().size()),
        "prior"));
  }
  const estimate::Calibration* known = prior ? &*prior : nullptr;
  TRY(calibrate::fit_runs(nets, c));
  std::vector<calibrate::NetworkTime> times;
  constexpr size_t kFolds = 4;
  for (size_t fold = 0; fold < kFolds; ++fold) {
    std::vector<calibrate::Sample> seen = samples.steps;
    const auto is_left = [&](const std::string& name) {
      return size_t(atoi(name.substr(name.rfind('_') + 1).c_str())) / 4 % kFolds == fold;
    };
    for (const auto& s : nets.steps)
      if (!is_left(s.program)) seen.push_back(s);
    c.families = TRY(calibrate::fit_families(seen, known));
    for (const auto& r : nets.runs)
      if (is_left(r.program)) {
        times.push_back({r.program, estimate::estimate_latency(*r.work, c).seconds, r.seconds});
        put(fmt::format("{:20} {:.4f} {:.4f} ms {:+.1f} %\n", r.program,
                        times.back().estimated * 1e3, r.seconds * 1e3,
                        (times.back().estimated / r.seconds - 1) * 100));
      }
  }
  std::vector<calibrate::Sample> all = samples.steps;
  all.insert(all.end(), nets.steps.begin(), nets.steps.end());
  c.families = TRY(calibrate::fit_families(all, known));
  for (const auto& f : c.families)
    put(fmt::format("{:24} n={:4} med {:.3f} p90 {:.3f} {}\n", f.family, f.residuals.size(),
                    f.median_error, f.p90_error, f.corrects ? "corrected" : ""));
  calibrate::fit_networks(times, c);
  put(fmt::format("scale {:.3f} half width {:.3f} step {} run {}\n", c.scale, c.half_width,
                  c.step_seconds, c.run_seconds));
  TRY(write_file("calibration.json", calibrate::print(c)));
  return 0;
}

}  // namespace

const Command& calibrate_command() {
  static const Command command{
      .name = "calibrate",
      .summary = "Make estimates trustworthy for this machine.",
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
