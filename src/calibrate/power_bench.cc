#include "calibrate/power_bench.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

#include "base/pages.h"
#include "base/process.h"
#include "base/thread_pool.h"
#include "kernels/peaks/peaks.h"

namespace hone::calibrate {
namespace {

constexpr double kBurst = 2e-4;  // seconds, at least: far more than reading the clock takes
constexpr int64_t kLineBytes = 64, kLine = kLineBytes / sizeof(float);

// Keeps the compiler from leaving out what nobody looks at, and from knowing a value.
template <class T>
void keep(T& value) {
  asm volatile("" : "+m"(value) : : "memory");
}

// What one thread does again and again; it computes, or waits for caches and memory.
struct Burst {
  std::function<void(int64_t iterations)> run;
  double operations = 0, bytes = 0;  // of an iteration
  bool memory = false;
  int64_t iterations = 1;
};

// Each operation waits for the one before: busy, with few of them.
void chain(int64_t iterations) {
  float x = 1;
  for (int64_t i = 0; i < iterations; ++i) {
    x = x * 0.5f + 1;
    asm volatile("" : "+m"(x));
  }
}

// Reads a buffer in pieces, from where it left off.
class Reading {
 public:
  Reading(const float* x, int64_t floats) : x_(x), floats_(floats) {}
  void run(int64_t lines) {
    for (int64_t left = lines * kLine; left > 0;) {
      const int64_t n = std::min(left, floats_ - at_);
      float sum = kernels::peak_kernels().read(x_ + at_, n);
      keep(sum);
      left -= n;
      at_ = (at_ + n) % floats_;
    }
  }

 private:
  const float* x_;
  int64_t floats_, at_ = 0;
};

// Reads lines of a buffer in an order that jumps about; each place depends on what was read before,
// which is 0.
class Chase {
 public:
  Chase(const float* x, int64_t floats)
      : x_(reinterpret_cast<const uint32_t*>(x)),
        mask_(std::bit_floor(uint64_t(floats / kLine)) - 1) {}
  void run(int64_t steps) {
    for (int64_t i = 0; i < steps; ++i) {
      // A full period modulo powers of two (Hull and Dobell 1962).
      at_ = (at_ * 6364136223846793005u + 1442695040888963407u + x_[(at_ & mask_) * kLine + 1]);
    }
    keep(at_);
  }

 private:
  const uint32_t* x_;
  uint64_t mask_, at_ = 1;
};

uint64_t cache_bytes(const Host& host, int level) {
  uint64_t bytes = 0;
  for (const Host::Cache& cache : host.caches)
    if (cache.level == level && cache.type != "Instruction") bytes = std::max(bytes, cache.bytes);
  return bytes;
}

// So many iterations that a burst lasts.
void set_length(Burst& burst) {
  for (;; burst.iterations *= 2) {
    const auto begin = std::chrono::steady_clock::now();
    burst.run(burst.iterations);
    if (seconds_since(begin) >= kBurst) return;
  }
}

struct Workload {
  std::string name;
  // Bursts of each thread, in turn.
  std::function<std::vector<Burst>(int64_t thread)> bursts;
};

class HostPowerBench : public PowerBench {
 public:
  HostPowerBench(const Host& host, int threads) : pool_(threads) {
    const uint64_t second = cache_bytes(host, 2), third = cache_bytes(host, 3);
    const auto all = uint64_t(pool_.size());
    if (second > 0) l2_ = buffer(second / 2 * all);
    const uint64_t within = std::max(2 * second * all, third / 4);
    if (third > 0 && within <= third / 2) l3_ = buffer(within);
    constexpr uint64_t kLeast = 256 << 20;
    const uint64_t beyond = std::max(4 * third, kLeast);
    if (beyond < host.available_bytes / 2) dram_ = buffer(beyond);
    add_computing();
    add_reading();
    add_mixtures();
  }

  std::vector<std::string> workloads() const override {
    std::vector<std::string> names;
    for (const Workload& w : workloads_) names.push_back(w.name);
    return names;
  }

  Result<Activity> run(size_t workload, double seconds) override {
    Activity sum;
    std::mutex mutex;
    const auto begin = std::chrono::steady_clock::now();
    pool_.parallel_for(pool_.size(), 1, [&](int64_t thread, int64_t) {
      const Activity own = run_thread(workloads_[workload].bursts(thread), begin, seconds);
      const std::lock_guard lock(mutex);
      sum.operations += own.operations;
      sum.bytes += own.bytes;
      sum.compute += own.compute;
      sum.memory += own.memory;
    });
    const double took = seconds_since(begin), busy = took * pool_.size();
    return Activity{sum.operations / took, sum.bytes / took, sum.compute / busy, sum.memory / busy};
  }

  void idle(double seconds) override {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
  double now() override { return seconds_since(start_); }

 private:
  struct Buffer {
    std::shared_ptr<std::byte> memory;
    int64_t floats = 0;  // of each thread
    const float* of(int64_t thread) const {
      return reinterpret_cast<const float*>(memory.get()) + thread * floats;
    }
  };

  Buffer buffer(uint64_t bytes) {
    Buffer b;
    b.floats = int64_t(bytes / sizeof(float)) / pool_.size() / kLine * kLine;
    b.memory = zeroed_memory(size_t(b.floats) * sizeof(float) * size_t(pool_.size()));
    // Pages that nothing was written to would all be one.
    for (int64_t i = 0; b.memory && i < b.floats * pool_.size(); i += 1024)
      reinterpret_cast<float*>(b.memory.get())[i] = 1;
    return b;
  }

  // Totals of one thread; in seconds, not shares.
  static Activity run_thread(std::vector<Burst> bursts, std::chrono::steady_clock::time_point begin,
                             double seconds) {
    Activity a;
    for (double before = seconds_since(begin); before < seconds;)
      for (Burst& burst : bursts) {
        burst.run(burst.iterations);
        const double after = seconds_since(begin);
        (burst.memory ? a.memory : a.compute) += after - before;
        a.operations += burst.operations * double(burst.iterations);
        a.bytes += burst.bytes * double(burst.iterations);
        before = after;
      }
    return a;
  }

  using Make = std::function<Burst(int64_t thread)>;
  // Bursts of both in turn, `first` of the one for each of the other.
  void add(std::string name, const Make& one, const Make& other = {}, int first = 1) {
    workloads_.push_back({std::move(name), [=](int64_t thread) {
                            std::vector<Burst> bursts(size_t(first), one(thread));
                            if (other) bursts.push_back(other(thread));
                            return bursts;
                          }});
  }

  // The length is found once, before anything is measured.
  static Make lasting(const std::function<Burst(int64_t)>& make) {
    Burst first = make(0);
    set_length(first);
    return [make, n = first.iterations](int64_t thread) {
      Burst burst = make(thread);
      burst.iterations = n;
      return burst;
    };
  }
  static Make reading(const Buffer& from) {
    return lasting([from](int64_t thread) {
      return Burst{[r = Reading(from.of(thread), from.floats)](int64_t n) mutable { r.run(n); }, 0,
                   double(kLineBytes), true};
    });
  }

  void add_computing() {
    floats_ = lasting([](int64_t) {
      return Burst{[](int64_t n) {
                     float x = kernels::peak_kernels().f32(n);
                     keep(x);
                   },
                   double(kernels::peak_kernels().f32_flops)};
    });
    chain_ = lasting([](int64_t) { return Burst{chain, 2}; });
    add("operations that wait for each other", chain_);
    add("multiply-adds", floats_);
    add("multiply-adds, half of the time", floats_, chain_);
    add("multiply-adds, a quarter of the time", chain_, floats_, 3);
  }

  void add_reading() {
    if (l2_.memory) add("reading the second level", reading(l2_));
    if (l3_.memory) add("reading the third level", reading(l3_));
    if (!dram_.memory) return;
    stream_ = reading(dram_);
    chase_ = lasting([from = dram_](int64_t thread) {
      return Burst{[c = Chase(from.of(thread), from.floats)](int64_t n) mutable { c.run(n); }, 0,
                   double(kLineBytes), true};
    });
    add("reading memory", stream_);
    add("lines of memory that wait for each other", chase_);
    add("reading memory, half of the time", stream_, chase_);
  }

  void add_mixtures() {
    if (l2_.memory) add("multiply-adds and the second level", floats_, reading(l2_));
    if (!dram_.memory) return;
    add("multiply-adds and memory", floats_, stream_);
    add("multiply-adds and memory, three to one", floats_, stream_, 3);
    add("waiting operations and memory", chain_, stream_);
  }

  ThreadPool pool_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  Buffer l2_, l3_, dram_;
  Make floats_, chain_, stream_, chase_;
  std::vector<Workload> workloads_;
};

}  // namespace

std::unique_ptr<PowerBench> host_power_bench(const Host& host, int threads) {
  return std::make_unique<HostPowerBench>(host, threads);
}

}  // namespace hone::calibrate
