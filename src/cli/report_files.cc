#include "cli/report_files.h"

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/text.h"
#include "cli/output.h"

namespace hone::cli {

std::vector<Flag> with_report_flags(std::vector<Flag> flags) {
  using Kind = Flag::Kind;
  flags.push_back({"--report", Kind::texts, "FILE",
                   "also write a report; html, md, csv or json by its ending"});
  flags.push_back({"--report-format", Kind::texts, "FORMAT",
                   "of --report: whatever the ending; for all files, or for each in turn"});
  return flags;
}

Result<std::vector<ReportFile>> report_files(const Arguments& arguments) {
  const auto& paths = arguments.texts("--report");
  const auto& formats = arguments.texts("--report-format");
  if (formats.size() > 1 && formats.size() != paths.size())
    return fail(ErrorId::usage, fmt::format("--report-format is given {} times for {} files",
                                            formats.size(), paths.size()));
  if (!formats.empty() && paths.empty())
    return fail(ErrorId::usage, "--report-format needs --report");
  std::vector<ReportFile> files;
  for (size_t i = 0; i < paths.size(); ++i) {
    const report::Format format =
        formats.empty() ? TRY(report::format_of(paths[i]))
                        : TRY(report::format_named(formats[formats.size() == 1 ? 0 : i]));
    files.push_back({paths[i], format});
  }
  return files;
}

Status write_reports(const std::vector<ReportFile>& files, const Arguments& arguments,
                     const std::function<report::Report()>& make) {
  if (files.empty()) return ok();
  const report::Report report = make();
  for (const ReportFile& file : files) {
    TRY(write_file(file.path, report::written(report, file.format))
            .context("writing the report " + printable(file.path)));
    if (!arguments.json) put("wrote " + printable(file.path) + "\n");
  }
  return ok();
}

}  // namespace hone::cli
