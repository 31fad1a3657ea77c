#include "measure/suite_session.h"

#include <algorithm>
#include <numeric>

#include "base/hash.h"

namespace hone::measure {
namespace {

// Fewer say nothing of how far rounds are apart.
constexpr size_t kLeastRounds = 3;

std::string suffix_of(std::string_view plan) {
  constexpr size_t kDigits = 12;
  return "-" + sha256_hex(std::as_bytes(std::span(plan))).substr(0, kDigits);
}

std::vector<size_t> order_of(const std::string& id, int round, size_t n) {
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  uint64_t state = mix64(uint64_t(round));
  for (const char c : id) state = mix64(state ^ uint64_t(static_cast<unsigned char>(c)));
  for (size_t i = n; i > 1; --i) {
    state = mix64(state + i);
    std::swap(order[i - 1], order[state % i]);
  }
  return order;
}

}  // namespace

SuiteSession::SuiteSession(std::string id, std::vector<Slot> slots, int rounds)
    : id_(std::move(id)),
      slots_(std::move(slots)),
      rounds_(rounds),
      visits_(slots_.size()),
      settled_(slots_.size(), false) {}

bool SuiteSession::has(size_t slot, int round) const {
  return std::ranges::any_of(visits_[slot], [&](const Visit& v) { return v.key.round == round; });
}

std::optional<SuiteSession::Next> SuiteSession::next() const {
  for (int round = 0; round < rounds_; ++round)
    for (const size_t slot : order_of(id_, round, slots_.size()))
      if (!settled_[slot] && !has(slot, round)) return Next{slot, round};
  return std::nullopt;
}

void SuiteSession::take(const Visit& visit) {
  if (visit.key.session != id_ || visit.key.round >= rounds_) return;
  const auto slot = std::ranges::find_if(slots_, [&](const Slot& s) {
    return s.subject == visit.key.subject && s.engine == visit.key.engine &&
           s.threads == visit.key.threads;
  });
  if (slot == slots_.end()) return;
  const auto i = size_t(slot - slots_.begin());
  if (has(i, visit.key.round)) return;
  visits_[i].push_back(visit);
  if (visits_[i].size() < kLeastRounds) return;
  const Typical t = typical_of(rounds(i), slot->threads);
  settled_[i] = settled_[i] || (!t.noisy() && t.half_width() < kLittleNoise);
}

void SuiteSession::give_up(size_t slot) { settled_[slot] = true; }

TimeRounds SuiteSession::rounds(size_t slot) const {
  TimeRounds all;
  for (const Visit& v : visits_[slot]) all.push_back(v.samples);
  return all;
}

size_t SuiteSession::done() const {
  size_t n = 0;
  for (size_t i = 0; i < slots_.size(); ++i) n += settled_[i] ? size_t(rounds_) : visits_[i].size();
  return n;
}

std::string new_session(std::string_view utc, std::string_view plan) {
  std::string id;
  for (const char c : utc)
    if (c != '-' && c != ':') id += c;
  return id + suffix_of(plan);
}

std::string session_of(const SampleFile& file, std::string_view plan) {
  const std::string suffix = suffix_of(plan);
  for (auto v = file.visits.rbegin(); v != file.visits.rend(); ++v)
    if (v->key.session.ends_with(suffix)) return v->key.session;
  return {};
}

}  // namespace hone::measure
