// Workers that spin briefly, then park; a gate that lets late ones stay out.
#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace hone {
namespace {

constexpr uint64_t kOpen = uint64_t{1} << 16;
constexpr uint64_t kInside = kOpen - 1;
constexpr int kNumberShift = 17;
// Some hundred microseconds: longer than most operators that run on one thread, after which the
// others are needed at once; waking takes some tens.
constexpr std::chrono::microseconds kSpin{300};

// False while this thread runs pieces of some pool; constant-initialized. Named so that it starts
// as true: mold 1.10 gives a program whose first thread-local data are zeros a RELRO segment on an
// unmapped page, depending on the size of its code, and the loader then refuses the program.
constinit thread_local bool outside_loops = true;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits without sleeping, for a while; false where it did not come true.
template <class Condition>
bool spin_until(Condition&& condition) {
  constexpr int kLooks = 64;  // between looks at the clock
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int look = 0; look < kLooks; ++look) {
      if (condition()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return condition();
}

}  // namespace

int ThreadPool::usable_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ThreadPool::ThreadPool(int threads)
    : shares_(static_cast<size_t>(std::clamp(threads > 0 ? threads : usable_cpus(), 1, 1024))) {
  threads_.reserve(shares_.size());
  // Where the system has no more threads, those that there are do the work: shares are not bound
  // to threads.
  try {
    for (size_t self = 1; self < shares_.size(); ++self)
      threads_.emplace_back([this, self] { work(self); });
  } catch (const std::exception&) {
    LOG(warn, "the system gives fewer threads than asked for",
        {{"threads", int64_t(threads_.size() + 1)}});
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::parallel_for(int64_t count, int64_t grain,
                              const std::function<void(int64_t, int64_t)>& body) {
  CHECK(grain > 0);
  if (count <= 0) return;
  const int64_t pieces = (count - 1) / grain + 1;
  std::unique_lock submit(submit_, std::defer_lock);
  if (pieces == 1 || shares_.size() == 1 || !outside_loops || !submit.try_lock()) {
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const int64_t begin = piece * grain;
      body(begin, count - begin > grain ? begin + grain : count);
    }
    return;
  }
  // Nobody is inside: the last loop left the gate closed and waited.
  job_ = {count, grain, &body};
  const auto threads = static_cast<int64_t>(shares_.size());
  const int64_t even = pieces / threads, odd = pieces % threads;
  int64_t first = 0;
  for (int64_t i = 0; i < threads; ++i) {
    Share& share = shares_[static_cast<size_t>(i)];
    share.next.store(first, std::memory_order_relaxed);
    share.end = first += even + (i < odd ? 1 : 0);
  }
  const uint64_t number = (gate_.load(std::memory_order_relaxed) >> kNumberShift) + 1;
  {
    // The lock orders the store against a worker that is about to sleep.
    const std::lock_guard lock(mutex_);
    gate_.store((number << kNumberShift) | kOpen, std::memory_order_release);
    if (asleep_ > 0) wake_.notify_all();
  }
  run_shares(0);
  // Every piece is taken. Close, then wait for the threads that are still in one.
  gate_.fetch_and(~kOpen, std::memory_order_acq_rel);
  const auto empty = [this] { return (gate_.load(std::memory_order_acquire) & kInside) == 0; };
  if (!spin_until(empty)) {
    std::unique_lock lock(mutex_);
    left_.wait(lock, empty);
  }
  if (failed_.load(std::memory_order_relaxed)) {
    failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

// Whatever a body throws waits until no thread is inside the loop any more: the body and what it
// refers to belong to the caller. Pieces that have not begun are dropped.
void ThreadPool::run_shares(size_t self) {
  outside_loops = false;
  const Job job = job_;
  try {
    for (size_t i = 0; i < shares_.size(); ++i) {
      Share& share = shares_[(self + i) % shares_.size()];
      while (!failed_.load(std::memory_order_relaxed)) {
        const int64_t piece = share.next.fetch_add(1, std::memory_order_relaxed);
        if (piece >= share.end) break;
        const int64_t begin = piece * job.grain;
        (*job.body)(begin, job.count - begin > job.grain ? begin + job.grain : job.count);
      }
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failed_.exchange(true, std::memory_order_relaxed)) failure_ = std::current_exception();
  }
  outside_loops = true;
}

bool ThreadPool::wait_for_job(uint64_t seen) {
  const auto fresh = [&] {
    return stop_.load(std::memory_order_relaxed) ||
           (gate_.load(std::memory_order_relaxed) >> kNumberShift) != seen;
  };
  if (!spin_until(fresh)) {
    std::unique_lock lock(mutex_);
    ++asleep_;
    wake_.wait(lock, fresh);
    --asleep_;
  }
  return !stop_.load(std::memory_order_relaxed);
}

void ThreadPool::work(size_t self) {
  uint64_t seen = 0;
  while (wait_for_job(seen)) {
    uint64_t gate = gate_.load(std::memory_order_relaxed);
    bool entered = false;
    while (!entered && (gate & kOpen) != 0) {
      entered = gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire,
                                            std::memory_order_relaxed);
    }
    seen = gate >> kNumberShift;
    if (!entered) continue;
    run_shares(self);
    if ((gate_.fetch_sub(1, std::memory_order_acq_rel) & kInside) == 1) {
      {
        const std::lock_guard lock(mutex_);
      }  // the caller is waiting or has yet to look
      left_.notify_one();
    }
  }
}

}  // namespace hone
