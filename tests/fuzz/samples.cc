// Fuzzes the registry of samples: visits that are read are written as rows that read back alike.
#include "measure/sample_file.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hone;
  const auto file = measure::parse_samples(fuzz::text(data, size), "s.csv");
  fuzz::require_clean(file);
  if (!file) return 0;
  std::string text = std::string(measure::sample_columns()) + "\n";
  for (const measure::Visit& visit : file->visits) text += measure::rows_of(visit);
  const auto again = measure::parse_samples(text, "again.csv");
  fuzz::require(again.ok() && again->abandoned == 0);
  fuzz::require(again->visits.size() == file->visits.size());
  for (const measure::Visit& visit : again->visits)
    fuzz::require(measure::typical_of({visit.samples}, visit.key.threads).latency.median >= 0);
  return 0;
}
