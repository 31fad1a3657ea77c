// The one pool of threads; every parallel loop of the process goes through it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace hone {

class ThreadPool {
 public:
  // The calling thread is one of `threads`; 1 starts none, 0 means one for each CPU the process may
  // use.
  explicit ThreadPool(int threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  // As many as the process may use.
  static int usable_cpus();

  int size() const { return static_cast<int>(shares_.size()); }

  // Calls body(begin, end) for the pieces [0, grain), [grain, 2*grain) … of [0, count), each
  // exactly once, and returns when all are done. The pieces depend on count and grain alone, never
  // on the number of threads, so a sum kept per piece is the same for any pool. Which thread runs a
  // piece is not defined. A call from inside a body, or while another thread's loop runs, runs in
  // place. What a body throws, the first of several, is thrown on when all threads have left the
  // loop; some pieces have not run then.
  void parallel_for(int64_t count, int64_t grain,
                    const std::function<void(int64_t begin, int64_t end)>& body);

 private:
  // A thread's run of pieces. Who is done with its own helps with the others': on a shared machine
  // the slowest thread would otherwise decide.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  struct Job {
    int64_t count = 0, grain = 1;
    const std::function<void(int64_t, int64_t)>* body = nullptr;
  };

  void work(size_t self);
  void run_shares(size_t self);
  bool wait_for_job(uint64_t seen);

  std::vector<Share> shares_;
  Job job_;
  // Number of the job << 17 | open << 16 | threads inside it. A thread may enter only while the job
  // is open, so a loop that ends early need not wait for threads that are still asleep.
  alignas(64) std::atomic<uint64_t> gate_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> failed_{false};
  std::exception_ptr failure_;  // of the loop that runs; guarded by mutex_
  std::mutex submit_;           // one loop at a time
  std::mutex mutex_;            // guards the two conditions
  std::condition_variable wake_, left_;
  int asleep_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace hone
