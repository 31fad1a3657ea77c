// Records what ran when on which thread, and writes it for chrome://tracing and Perfetto.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/field.h"
#include "base/result.h"

namespace hone {

struct TraceSpan {
  std::string name, category;
  int64_t start_ns = 0;  // since the trace began
  int64_t duration_ns = 0;
  int thread = 0;  // small number, in the order in which threads appear
  std::vector<Field> args;
};

// Safe to use from several threads.
class Trace {
 public:
  Trace();
  int64_t now_ns() const;
  void add(TraceSpan span);
  // The number of the calling thread.
  int thread();
  // In the order in which they were added.
  std::vector<TraceSpan> spans() const;

  // "Trace Event Format", complete events ("ph": "X"), times in microseconds.
  std::string json() const;
  Status write(const std::string& path) const;

 private:
  std::chrono::steady_clock::time_point begin_;
  mutable std::mutex mutex_;
  std::vector<TraceSpan> spans_;
  std::vector<std::thread::id> threads_;
};

// Records the time from here to the end of the scope; does nothing without a trace.
class TraceScope {
 public:
  TraceScope(Trace* trace, std::string_view name, std::string_view category) : trace_(trace) {
    if (!trace_) return;
    span_.name = name;
    span_.category = category;
    span_.start_ns = trace_->now_ns();
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;
  ~TraceScope();
  void arg(Field field) {
    if (trace_) span_.args.push_back(std::move(field));
  }

 private:
  Trace* trace_;
  TraceSpan span_;
};

}  // namespace hone
