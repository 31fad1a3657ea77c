#include "measure/contestant.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.h"
#include "workers/protocol.h"

namespace hone::measure {
namespace {

using workers::TensorSpan;
using workers::Worker;

constexpr uint64_t kAlignment = 64;
constexpr Worker::Seconds kPatience{1};  // with what goes on behind a turn

uint64_t aligned(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

uint64_t room_for(const std::vector<NamedTensor>& tensors) {
  uint64_t bytes = 0;
  for (const NamedTensor& t : tensors) bytes += aligned(t.tensor.byte_size());
  return bytes;
}

Result<std::vector<double>> numbers(const Json& reply, std::string_view key) {
  std::vector<double> all;
  for (const Json number : TRY(reply.get(key)).elements()) {
    all.push_back(TRY(number.as_double()));
    if (!(all.back() >= 0))
      return fail(ErrorId::malformed, "the worker counts below 0: " + std::string(key));
  }
  return all;
}

}  // namespace

Contestant::Contestant(const Subject& subject, const Plan& plan, const workers::Engine& engine)
    : subject_(subject), plan_(plan) {
  result.engine = &engine;
}

void Contestant::prepare(double warm_up) {
  if (const Status done = try_prepare(warm_up); !done) give_up(done.error());
}

void Contestant::take_turn() {
  if (!ready()) return;
  if (const auto first = bench(1, 0, 1); !first) return give_up(first.error());
  auto samples = bench(plan_.least_runs, plan_.seconds, 1);
  if (!samples) return give_up(samples.error());
  keep(samples.take());
  settle();
}

void Contestant::take_samples(double least, double most) {
  if (!ready()) return;
  const double seconds = std::max(least, plan_.seconds / std::max(most, 1.0));
  constexpr double kMostRuns = 1e6;
  const auto runs =
      int64_t(std::clamp(std::ceil(seconds / std::max(run_seconds_, 1e-9)), 1.0, kMostRuns));
  auto samples = bench(plan_.least_runs, plan_.seconds, runs);
  if (!samples) return give_up(samples.error());
  keep(samples.take());
  settle();
}

Result<int64_t> Contestant::work(double seconds) {
  // In samples of a tenth of a second: what they are told apart for does not matter here.
  const auto runs = std::max<int64_t>(1, std::llround(0.1 / std::max(run_seconds_, 1e-7)));
  const auto samples = TRY(bench(1, seconds, runs));
  return int64_t(samples.size()) * runs;
}

void Contestant::settle() {
  if (worker_) worker_->settle(kPatience);
}

void Contestant::finish() {
  if (!ready()) return;
  if (const Status done = read_memory(); !done) return give_up(done.error());
  result.latency = median_of(result.seconds);
  worker_.reset();
}

void Contestant::give_up(const Error& error) {
  result.error = error.message;
  result.seconds.clear();
  result.samples.clear();
  worker_.reset();
}

Status Contestant::try_prepare(double warm_up) {
  input_bytes_ = room_for(subject_.inputs);
  memory_.emplace(
      TRY(workers::SharedMemory::make(input_bytes_ + room_for(subject_.expected) + kAlignment)));
  worker_ = TRY(Worker::start(workers::launch_of(*result.engine, plan_.python), *memory_));
  TRY(open());
  TRY(feed());
  const JsonDocument first =
      TRY(call("run", 0, [&](JsonWriter& json) { json.member("room", input_bytes_); }));
  result.first_s = TRY(TRY(first.root().get("first_s")).as_double());
  result.parity = compare_outputs(TRY(outputs_in(first.root(), *memory_, subject_.expected)),
                                  subject_.expected, subject_.tolerance);
  if (!result.parity.equal) return read_memory();
  std::vector<double> times;
  for (const TimeSample& s : TRY(bench(1, warm_up, 1))) times.push_back(s.wall_s);
  run_seconds_ = median(times);
  settle();
  return ok();
}

Status Contestant::open() {
  const JsonDocument hello = TRY(call("hello"));
  if (TRY(TRY(hello.root().get("protocol")).as_int64()) != workers::kProtocol)
    return fail(ErrorId::unavailable, "the worker speaks another version of the protocol");
  constexpr size_t kMostVersion = 64;
  result.version =
      printable(TRY(TRY(hello.root().get("version")).as_string()).substr(0, kMostVersion));
  result.idle_memory_bytes = TRY(TRY(hello.root().get("idle_memory_bytes")).as_uint64());
  const JsonDocument opened = TRY(call("open", 0, [&](JsonWriter& json) {
    json.member("path", result.engine->compiled ? subject_.compiled : subject_.path);
    json.member("threads", plan_.threads);
    json.member("follow_links", plan_.follow_links);
    json.member("measurements", plan_.measurements);
    json.key("limits");
    json.begin_object();
    for (const LimitInfo& limit : all_limits()) json.member(limit.name, plan_.limits.*limit.field);
    json.end_object();
  }));
  result.load_s = TRY(TRY(opened.root().get("load_s")).as_double());
  return ok();
}

Result<JsonDocument> Contestant::call(std::string_view name, double seconds,
                                      const Worker::Members& arguments) {
  return worker_->call(name, Worker::Seconds(plan_.deadline + seconds), arguments);
}

Status Contestant::feed() {
  std::vector<TensorSpan> spans;
  uint64_t at = 0;
  for (const auto& [name, tensor] : subject_.inputs) {
    const auto bytes = uint64_t(tensor.byte_size());
    std::memcpy(TRY(memory_->part(at, bytes)).data(), tensor.data(), bytes);
    spans.push_back({name, std::string(hone::name(tensor.dtype())), tensor.shape(), at, bytes});
    at += aligned(bytes);
  }
  TRY(call("feed", 0, [&](JsonWriter& json) {
    json.key("inputs");
    json.begin_array();
    for (const TensorSpan& span : spans) workers::write(json, span);
    json.end_array();
  }));
  return ok();
}

Result<std::vector<TimeSample>> Contestant::bench(uint64_t samples, double seconds, int64_t runs) {
  const JsonDocument reply = TRY(call("bench", seconds, [&](JsonWriter& json) {
    json.member("samples", samples);
    json.member("seconds", seconds);
    json.member("runs", runs);
  }));
  const auto wall = TRY(numbers(reply.root(), "samples_ns"));
  const auto cpu = TRY(numbers(reply.root(), "cpu_ns"));
  const auto switches = TRY(numbers(reply.root(), "switches"));
  if (wall.size() < samples) return fail(ErrorId::malformed, "fewer samples than asked for");
  if (cpu.size() != wall.size() || switches.size() != wall.size())
    return fail(ErrorId::malformed, "samples without their CPU time");
  std::vector<TimeSample> all;
  for (size_t i = 0; i < wall.size(); ++i) {
    if (!(wall[i] > 0)) return fail(ErrorId::malformed, "a run that took no time");
    all.push_back({wall[i] / 1e9, cpu[i] / 1e9, int64_t(std::min(switches[i], 1e15)), runs});
  }
  return all;
}

void Contestant::keep(std::vector<TimeSample> samples) {
  std::vector<double>& seconds = result.seconds.emplace_back();
  for (const TimeSample& s : samples) {
    seconds.push_back(s.seconds());
    result.cpu_s += s.cpu_s;
    result.disturbed += is_disturbed(s, plan_.threads) ? 1 : 0;
  }
  result.samples.push_back(std::move(samples));
}

Status Contestant::read_memory() {
  const JsonDocument reply = TRY(call("memory"));
  result.peak_memory_bytes = TRY(TRY(reply.root().get("peak_memory_bytes")).as_uint64());
  result.resident_memory_bytes = TRY(TRY(reply.root().get("resident_memory_bytes")).as_uint64());
  return ok();
}

}  // namespace hone::measure
