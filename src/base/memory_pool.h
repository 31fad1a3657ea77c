// Memory that is used again: blocks of one session, for intermediate values and results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/memory_budget.h"

namespace hone {

// Blocks taken, given back and taken again, so that a steady run asks the system for nothing and
// meets no page for the first time. Threads may share one. Blocks count in the budget of the
// moment, those that lie idle too. A pool serves one purpose: what is taken, or what is lent.
class MemoryPool : public std::enable_shared_from_this<MemoryPool> {
 public:
  struct Block {
    std::shared_ptr<std::byte> memory;  // aligned for every vector type; null: none could be had
    size_t bytes = 0;
    const void* owner = nullptr;  // the thread that had it last: the bytes are in its cache
  };

  // What follows counts in `budget`, and what lies idle as far as there is room: the rest goes.
  void charge(std::shared_ptr<MemoryBudget> budget);

  // A block of at least so many bytes, which hold anything, until it is given back. The smallest
  // idle one that is large enough, of those hardly larger one that this thread has had; where none
  // is, the smallest of all makes room for a new one, so that there are never more blocks than were
  // in use together.
  Block take(size_t bytes);
  void give(Block block) noexcept;

  // Memory that comes back by itself when its last owner goes, who may outlive the pool; null: none
  // could be had. Hardly larger than asked for, since nobody knows for how long it is kept.
  std::shared_ptr<std::byte> lend(size_t bytes);

  // Frees what lies idle.
  void drop_idle();
  uint64_t idle_bytes() const;

 private:
  // With the lock held.
  Block make(size_t bytes);
  void keep(Block block) noexcept;
  void drop(size_t index);

  mutable std::mutex mutex_;  // guards what follows
  std::vector<Block> idle_;   // by size, ascending
  std::shared_ptr<MemoryBudget> budget_;
};

// A block of a pool, or of the system. Throws std::bad_alloc where there is none.
MemoryPool::Block scratch_block(MemoryPool* pool, size_t bytes);

// An array of a pool, for as long as this lives. What it holds at first is anything.
template <class T>
class Scratch {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  // Without a pool the memory is had from the system. Throws std::bad_alloc where there is none.
  Scratch(MemoryPool* pool, size_t count) : pool_(pool), count_(count) {
    if (count > SIZE_MAX / sizeof(T)) throw std::bad_alloc();
    block_ = scratch_block(pool, count * sizeof(T));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (pool_) pool_->give(std::move(block_));
  }

  T* data() const { return reinterpret_cast<T*>(block_.memory.get()); }
  size_t size() const { return count_; }
  T& operator[](size_t i) const { return data()[i]; }
  T* begin() const { return data(); }
  T* end() const { return data() + count_; }

 private:
  MemoryPool* pool_;
  size_t count_;
  MemoryPool::Block block_;
};

}  // namespace hone
