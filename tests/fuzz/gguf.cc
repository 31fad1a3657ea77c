// Fuzzes the GGUF reader: what it accepts lies inside the file, and values say what they are.
#include "formats/gguf.h"

#include "target.h"

namespace {

void use(const hone::GgufValue& value, hone::Ledger& ledger) {
  hone::fuzz::require_clean(value.as_unsigned());
  hone::fuzz::require_clean(value.as_integer());
  hone::fuzz::require_clean(value.as_real());
  hone::fuzz::require_clean(value.as_bool());
  hone::fuzz::require_clean(value.as_string());
  hone::fuzz::require_clean(value.as_integers(ledger));
  hone::fuzz::require_clean(value.as_reals(ledger));
  const auto strings = value.as_strings(ledger);
  hone::fuzz::require_clean(strings);
  if (!strings) return;
  hone::fuzz::require(strings->size() == value.count);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto file = hone::read_gguf(hone::fuzz::bytes(data, size), ledger);
  hone::fuzz::require_clean(file);
  if (!file) return 0;
  uint64_t end = 0;
  for (const hone::GgufTensor& tensor : file->tensors) {
    if (tensor.bytes > 0)
      hone::fuzz::require(tensor.offset >= end && tensor.offset % file->alignment == 0);
    hone::fuzz::require(tensor.offset <= size && tensor.bytes <= size - tensor.offset);
    end = tensor.offset + tensor.bytes;
  }
  for (const auto& [key, value] : file->metadata) {
    hone::fuzz::require(file->find(key) != nullptr);
    use(value, ledger);
  }
  return 0;
}
