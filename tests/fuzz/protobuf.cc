// Fuzzes the protobuf wire reader: fields lie inside the message, numbers unpack within budget.
#include "formats/protobuf.h"

#include "target.h"

namespace {

void walk(hone::WireReader reader, std::span<const std::byte> whole, hone::Ledger& ledger,
          int depth) {
  while (true) {
    const auto field = reader.next();
    hone::fuzz::require_clean(field);
    if (!field || !*field) return;
    const hone::WireField& f = **field;
    if (f.type == hone::WireType::bytes) {
      hone::fuzz::require(f.bytes.size() <= whole.size());
      hone::fuzz::require(f.bytes.empty() ||
                          (f.bytes.data() >= whole.data() &&
                           f.bytes.data() + f.bytes.size() <= whole.data() + whole.size()));
    }
    std::vector<int64_t> integers;
    std::vector<float> floats;
    (void)hone::wire_append(f, integers, ledger, "field");
    (void)hone::wire_append(f, floats, ledger, "field");
    (void)hone::wire_name(f, "field", ledger.limits());
    if (depth < 8)
      if (auto inside = hone::WireReader::inside(f, "field"))
        walk(std::move(*inside), whole, ledger, depth + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hone::Limits limits = hone::fuzz::limits();
  hone::Ledger ledger(limits);
  const auto whole = hone::fuzz::bytes(data, size);
  walk(hone::WireReader(whole), whole, ledger, 0);
  hone::fuzz::require(ledger.bytes() <= limits.memory);
  return 0;
}
