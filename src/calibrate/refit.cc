// Fits anew from the times that an earlier calibration wrote.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "calibrate/host_calibration.h"
#include "calibrate/host_fit.h"
#include "calibrate/program_runner.h"

namespace hone::calibrate {
namespace {

struct Recorded {
  double seconds = 0, spread = 0;
  size_t runs = 0;
  bool by_cpu_time = false;
  std::string types;
};
// By program and step.
using Record = std::map<std::pair<std::string, std::string>, Recorded>;

Result<Record> record_of(const CsvTable& table) {
  const size_t program = TRY(table.column("program")), step = TRY(table.column("step")),
               seconds = TRY(table.column("seconds")), spread = TRY(table.column("spread")),
               runs = TRY(table.column("runs")), by_cpu_time = TRY(table.column("by_cpu_time")),
               types = TRY(table.column("types"));
  Record record;
  for (size_t r = 0; r < table.rows(); ++r) {
    const double s = TRY(table.number(r, seconds));
    if (!(s > 0)) return table.error(r, seconds, "a time is above 0");
    const double between = TRY(table.number(r, spread)), count = TRY(table.number(r, runs));
    record[{std::string(table.cell(r, program)), std::string(table.cell(r, step))}] = {
        s, between, size_t(std::clamp(count, 0.0, 1e9)), table.cell(r, by_cpu_time) == "1",
        std::string(table.cell(r, types))};
  }
  return record;
}

// Programs as they were measured; fails where the record has none of their steps.
Result<Samples> recorded_samples(const std::vector<SyntheticProgram>& programs,
                                 const Record& record, const SamplingOptions& options) {
  Samples samples;
  for (const SyntheticProgram& p : programs) {
    const auto program = TRY(program_of(p, options, true));
    const Model& model = program->model();
    Types types;
    for (const ValueId v : model.main().inputs) types.push_back(model.main()[v].type);
    auto work =
        std::make_shared<estimate::Workload>(TRY(estimate::workload_of(program, types, {})));
    for (size_t i = 0; i < work->steps.size(); ++i) {
      const auto found = record.find({p.name, std::to_string(i)});
      const estimate::Described d = estimate::describe(work->steps[i], model, options.machine);
      if (!d.family || found == record.end()) continue;
      const Recorded& r = found->second;
      if (r.types != dims_of(work->steps[i]))
        return fail(
            ErrorId::bad_data,
            fmt::format("step {} of {} is \"{}\" in the samples and \"{}\" in this hone: they "
                        "are of another version",
                        i, p.name, printable(r.types), dims_of(work->steps[i])));
      samples.steps.push_back({p.name, std::string(work->steps[i].op->name),
                               dims_of(work->steps[i]), i, d, r.seconds, r.spread, r.runs,
                               r.by_cpu_time});
    }
    const auto whole = record.find({p.name, std::string(kWholeRun)}),
               sum = record.find({p.name, std::string(kSumOfSteps)});
    if (whole != record.end() && sum != record.end())
      samples.runs.push_back(
          {p.name, work->steps.size(), whole->second.seconds, sum->second.seconds, work});
  }
  if (samples.steps.empty())
    return fail(ErrorId::usage,
                "the samples are not of this calibration: none of its programs is "
                "among them");
  return samples;
}

}  // namespace

Result<HostCalibration> refit_host(estimate::Calibration earlier, const CsvTable& samples,
                                   const CalibrationOptions& options) {
  if (earlier.shapes <= kNetworks || earlier.shapes > kMostShapes + kNetworks)
    return fail(ErrorId::bad_data, fmt::format("a calibration of {} shapes was not made from "
                                               "samples that can be fitted anew",
                                               earlier.shapes));
  HostCalibration host;
  host.calibration = std::move(earlier);
  const estimate::Calibration& c = host.calibration;
  const Record record = TRY(record_of(samples));
  const SamplingOptions s = sampling_options(options, c.machine);
  host.operators =
      TRY(recorded_samples(operator_programs(c.seed, c.shapes - kNetworks), record, s));
  host.networks = TRY(recorded_samples(calibration_networks(c.seed), record, s));
  TRY(fit_host(host, options));
  return host;
}

}  // namespace hone::calibrate
