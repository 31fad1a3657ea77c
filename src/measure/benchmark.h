// Measures one model in several engines, in turn, each in a process of its own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "formats/json.h"
#include "ir/tensor.h"
#include "measure/noise.h"
#include "measure/statistics.h"
#include "workers/engines.h"
#include "workers/shared_memory.h"

namespace hone::measure {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct Subject {
  std::string path;      // of the model file
  std::string compiled;  // of its artefact, for engines that take that
  std::vector<NamedTensor> inputs;
  std::vector<NamedTensor> expected;  // outputs that engines are compared with
  double tolerance = 1e-3;            // largest |a - b| over largest |b|, of outputs of floats
};

struct Plan {
  std::vector<const workers::Engine*> engines;
  std::string python = "python3";  // the interpreter of engines that are Python modules
  int threads = 1;
  int rounds = 5;
  double seconds = 1;       // of one engine in one round
  uint64_t least_runs = 3;  // in that time, or longer
  double deadline = 600;    // seconds that one call may take, besides `seconds`
  Limits limits;            // of hone's own worker
  bool follow_links = false;
  std::string measurements;  // folder of the cache whose times choose kernels; "" for none
};

// How near the outputs of an engine come to what was expected.
struct Parity {
  bool equal = false;
  double largest = 0;  // over the outputs: largest |a - b| over largest |b|
  std::string reason;  // where they are not equal
};

struct Measured {
  const workers::Engine* engine = nullptr;
  std::string version;
  std::string error;  // why there is nothing else
  double load_s = 0;  // opening the model until it can run
  double first_s = 0;
  uint64_t idle_memory_bytes = 0;                             // the engine without a model
  uint64_t peak_memory_bytes = 0, resident_memory_bytes = 0;  // at the end
  Parity parity;
  TimeRounds samples;    // of single runs; none where the outputs are not those expected
  Rounds seconds;        // their wall times
  Interval latency;      // of these
  double cpu_s = 0;      // of all threads, in these runs
  size_t disturbed = 0;  // runs in which a thread was taken off its processor, or waited
};

// Each engine opens the model in a fresh process, takes the inputs and runs once. One whose outputs
// are not those expected is not timed. The others run in turn: A B A B, `rounds` times. What goes
// wrong in one engine is its `error`. `progress(done, all)` after each step, where it is given.
std::vector<Measured> benchmark(const Subject& subject, const Plan& plan,
                                const std::function<void(size_t, size_t)>& progress);

// The outputs that a worker's reply to "run" names, out of the memory it shares. Fails where they
// are more or larger than those expected, or do not lie in the memory.
Result<std::vector<NamedTensor>> outputs_in(const Json& reply, const workers::SharedMemory& memory,
                                            const std::vector<NamedTensor>& expected);

// Equal names and shapes; integers and booleans equal, floats within the tolerance.
Parity compare_outputs(const std::vector<NamedTensor>& actual,
                       const std::vector<NamedTensor>& expected, double tolerance);

}  // namespace hone::measure
