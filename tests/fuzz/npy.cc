// Fuzzes the NumPy reader: the data lie inside the file and have the size that the header says.
#include "formats/npy.h"

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto array = hone::read_npy(hone::fuzz::bytes(data, size), ledger);
  hone::fuzz::require_clean(array);
  if (!array) return 0;
  uint64_t count = 1;
  for (int64_t n : array->shape) count *= uint64_t(n);
  const uint64_t width = array->item_size * (array->kind == 'U' ? 4 : 1);
  hone::fuzz::require(array->data.size() == count * array->item_size ||
                      array->data.size() == count * width);
  hone::fuzz::require(array->data_offset <= size &&
                      array->data.size() <= size - array->data_offset);
  if (array->kind == 'U' || array->kind == 'S')
    hone::fuzz::require_clean(hone::npy_strings(*array, ledger));
  return 0;
}
