// Budgets for reading untrusted files and the ledger that enforces them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hone {

// How much a file may make us spend. Bytes unless said otherwise.
struct Limits {
  uint64_t memory = uint64_t{1} << 30;            // metadata of one model, in all
  uint64_t header = uint64_t{100} << 20;          // one JSON header or text form
  uint64_t name = 64 << 10;                       // one name
  uint64_t nodes = 4'000'000;                     // nodes of a model after inlining
  uint64_t tensors = 1'000'000;                   // constants of a model
  uint64_t rank = 64;                             // axes of a tensor
  uint64_t depth = 64;                            // nested graphs, messages, functions
  uint64_t folded_constant = uint64_t{64} << 20;  // one constant made by folding
  uint64_t folded_total = uint64_t{256} << 20;    // all constants made by folding
  uint64_t folded_work = 100'000'000;             // element operations spent on folding
  uint64_t runtime_memory = uint64_t{16} << 30;   // of one run; and of constants that are copied
  uint64_t iterations = uint64_t{1} << 24;        // of all loops in one run
};

// One limit: its name in --limits and in the configuration (`limits.NAME`), and where it is kept.
struct LimitInfo {
  std::string_view name;
  uint64_t Limits::* field;
  bool is_bytes;  // takes "512MB"; the others are plain counts
  std::string_view doc;
};
// All limits, in the order of the struct.
std::span<const LimitInfo> all_limits();

// Sets one limit by name ("memory", "512MB"); used by --limits and the configuration.
Status set_limit(Limits& limits, std::string_view name, std::string_view value);

// Counts what reading a file has allocated. Charge before allocating.
class Ledger {
 public:
  explicit Ledger(const Limits& limits) : limits_(limits) {}
  Status charge(uint64_t bytes, std::string_view what);
  Status charge_nodes(uint64_t count);
  Status charge_tensors(uint64_t count);
  const Limits& limits() const { return limits_; }
  uint64_t bytes() const { return bytes_; }

 private:
  Limits limits_;
  uint64_t bytes_ = 0, nodes_ = 0, tensors_ = 0;
};

// Makes room for `more` elements, charging what the vector grows by; capacity at least doubles.
template <class T>
Status reserve_charged(Ledger& ledger, std::vector<T>& items, uint64_t more,
                       std::string_view what) {
  const uint64_t room = items.capacity() - items.size();
  if (more <= room) return ok();
  constexpr uint64_t kMost = UINT64_MAX / 4 / sizeof(T);  // keeps the sums below from wrapping
  if (more > kMost) return ledger.charge(UINT64_MAX, what);
  const uint64_t doubled = items.capacity() * 2;
  const uint64_t needed = items.size() + more;
  const uint64_t capacity = needed > doubled ? needed : doubled;
  TRY(ledger.charge((capacity - items.capacity()) * sizeof(T), what));
  items.reserve(capacity);
  return ok();
}

}  // namespace hone
