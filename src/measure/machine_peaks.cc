#include "measure/machine_peaks.h"

#include <algorithm>
#include <atomic>
#include <functional>

#include "base/pages.h"
#include "base/process.h"
#include "formats/json.h"
#include "hardware/host.h"
#include "kernels/peaks/peaks.h"

namespace hone::measure {
namespace {

constexpr int kRuns = 10;
constexpr double kSeconds = 0.01;    // that one run should take
constexpr double kGathering = 0.25;  // until all threads are there, at most

// `work(thread)` for each thread of the pool; seconds of the fastest of so many runs. Each thread
// takes one piece, for it waits in its piece until all have one; 0 where that does not come about.
double best_seconds(ThreadPool& pool, int runs, const std::function<void(int64_t)>& work) {
  double best = 1e300;
  for (int run = 0; run < runs; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    std::atomic<int> there{0};
    std::atomic<double> gathered{0};
    pool.parallel_for(pool.size(), 1, [&](int64_t thread, int64_t) {
      if (++there == pool.size()) gathered = seconds_since(begin);
      while (there < pool.size() && seconds_since(begin) < kGathering) continue;
      work(thread);
    });
    if (gathered == 0) return 0;  // more threads than can run at a time
    best = std::min(best, seconds_since(begin) - gathered);
  }
  return best;
}

// What a thread does so often.
using Work = std::function<void(int64_t thread, int64_t iterations)>;

// Units of work a second, with so many units in each iteration of each thread.
double rate(ThreadPool& pool, double units, const Work& work) {
  int64_t iterations = 1;
  const auto best = [&](int runs) {
    return best_seconds(pool, runs, [&](int64_t thread) { work(thread, iterations); });
  };
  for (double seconds = best(1);; seconds = best(1)) {
    if (seconds == 0) return 0;
    if (seconds >= kSeconds / 2) break;
    // Towards the time that is wanted, in steps: the first runs are slower.
    iterations = int64_t(double(iterations) * std::clamp(kSeconds / seconds, 1.5, 8.0)) + 1;
  }
  const double seconds = best(kRuns);
  return seconds > 0 ? units * double(iterations) * pool.size() / seconds : 0;
}

// Keeps the compiler from leaving out what nobody looks at.
template <class T>
void keep(T value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

constexpr int64_t kLine = 16;  // floats

double read_rate(ThreadPool& pool, uint64_t bytes) {
  const int64_t floats = int64_t(bytes / sizeof(float)) / pool.size() / kLine * kLine;
  const auto memory = zeroed_memory(size_t(floats) * sizeof(float) * size_t(pool.size()));
  if (!memory) return 0;
  float* all = reinterpret_cast<float*>(memory.get());
  // Pages that nothing was written to would all be one.
  for (int64_t i = 0; i < floats * pool.size(); i += 1024) all[i] = 1;
  const auto& kernels = kernels::peak_kernels();
  return rate(pool, double(floats) * sizeof(float), [&](int64_t thread, int64_t iterations) {
    for (int64_t i = 0; i < iterations; ++i) keep(kernels.read(all + thread * floats, floats));
  });
}

uint64_t cache_bytes(const Host& host, int level) {
  uint64_t bytes = 0;
  for (const Host::Cache& cache : host.caches)
    if (cache.level == level && cache.type != "Instruction") bytes = std::max(bytes, cache.bytes);
  return bytes;
}

}  // namespace

Result<std::map<int, MachinePeaks>> read_peaks(std::string_view report, const Host& host) {
  Ledger ledger{Limits()};
  const JsonDocument document = TRY(JsonDocument::parse(report, ledger));
  if (TRY(TRY(TRY(document.root().get("machine")).get("cpu")).as_string()) != host.cpu)
    return fail(ErrorId::bad_data, "the peaks were measured on another CPU");
  std::map<int, MachinePeaks> all;
  for (const Json peaks : TRY(document.root().get("calibrations")).elements()) {
    const int64_t threads = TRY(TRY(peaks.get("threads")).as_int64());
    if (threads < 1 || threads > 1024)
      return fail(ErrorId::bad_data, "peaks of " + std::to_string(threads) + " threads");
    MachinePeaks& p = all[int(threads)];
    for (const auto& [name, rate] : {std::pair("f32_flops", &p.f32_flops),
                                     {"int8_ops", &p.int8_ops},
                                     {"l2_bytes_per_s", &p.l2_bytes_per_s},
                                     {"l3_bytes_per_s", &p.l3_bytes_per_s},
                                     {"dram_bytes_per_s", &p.dram_bytes_per_s}}) {
      *rate = TRY(TRY(peaks.get(name)).as_double());
      if (*rate < 0) return fail(ErrorId::bad_data, std::string(name) + " is below 0");
    }
  }
  return all;
}

Level level_of(const MachinePeaks& peaks, const Host& host, uint64_t bytes, int threads) {
  if (peaks.l2_bytes_per_s > 0 && bytes <= cache_bytes(host, 2) * uint64_t(threads))
    return {"L2", peaks.l2_bytes_per_s};
  if (peaks.l3_bytes_per_s > 0 && bytes <= cache_bytes(host, 3) / 2)
    return {"L3", peaks.l3_bytes_per_s};
  return {"memory", peaks.dram_bytes_per_s};
}

MachinePeaks measure_peaks(ThreadPool& pool) {
  const auto& kernels = kernels::peak_kernels();
  MachinePeaks peaks;
  peaks.f32_flops =
      rate(pool, double(kernels.f32_flops), [&](int64_t, int64_t n) { keep(kernels.f32(n)); });
  peaks.int8_ops =
      rate(pool, double(kernels.int8_ops), [&](int64_t, int64_t n) { keep(kernels.int8(n)); });
  const Host host = detect_host();
  const uint64_t second = cache_bytes(host, 2), third = cache_bytes(host, 3);
  if (second > 0) peaks.l2_bytes_per_s = read_rate(pool, second / 2 * uint64_t(pool.size()));
  // More than the second-level caches of all cores, less than the third.
  const uint64_t within = std::max(2 * second * uint64_t(pool.size()), third / 4);
  if (third > 0 && within <= third / 2) peaks.l3_bytes_per_s = read_rate(pool, within);
  constexpr uint64_t kLeast = 256 << 20;
  const uint64_t beyond = std::max(4 * third, kLeast);
  if (beyond < host.available_bytes / 2) peaks.dram_bytes_per_s = read_rate(pool, beyond);
  return peaks;
}

}  // namespace hone::measure
