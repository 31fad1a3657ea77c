// Fuzzes the safetensors reader: tensors cover the data without holes and lie inside the file.
#include "formats/safetensors.h"

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto file = hone::read_safetensors(hone::fuzz::bytes(data, size), ledger);
  hone::fuzz::require_clean(file);
  if (!file) return 0;
  uint64_t end = 0;
  for (const hone::SafetensorsTensor& t : file->tensors) {
    hone::fuzz::require(t.begin == end && t.end >= t.begin);
    end = t.end;
  }
  hone::fuzz::require(file->data_offset + end == size);
  return 0;
}
