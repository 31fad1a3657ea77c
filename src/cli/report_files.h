// --report FILE and --report-format, of the commands that write reports.
#pragma once

#include <functional>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "report/document.h"

namespace hone::cli {

// The two flags, behind those of the command.
std::vector<Flag> with_report_flags(std::vector<Flag> flags);

struct ReportFile {
  std::string path;
  report::Format format;
};
// Fails with `usage`: before anything is computed.
Result<std::vector<ReportFile>> report_files(const Arguments& arguments);
// Makes the report where any file wants it, writes the files, and says so.
Status write_reports(const std::vector<ReportFile>& files, const Arguments& arguments,
                     const std::function<report::Report()>& make);

}  // namespace hone::cli
