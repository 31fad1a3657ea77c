// What of a suite is measured next: rounds over all cases in an order drawn anew for each, so that
// what disturbs the machine for a while disturbs none of them in particular. A session can go on
// from the visits that a file holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/noise.h"
#include "measure/sample_file.h"

namespace hone::measure {

// What has a time of its own.
struct Slot {
  std::string subject, engine;
  int threads = 1;
};

class SuiteSession {
 public:
  // `id` tells sessions apart; it decides the order as well.
  SuiteSession(std::string id, std::vector<Slot> slots, int rounds);

  struct Next {
    size_t slot;
    int round;
  };
  // None when all is done.
  std::optional<Next> next() const;
  // A visit of this session, measured now or read from a file; what it has no slot for is left out.
  void take(const Visit& visit);
  // It cannot be measured, now or later.
  void give_up(size_t slot);

  const std::string& id() const { return id_; }
  const std::vector<Slot>& slots() const { return slots_; }
  const std::vector<Visit>& visits(size_t slot) const { return visits_[slot]; }
  TimeRounds rounds(size_t slot) const;
  size_t done() const;  // visits that need not be made any more
  size_t all() const { return slots_.size() * size_t(rounds_); }

 private:
  bool has(size_t slot, int round) const;

  std::string id_;
  std::vector<Slot> slots_;
  int rounds_;
  std::vector<std::vector<Visit>> visits_;
  std::vector<bool> settled_;  // known well enough, or given up
};

// "20200102T030405Z-1a2b3c4d": the time, and what makes two sessions the same.
std::string new_session(std::string_view utc, std::string_view plan);
// The last session of the same plan in the file; "" where there is none.
std::string session_of(const SampleFile& file, std::string_view plan);

}  // namespace hone::measure
