// `hone validate`: estimates against measurements.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "api/compile.h"
#include "api/random_input.h"
#include "api/workload.h"
#include "backends/backends.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "calibrate/profile.h"
#include "calibrate/program_runner.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "estimate/latency.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"

namespace hone::cli {
namespace {

Result<int> run(const Arguments& arguments) {
  const auto text = TRY(MappedFile::open(arguments.text("--calibration")));
  const auto calibration = TRY(calibrate::parse_calibration(
      std::string_view(reinterpret_cast<const char*>(text.bytes().data()), text.bytes().size()),
      arguments.text("--calibration")));
  ThreadPool pool(calibration.machine.threads);
  std::vector<double> errors;
  for (const std::string& path : arguments.positionals()) {
    OpenedModel opened = TRY(open_model_file(path, open_options(arguments)));
    const auto model =
        TRY(calibrate::lowered(std::move(opened.model), cpu_backend(), arguments.limits, false));
    const auto program = TRY(Program::make(model, all_backends(), arguments.limits));
    Dim::Bindings bindings;
    std::vector<Datum> inputs;
    for (const ValueId v : model->main().inputs)
      inputs.push_back(TRY(random_datum(model->main()[v].type, 1, bindings, arguments.limits)));
    const auto runner = TRY(calibrate::ProgramRunner::make(path, program, inputs, pool));
    const auto begin = std::chrono::steady_clock::now();
    size_t n = 0;
    while (n < 5 ||
           std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < 1.5) {
      TRY(runner->run());
      ++n;
    }
    const auto e = estimate::estimate_latency(runner->workload(), calibration);
    const double measured = runner->whole().seconds;
    put(fmt::format("{:28} estimated {:9.3f} ms measured {:9.3f} ms {:+.1f} %  n={}\n",
                    path.substr(path.rfind('/') + 1), e.seconds * 1e3, measured * 1e3,
                    (e.seconds / measured - 1) * 100, runner->whole().runs));
    errors.push_back(std::abs(e.seconds / measured - 1));
    std::map<std::string, std::pair<double, double>> by;
    for (size_t i = 0; i < e.steps.size(); ++i) {
      if (!e.steps[i].family) continue;
      auto& [est, mea] = by[std::string(e.steps[i].family->name)];
      est += e.steps[i].seconds;
      mea += runner->step(i).seconds;
      if (arguments.on("--steps")) {
        std::string dims;
        for (const auto& in : *runner->workload().steps[i].in)
          if (in.type) dims += in.type->str() + " ";
        put(fmt::format("    {:18} {:9.1f} {:9.1f} us {:+.0f} % d={:.2f} {}-> {}\n",
                        e.steps[i].family->name, e.steps[i].seconds * 1e6,
                        runner->step(i).seconds * 1e6,
                        (e.steps[i].seconds / runner->step(i).seconds - 1) * 100,
                        e.steps[i].distance, dims, runner->workload().steps[i].out->front().str()));
      }
    }
    for (const auto& [name, pair] : by)
      if (pair.second > 0.04 * measured)
        put(fmt::format("    {:24} {:9.3f} {:9.3f} {:+.0f} %\n", name, pair.first * 1e3,
                        pair.second * 1e3, (pair.first / pair.second - 1) * 100));
  }
  std::ranges::sort(errors);
  if (!errors.empty())
    put(fmt::format("median {:.1f} % max {:.1f} %\n", errors[errors.size() / 2] * 100,
                    errors.back() * 100));
  return 0;
}

}  // namespace

const Command& validate_command() {
  static const Command command{
      .name = "validate",
      .summary = "Estimates against measurements.",
      .positionals = {{"MODEL", "the model files", 0, kAny, true}},
      .flags = {{"--calibration", Flag::Kind::text, "FILE", "the calibration"},
                {"--steps", Flag::Kind::on_off, "", "each step"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
