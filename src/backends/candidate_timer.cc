#include "backends/candidate_timer.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/log.h"
#include "runtime/program.h"
#include "runtime/session.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

constexpr uint64_t kMostBytes = uint64_t{1} << 30;     // of the values of one candidate
constexpr uint64_t kMostBetween = uint64_t{32} << 20;  // more takes too long to read
constexpr size_t kMostRuns = 30, kLeastRuns = 5;
constexpr double kPatience = 4;  // times longer, for the least runs

// A candidate that is ready to run, with its inputs.
class Contestant {
 public:
  static Result<Contestant> make(const Candidate& candidate, const Backend& backend,
                                 ThreadPool& pool, const Limits& limits) {
    auto model = std::make_shared<const Model>(TRY(candidate.build()));
    auto program = TRY(Program::make(model, {&backend}, limits));
    Contestant c(Session(std::move(program), pool));
    for (const ValueId v : model->main().inputs) {
      const TensorType& type = model->main()[v].type.tensor;
      const auto extents = type.shape.fixed();
      const bool bytes = type.dtype == DType::i8 || type.dtype == DType::u8;
      if (!extents || (type.dtype != DType::f32 && !bytes))
        return fail(ErrorId::internal, "a candidate takes f32 or byte inputs of fixed size");
      Tensor input = TRY(Tensor::make(type.dtype, *extents, limits.runtime_memory));
      if (bytes)
        for (int64_t i = 0; i < input.count(); ++i) input.mutable_data()[i] = std::byte(i * 31);
      else
        for (int64_t i = 0; float& x : input.as<float>()) x = float(i++ * 31 % 509) / 254.5f - 1;
      c.inputs_.emplace_back(std::move(input));
    }
    return c;
  }

  // The inputs come out of the node before: they are as near as they are then.
  void touch_inputs() const {
    unsigned sum = 0;
    for (const Datum& input : inputs_)
      for (int64_t i = 0; i < input.tensor.byte_size(); ++i)
        sum += unsigned(input.tensor.data()[i]);
    volatile unsigned sink = sum;
    (void)sink;
  }

  Result<double> run() {
    const auto begin = Clock::now();
    TRY(session_.run(inputs_));
    return seconds_since(begin);
  }

  double least = 0;

 private:
  explicit Contestant(Session session) : session_(std::move(session)) {}
  Session session_;
  std::vector<Datum> inputs_;
};

Result<std::vector<Contestant>> contestants(const Question& question, const Backend& backend,
                                            ThreadPool& pool, const Limits& limits) {
  std::vector<Contestant> made;
  for (const Candidate& candidate : question.candidates) {
    made.push_back(TRY(Contestant::make(candidate, backend, pool, limits)));
    made.back().least = TRY(made.back().run());  // plans, and takes its memory
  }
  return made;
}

}  // namespace

CandidateTimer::CandidateTimer(const Backend& backend, ThreadPool& pool, uint64_t bytes_between,
                               const Limits& limits, TimingBudget budget)
    : backend_(backend),
      pool_(pool),
      limits_(limits),
      budget_(budget),
      between_floats_(std::min({bytes_between, kMostBetween, limits.runtime_memory}) /
                      sizeof(float)) {
  limits_.runtime_memory = std::min(limits_.runtime_memory, kMostBytes);
}

// Read by all threads, so that no core's own cache keeps what it had.
void CandidateTimer::forget_weights() {
  constexpr int64_t kPiece = 16384;
  between_.resize(between_floats_);
  const auto count = int64_t(between_.size());
  std::atomic<float> sink{0};
  pool_.parallel_for(count, kPiece, [&](int64_t begin, int64_t end) {
    float sum = 0;
    for (int64_t i = begin; i < end; i += 16) sum += between_[size_t(i)];  // one of a cache line
    sink.store(sum, std::memory_order_relaxed);
  });
}

std::vector<double> CandidateTimer::time(const Question& question) {
  if (spent_ >= budget_.model) return {};
  const double until = std::min(budget_.question, budget_.model - spent_);
  forget_weights();
  const auto begin = Clock::now();
  auto all = contestants(question, backend_, pool_, limits_);
  Status done = ok();
  for (size_t round = 0; all && done && round < kMostRuns; ++round) {
    // What is disturbed once or twice is still told by the others.
    const double patience = round < kLeastRuns ? kPatience : 1;
    if (round > 0 && seconds_since(begin) >= patience * until) break;
    for (Contestant& c : *all) {
      forget_weights();
      c.touch_inputs();
      const auto seconds = c.run();
      if (!seconds) {
        done = seconds.error();
        break;
      }
      c.least = std::min(c.least, *seconds);
    }
  }
  spent_ += seconds_since(begin);
  if (!all || !done) {
    LOG(debug, "a choice cannot be measured",
        {{"question", question.name}, {"reason", (all ? done.error() : all.error()).message}});
    return {};
  }
  std::vector<double> least;
  for (const Contestant& c : *all) least.push_back(c.least);
  return least;
}

}  // namespace hone
