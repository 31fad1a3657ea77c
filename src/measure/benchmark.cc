#include "measure/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/text.h"
#include "workers/protocol.h"
#include "workers/shared_memory.h"
#include "workers/worker.h"

namespace hone::measure {
namespace {

using workers::TensorSpan;
using workers::Worker;

constexpr uint64_t kAlignment = 64;
constexpr double kWarmUp = 0.2;  // seconds before the first round

uint64_t aligned(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

uint64_t room_for(const std::vector<NamedTensor>& tensors) {
  uint64_t bytes = 0;
  for (const NamedTensor& t : tensors) bytes += aligned(t.tensor.byte_size());
  return bytes;
}

// One engine with the model in it.
class Contestant {
 public:
  Contestant(const Subject& subject, const Plan& plan, const workers::Engine& engine)
      : subject_(subject), plan_(plan) {
    result.engine = &engine;
  }

  void prepare() {
    if (const Status done = try_prepare(); !done) give_up(done.error());
  }
  void measure() {
    if (!ready()) return;
    if (const Status done = take_turn(); !done) give_up(done.error());
  }
  void finish() {
    if (!ready()) return;
    if (const Status done = read_memory(); !done) return give_up(done.error());
    result.latency = median_of(result.seconds);
    worker_.reset();
  }

  Measured result;

 private:
  static constexpr Worker::Seconds kPatience{1};  // with what goes on behind a turn

  bool ready() const { return worker_ && result.error.empty() && result.parity.equal; }

  void give_up(const Error& error) {
    result.error = error.message;
    result.seconds.clear();
    worker_.reset();
  }

  Status try_prepare() {
    input_bytes_ = room_for(subject_.inputs);
    memory_.emplace(
        TRY(workers::SharedMemory::make(input_bytes_ + room_for(subject_.expected) + kAlignment)));
    worker_ = TRY(Worker::start(workers::launch_of(*result.engine, plan_.python), *memory_));
    const JsonDocument hello = TRY(call("hello"));
    if (TRY(TRY(hello.root().get("protocol")).as_int64()) != workers::kProtocol)
      return fail(ErrorId::unavailable, "the worker speaks another version of the protocol");
    constexpr size_t kMostVersion = 64;
    result.version =
        printable(TRY(TRY(hello.root().get("version")).as_string()).substr(0, kMostVersion));
    result.idle_memory_bytes = TRY(TRY(hello.root().get("idle_memory_bytes")).as_uint64());
    const JsonDocument opened = TRY(call("open", [&](JsonWriter& json) {
      json.member("path", result.engine->compiled ? subject_.compiled : subject_.path);
      json.member("threads", plan_.threads);
      json.member("follow_links", plan_.follow_links);
      json.member("measurements", plan_.measurements);
      json.key("limits");
      json.begin_object();
      for (const LimitInfo& limit : all_limits())
        json.member(limit.name, plan_.limits.*limit.field);
      json.end_object();
    }));
    result.load_s = TRY(TRY(opened.root().get("load_s")).as_double());
    TRY(feed());
    const JsonDocument first =
        TRY(call("run", [&](JsonWriter& json) { json.member("room", input_bytes_); }));
    result.first_s = TRY(TRY(first.root().get("first_s")).as_double());
    result.parity = compare_outputs(TRY(outputs_in(first.root(), *memory_, subject_.expected)),
                                    subject_.expected, subject_.tolerance);
    if (result.parity.equal) {
      TRY(bench(1, kWarmUp, false));
      worker_->settle(kPatience);
      return ok();
    }
    return read_memory();
  }

  // The first run meets caches full of what the others left there.
  Status take_turn() {
    TRY(bench(1, 0, false));
    TRY(bench(plan_.least_runs, plan_.seconds, true));
    worker_->settle(kPatience);
    return ok();
  }

  Result<JsonDocument> call(std::string_view name, const Worker::Members& arguments = nullptr) {
    return worker_->call(name, Worker::Seconds(plan_.deadline + plan_.seconds), arguments);
  }

  Status feed() {
    std::vector<TensorSpan> spans;
    uint64_t at = 0;
    for (const auto& [name, tensor] : subject_.inputs) {
      const auto bytes = uint64_t(tensor.byte_size());
      std::memcpy(TRY(memory_->part(at, bytes)).data(), tensor.data(), bytes);
      spans.push_back({name, std::string(hone::name(tensor.dtype())), tensor.shape(), at, bytes});
      at += aligned(bytes);
    }
    TRY(call("feed", [&](JsonWriter& json) {
      json.key("inputs");
      json.begin_array();
      for (const TensorSpan& span : spans) workers::write(json, span);
      json.end_array();
    }));
    return ok();
  }

  Status bench(uint64_t runs, double seconds, bool kept) {
    const JsonDocument reply = TRY(call("bench", [&](JsonWriter& json) {
      json.member("runs", runs);
      json.member("seconds", seconds);
    }));
    if (!kept) return ok();
    std::vector<double>& samples = result.seconds.emplace_back();
    for (const Json sample : TRY(reply.root().get("samples_ns")).elements()) {
      samples.push_back(TRY(sample.as_double()) / 1e9);
      if (!(samples.back() > 0)) return fail(ErrorId::malformed, "a run that took no time");
    }
    if (samples.size() < runs) return fail(ErrorId::malformed, "fewer runs than asked for");
    result.cpu_s += TRY(TRY(reply.root().get("cpu_s")).as_double());
    return ok();
  }

  Status read_memory() {
    const JsonDocument reply = TRY(call("memory"));
    result.peak_memory_bytes = TRY(TRY(reply.root().get("peak_memory_bytes")).as_uint64());
    return ok();
  }

  const Subject& subject_;
  const Plan& plan_;
  uint64_t input_bytes_ = 0;
  std::optional<workers::SharedMemory> memory_;
  std::unique_ptr<Worker> worker_;
};

// Largest |a - b| over largest |b|; infinite where only one is NaN.
double distance(const Tensor& a, const Tensor& b) {
  double largest = 0, scale = 0;
  for (int64_t i = 0; i < b.count(); ++i) {
    const double x = load_real(a, i), y = load_real(b, i);
    if (std::isnan(x) && std::isnan(y)) continue;
    if (x == y) {
      if (std::isfinite(y)) scale = std::max(scale, std::abs(y));
      continue;
    }
    if (!std::isfinite(x) || !std::isfinite(y)) return INFINITY;
    largest = std::max(largest, std::abs(x - y));
    scale = std::max(scale, std::abs(y));
  }
  return largest == 0 ? 0 : largest / std::max(scale, 1e-30);
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.data(), b.data(), size_t(a.byte_size())) == 0;
}

}  // namespace

Result<std::vector<NamedTensor>> outputs_in(const Json& reply, const workers::SharedMemory& memory,
                                            const std::vector<NamedTensor>& expected) {
  std::vector<NamedTensor> outputs;
  const auto spans = TRY(workers::read_tensors(reply, "outputs"));
  for (size_t i = 0; i < spans.size(); ++i) {
    const TensorSpan& span = spans[i];
    // No more than what is expected is copied.
    if (i >= expected.size() || span.bytes > uint64_t(expected[i].tensor.byte_size()))
      return fail(ErrorId::malformed, "the outputs are more or larger than those of the model");
    const auto bytes = TRY(memory.part(span.offset, span.bytes));
    const auto dtype = dtype_named(span.dtype);
    if (!dtype) return fail(ErrorId::bad_data, "an output of dtype " + printable(span.dtype));
    Tensor tensor = TRY(Tensor::make(*dtype, span.shape, uint64_t(bytes.size())));
    if (uint64_t(tensor.byte_size()) != span.bytes)
      return fail(ErrorId::malformed, "an output whose bytes are not those of its shape");
    std::memcpy(tensor.mutable_data(), bytes.data(), bytes.size());
    outputs.push_back({span.name, std::move(tensor)});
  }
  return outputs;
}

Parity compare_outputs(const std::vector<NamedTensor>& actual,
                       const std::vector<NamedTensor>& expected, double tolerance) {
  Parity parity;
  const auto differs = [&](std::string why) {
    parity.reason = std::move(why);
    return parity;
  };
  if (actual.size() != expected.size())
    return differs(fmt::format("{} outputs instead of {}", actual.size(), expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    const Tensor &a = actual[i].tensor, &b = expected[i].tensor;
    const std::string who = "output '" + printable(expected[i].name) + "'";
    if (actual[i].name != expected[i].name)
      return differs(who + " is called '" + printable(actual[i].name) + "'");
    if (a.dtype() != b.dtype() || a.shape() != b.shape())
      return differs(who + " is " + TensorType{a.dtype(), Shape::of(a.shape()), {}}.str() +
                     " instead of " + TensorType{b.dtype(), Shape::of(b.shape()), {}}.str());
    if (!is_float(b.dtype())) {
      if (!same_bytes(a, b)) return differs(who + " has other elements");
      continue;
    }
    parity.largest = std::max(parity.largest, distance(a, b));
    if (!(parity.largest <= tolerance))
      return differs(fmt::format("{} is off by {:.2g} of its largest element, {:.2g} is allowed",
                                 who, parity.largest, tolerance));
  }
  parity.equal = true;
  return parity;
}

std::vector<Measured> benchmark(const Subject& subject, const Plan& plan,
                                const std::function<void(size_t, size_t)>& progress) {
  std::vector<std::unique_ptr<Contestant>> contestants;
  for (const workers::Engine* engine : plan.engines)
    contestants.push_back(std::make_unique<Contestant>(subject, plan, *engine));
  const size_t steps = contestants.size() * size_t(plan.rounds + 1);
  size_t step = 0;
  const auto done = [&] {
    if (progress) progress(++step, steps);
  };
  for (auto& c : contestants) {
    c->prepare();
    done();
  }
  for (int round = 0; round < plan.rounds; ++round) {
    // Another one begins each round.
    for (size_t i = 0; i < contestants.size(); ++i) {
      contestants[(i + size_t(round)) % contestants.size()]->measure();
      done();
    }
  }
  std::vector<Measured> results;
  for (auto& c : contestants) {
    c->finish();
    results.push_back(std::move(c->result));
  }
  return results;
}

}  // namespace hone::measure
