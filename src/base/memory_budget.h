// How much memory allocations may take: each on its own, or many out of one budget.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace hone {

// Counts what is allocated now. Threads may share one.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t limit) : left_(limit) {}

  // False, and nothing taken, where less is left.
  bool take(uint64_t bytes) {
    uint64_t left = left_.load(std::memory_order_relaxed);
    while (bytes <= left)
      if (left_.compare_exchange_weak(left, left - bytes, std::memory_order_relaxed)) return true;
    return false;
  }
  void give(uint64_t bytes) { left_.fetch_add(bytes, std::memory_order_relaxed); }
  uint64_t left() const { return left_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> left_;
};

// What one allocation may take: so many bytes, or what is left of a budget, to which they return
// when they are freed.
class Allowance {
 public:
  Allowance(uint64_t bytes) : bytes_(bytes) {}                                     // NOLINT
  Allowance(std::shared_ptr<MemoryBudget> budget) : budget_(std::move(budget)) {}  // NOLINT
  uint64_t bytes() const { return budget_ ? budget_->left() : bytes_; }
  const std::shared_ptr<MemoryBudget>& budget() const { return budget_; }

 private:
  uint64_t bytes_ = 0;
  std::shared_ptr<MemoryBudget> budget_;
};

}  // namespace hone
