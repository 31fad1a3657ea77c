// Memory of the table of merges.
#include "text/tokenizer/merge_table.h"

#include <algorithm>
#include <bit>

#include "text/tokenizer/fields.h"

namespace hone::tokenizer {

Status MergeTable::reserve(uint64_t count, Ledger& ledger) {
  const uint64_t slots = std::bit_ceil(std::min<uint64_t>(count, uint64_t{1} << 40) * 3 / 2 + 2);
  return slots_.make(slots, ledger, "the merges");
}

std::vector<MergeTable::Listed> MergeTable::list() const {
  std::vector<Slot> merges;
  for (size_t at = 0; !slots_.empty() && at <= slots_.mask(); ++at)
    if (slots_[at].key != 0) merges.push_back(slots_[at]);
  std::ranges::sort(merges, {}, [](const Slot& slot) { return slot.merge.rank; });
  std::vector<Listed> out;
  out.reserve(merges.size());
  for (const Slot& slot : merges)
    out.push_back({static_cast<int32_t>((slot.key >> 32) - 1),
                   static_cast<int32_t>(slot.key & UINT32_MAX), slot.merge.result});
  return out;
}

Status MergeTable::store(FieldWriter& fields) const {
  std::vector<int32_t> ids;
  for (const Listed& merge : list()) ids.insert(ids.end(), {merge.left, merge.right, merge.result});
  return fields.ids(ids);
}

Status MergeTable::read(FieldReader& fields) {
  std::vector<int32_t> ids;
  TRY(fields.ids(ids));
  if (ids.size() % 3 != 0) return fields.wrong("a merge without its result");
  const size_t count = ids.size() / 3;
  TRY(reserve(count, fields.ledger()));
  constexpr size_t kAhead = 16;
  for (size_t i = 0; i < count; ++i) {
    const int32_t* merge = &ids[i * 3];
    if (i + kAhead < count) prefetch(merge[kAhead * 3], merge[kAhead * 3 + 1]);
    add(merge[0], merge[1], {static_cast<uint32_t>(i), merge[2]});
  }
  return ok();
}

}  // namespace hone::tokenizer
