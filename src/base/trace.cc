// Collecting spans and writing them in the Trace Event Format.
#include "base/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/json_writer.h"

namespace hone {
namespace {

// Microseconds with the nanoseconds kept, without going through floating point.
std::string microseconds(int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

}  // namespace

Trace::Trace() : begin_(std::chrono::steady_clock::now()) {}

int64_t Trace::now_ns() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() -
                                                              begin_)
      .count();
}

void Trace::add(TraceSpan span) {
  const std::lock_guard lock(mutex_);
  spans_.push_back(std::move(span));
}

int Trace::thread() {
  const std::lock_guard lock(mutex_);
  const auto self = std::this_thread::get_id();
  const auto found = std::find(threads_.begin(), threads_.end(), self);
  if (found != threads_.end()) return static_cast<int>(found - threads_.begin());
  threads_.push_back(self);
  return static_cast<int>(threads_.size()) - 1;
}

std::vector<TraceSpan> Trace::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

std::string Trace::json() const {
  const std::lock_guard lock(mutex_);
  std::string out = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [";
  bool first = true;
  for (const TraceSpan& span : spans_) {
    out += first ? "\n" : ",\n";
    first = false;
    JsonWriter json(out, 0);
    json.begin_object();
    json.member("name", span.name);
    json.member("cat", span.category);
    json.member("ph", "X");
    json.key("ts");
    json.raw(microseconds(std::max<int64_t>(span.start_ns, 0)));
    json.key("dur");
    json.raw(microseconds(std::max<int64_t>(span.duration_ns, 0)));
    json.member("pid", 1);
    json.member("tid", span.thread);
    if (!span.args.empty()) {
      json.key("args");
      json.begin_object();
      for (const Field& field : span.args) json.member(field);
      json.end_object();
    }
    json.end_object();
  }
  out += "\n]}\n";
  return out;
}

Status Trace::write(const std::string& path) const { return write_file(path, json()); }

TraceScope::~TraceScope() {
  if (!trace_) return;
  span_.duration_ns = trace_->now_ns() - span_.start_ns;
  span_.thread = trace_->thread();
  trace_->add(std::move(span_));
}

}  // namespace hone
