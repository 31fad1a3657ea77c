// Fuzzes the text form: what parses satisfies the invariants, prints, parses back as the same text,
// runs, and cleans.
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "run.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  const hone::Catalogue& catalogue = hone::standard_catalogue();
  auto model = hone::parse_model_text(hone::fuzz::text(data, size), catalogue, limits);
  hone::fuzz::require_clean(model);
  if (!model) return 0;
  const std::string text = hone::print(*model);
  hone::fuzz::require(hone::verify(*model, catalogue, hone::Phase::import).ok());
  hone::Limits room = limits;
  room.header = 1 << 26;  // printing may add: types of all results
  room.memory = 1 << 28;
  const auto again = hone::parse_model_text(text, catalogue, room);
  hone::fuzz::require(again.ok());
  hone::fuzz::require(hone::print(*again) == text);
  hone::fuzz::run(*model);
  const auto report = hone::run_pipeline(*model, "clean", catalogue, limits);
  hone::fuzz::require_clean(report);
  if (!report) return 0;
  hone::fuzz::require(hone::verify(*model, catalogue, hone::Phase::clean).ok());
  hone::fuzz::run(*model);
  return 0;
}
