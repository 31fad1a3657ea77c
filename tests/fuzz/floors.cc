// Fuzzes the files of regression floors: what is read prints and reads back alike, but for digits.
#include "calibrate/floors.h"

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hone;
  const auto floors = calibrate::parse_floors(fuzz::text(data, size), "f.yaml");
  fuzz::require_clean(floors);
  if (!floors) return 0;
  const std::string text = calibrate::print(*floors);
  const auto again = calibrate::parse_floors(text, "again.yaml");
  fuzz::require(again.ok() && calibrate::print(*again) == text);
  return 0;
}
