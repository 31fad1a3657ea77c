// `hone analyze`: what a model will cost before it runs.
#include <fmt/format.h>

#include "api/workload.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "calibrate/profile.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "estimate/latency.h"

namespace hone::cli {
namespace {

Result<int> run(const Arguments& arguments) {
  const auto text = TRY(MappedFile::open(arguments.text("--calibration")));
  const auto calibration = TRY(calibrate::parse_calibration(
      std::string_view(reinterpret_cast<const char*>(text.bytes().data()), text.bytes().size()),
      arguments.text("--calibration")));
  const auto opened = TRY(open_workload(arguments.positional(0), open_options(arguments), {}));
  const auto e = estimate::estimate_latency(opened.work, calibration);
  put(fmt::format("parameters {} MACs {:.4g} latency {:.3f} ms arena {}\n", opened.parameters,
                  opened.work.macs, e.seconds * 1e3, opened.work.arena_bytes));
  if (arguments.on("--steps"))
    for (size_t i = 0; i < e.steps.size(); ++i) {
      const auto& s = e.steps[i];
      if (!s.family) continue;
      put(fmt::format("{}\t{}\t{:.3f}\t{:.2f}\t{}\n", i, s.family->name, s.seconds * 1e6,
                      s.distance, opened.work.steps[i].op->name));
    }
  return 0;
}

}  // namespace

const Command& analyze_command() {
  static const Command command{
      .name = "analyze",
      .summary = "What a model will cost, before it runs.",
      .positionals = {{"MODEL", "the model file", 1, 1, true}},
      .flags = {{"--calibration", Flag::Kind::text, "FILE", "the calibration"},
                {"--steps", Flag::Kind::on_off, "", "each step"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
