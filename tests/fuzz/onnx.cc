// Fuzzes the ONNX importer: what it accepts satisfies the invariants, prints, runs as it is,
// cleans, and gives results of the same types then.
#include "import/onnx/onnx.h"

#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "run.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  const hone::Catalogue& catalogue = hone::standard_catalogue();
  const auto bytes = hone::fuzz::bytes(data, size);
  auto model = hone::onnx::import_bytes({bytes.begin(), bytes.end()}, catalogue, limits);
  hone::fuzz::require_clean(model);
  if (!model) return 0;
  hone::fuzz::require(hone::verify(*model, catalogue, hone::Phase::import).ok());
  (void)hone::print(*model);
  const bool draws = hone::fuzz::draws(*model);
  const auto before = hone::fuzz::run(*model);
  const auto report = hone::run_pipeline(*model, "clean", catalogue, limits);
  hone::fuzz::require_clean(report);
  if (!report) return 0;
  hone::fuzz::require(hone::verify(*model, catalogue, hone::Phase::clean).ok());
  const auto after = hone::fuzz::run(*model);
  if (before && after && !draws) hone::fuzz::require(*before == *after);
  return 0;
}
