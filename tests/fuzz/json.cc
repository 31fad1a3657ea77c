// Fuzzes the JSON reader: what parses can be walked to its leaves.
#include "formats/json.h"

#include "target.h"

namespace {

void walk(hone::Json value, size_t& left) {
  if (left == 0) return;
  --left;
  (void)value.as_int64();
  (void)value.as_uint64();
  (void)value.as_double();
  (void)value.as_string();
  for (const hone::Json element : value.elements()) walk(element, left);
  for (const auto [key, inner] : value.members()) {
    hone::fuzz::require(value.find(key).has_value());
    walk(inner, left);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto document = hone::JsonDocument::parse(hone::fuzz::text(data, size), ledger);
  hone::fuzz::require_clean(document);
  size_t left = 10'000;
  if (document) walk(document->root(), left);
  return 0;
}
