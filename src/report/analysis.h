// What `hone analyze` found out, as a report.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "estimate/analysis.h"
#include "estimate/memory_peak.h"
#include "estimate/partition.h"
#include "report/document.h"

namespace hone::report {

// A model with certain sizes, whatever device it runs on.
struct AnalyzedModel {
  std::string path;
  std::string sizes;  // ", batch 8"; "" as the file has it
  int64_t parameters = 0;
  estimate::Workload work;
  estimate::MemoryPeak peak;
  std::vector<estimate::Group> groups;
};

// On one device. Of a language model, `phase` is "prefill" or "decode".
struct AnalyzedRun {
  std::shared_ptr<const AnalyzedModel> model;
  int64_t batch = 0;  // 0: as the file has it
  std::string phase;
  int64_t sequences = 0, tokens = 0, depth = 0;
  estimate::Analysis analysis;
};

void write_json(JsonWriter& json, const AnalyzedRun& run);
// One run as it is, several as {"results": […]}.
void write_json(JsonWriter& json, const std::vector<AnalyzedRun>& runs);

// "97 % of the time calibrated, 3 % interpolated", or what all of it is.
std::string confidence_text(const estimate::Analysis& analysis);
// ", of nested graphs 12 kB" behind the arena; "" where there are none.
std::string nested_arenas_text(const estimate::Memory& memory);
// "'a' 12 kB (steps 1 to 3), 'b' 3 kB (step 2) and 4 more".
std::string alive_text(const estimate::MemoryPeak& peak, size_t most);
// "another order of the steps: 12 kB of arena; …"
std::string remedies_text(const estimate::MemoryPeak& peak, const estimate::Workload& work,
                          size_t most);
// "30 nodes of the file in 12 steps; most in step 4, channels_last_conv (bias, relu): a, b, c".
std::string partition_text(const std::vector<estimate::Group>& groups);

Report report_of(const std::vector<AnalyzedRun>& runs);

}  // namespace hone::report
