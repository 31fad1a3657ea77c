#include "base/memory_pool.h"

#include <algorithm>

#include "base/pages.h"

namespace hone {
namespace {

constexpr size_t kMostIdle = 64;  // blocks: what lies idle is searched and moved

// Differs by thread.
const void* this_thread() {
  constinit static thread_local char here = 1;
  return &here;
}

// A block may be this much larger than what somebody keeps.
constexpr size_t most_for(size_t bytes) { return bytes + bytes / 4 + 4096; }

}  // namespace

void MemoryPool::charge(std::shared_ptr<MemoryBudget> budget) {
  const std::lock_guard lock(mutex_);
  budget_ = std::move(budget);
  std::erase_if(idle_, [&](const Block& b) { return !budget_->take(b.bytes); });
}

MemoryPool::Block MemoryPool::take(size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto fit = std::ranges::lower_bound(idle_, bytes, {}, &Block::bytes);
  if (fit == idle_.end()) {
    if (!idle_.empty()) drop(0);
    return make(bytes);
  }
  auto chosen = fit;
  for (auto at = fit; at != idle_.end() && at->bytes <= most_for(bytes); ++at)
    if (at->owner == this_thread()) {
      chosen = at;
      break;
    }
  Block block = std::move(*chosen);
  idle_.erase(chosen);
  return block;
}

void MemoryPool::give(Block block) noexcept {
  const std::lock_guard lock(mutex_);
  block.owner = this_thread();
  keep(std::move(block));
}

std::shared_ptr<std::byte> MemoryPool::lend(size_t bytes) {
  Block block;
  std::shared_ptr<MemoryBudget> charged;
  {
    const std::lock_guard lock(mutex_);
    const auto fit = std::ranges::lower_bound(idle_, bytes, {}, &Block::bytes);
    if (fit != idle_.end() && fit->bytes <= most_for(bytes)) {
      block = std::move(*fit);
      idle_.erase(fit);
    } else {
      // Sizes have changed: what is of no use goes.
      if (!idle_.empty()) drop(fit == idle_.end() ? 0 : idle_.size() - 1);
      block = make(bytes);
    }
    charged = budget_;
  }
  std::byte* memory = block.memory.get();
  if (memory == nullptr) return nullptr;
  const auto come_back = [home = weak_from_this(), block = std::move(block),
                          charged = std::move(charged)](std::byte*) mutable noexcept {
    const auto pool = home.lock();
    if (!pool) return charged ? charged->give(block.bytes) : void();
    const std::lock_guard lock(pool->mutex_);
    // What an earlier call has given away does not count in this one's budget yet.
    if (charged == pool->budget_ || pool->budget_->take(block.bytes)) pool->keep(std::move(block));
  };
  return {memory, come_back};
}

MemoryPool::Block MemoryPool::make(size_t bytes) {
  if (budget_ && !budget_->take(bytes)) {
    while (!idle_.empty()) drop(idle_.size() - 1);
    if (!budget_->take(bytes)) return {};
  }
  Block block{zeroed_memory(bytes), bytes, nullptr};
  if (!block.memory && budget_) budget_->give(bytes);
  return block;
}

void MemoryPool::keep(Block block) noexcept {
  if (!block.memory) return;
  bool room = idle_.size() < kMostIdle;
  try {
    if (room) idle_.reserve(kMostIdle);
  } catch (const std::bad_alloc&) {
    room = false;
  }
  if (room)
    idle_.insert(std::ranges::lower_bound(idle_, block.bytes, {}, &Block::bytes), std::move(block));
  else if (budget_)
    budget_->give(block.bytes);
}

void MemoryPool::drop(size_t index) {
  if (budget_) budget_->give(idle_[index].bytes);
  idle_.erase(idle_.begin() + std::ptrdiff_t(index));
}

void MemoryPool::drop_idle() {
  const std::lock_guard lock(mutex_);
  while (!idle_.empty()) drop(idle_.size() - 1);
}

uint64_t MemoryPool::idle_bytes() const {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const Block& b : idle_) bytes += b.bytes;
  return bytes;
}

MemoryPool::Block scratch_block(MemoryPool* pool, size_t bytes) {
  MemoryPool::Block block =
      pool ? pool->take(bytes) : MemoryPool::Block{zeroed_memory(bytes), bytes, nullptr};
  if (!block.memory) throw std::bad_alloc();
  return block;
}

}  // namespace hone
