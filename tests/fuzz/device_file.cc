// Fuzzes the files of devices: what is read has figures in range with evidence, and can be checked.
#include "hardware/device_file.h"

#include "hardware/device_check.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hone;
  const auto device = parse_device(fuzz::text(data, size), "f.yaml");
  fuzz::require_clean(device);
  if (!device) return 0;
  for (const FieldInfo& field : all_fields()) {
    const auto& q = (*device)[field.id];
    if (!q) continue;
    fuzz::require(q->value >= field.least && q->value <= field.most);
    fuzz::require(field.is_peak() == (q->basis != Quantity::Basis::none));
    fuzz::require(!q->formula.empty() || !q->source.empty() || !q->note.empty());
  }
  for (const Finding& finding : check_device(*device)) fuzz::require(!finding.message.empty());
  return 0;
}
