// One engine with one model in it, in a process of its own.
#pragma once

#include <memory>
#include <optional>

#include "measure/benchmark.h"
#include "workers/worker.h"

namespace hone::measure {

class Contestant {
 public:
  // Both have to outlive it.
  Contestant(const Subject& subject, const Plan& plan, const workers::Engine& engine);

  // Starts the engine, opens the model, runs once and compares the outputs; then runs for so many
  // seconds. What goes wrong here and below is the `error` of the result.
  void prepare(double warm_up);
  // One round of single runs. The first run meets caches full of what the others left there, and is
  // not kept.
  void take_turn();
  // One round of samples, each of so many runs that it takes `least` seconds and that there are no
  // more than so many samples of them in `plan.seconds`.
  void take_samples(double least, double most);
  // Runs for at least so many seconds; how often it ran.
  Result<int64_t> work(double seconds);
  // Waits until threads of the engine have given up looking for work.
  void settle();
  // Takes its memory, ends the process, and has the interval of the times.
  void finish();

  bool ready() const { return worker_ && result.error.empty() && result.parity.equal; }

  Measured result;

 private:
  Status try_prepare(double warm_up);
  Status open();
  Status feed();
  Status read_memory();
  Result<JsonDocument> call(std::string_view name, double seconds = 0,
                            const workers::Worker::Members& arguments = nullptr);
  Result<std::vector<TimeSample>> bench(uint64_t samples, double seconds, int64_t runs);
  void keep(std::vector<TimeSample> samples);
  void give_up(const Error& error);

  const Subject& subject_;
  const Plan& plan_;
  uint64_t input_bytes_ = 0;
  double run_seconds_ = 0;  // about
  std::optional<workers::SharedMemory> memory_;
  std::unique_ptr<workers::Worker> worker_;
};

}  // namespace hone::measure
