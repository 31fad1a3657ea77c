// Measured choices of one compilation: asks the memory of the cache, and the machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/candidate_timer.h"
#include "base/json_writer.h"
#include "base/limits.h"
#include "base/thread_pool.h"
#include "hone/hone.h"
#include "passes/choice.h"
#include "runtime/backend.h"
#include "store/cache.h"

namespace hone {

class Chooser {
 public:
  // Fails with `usage` where options.measure is no word for it. Without a cache that can be used,
  // nothing is remembered.
  static Result<std::unique_ptr<Chooser>> make(const v1::CompileOptions& options,
                                               const Backend& backend, const Model& model,
                                               const Limits& limits);

  // How passes choose; not to outlive the chooser.
  Choosing choosing();
  // Names the CPU, kernels and threads that the times are of. Not known before a question.
  const std::string& machine() const { return machine_; }

 private:
  enum class Measure : uint8_t { never, cached, missing, always };
  Chooser(Measure measure, const v1::CompileOptions& options, const Backend& backend,
          const Model& model, const Limits& limits);
  Times answer(const Question& question);
  Times recall(const Question& question);
  Times measure(const Question& question);
  void open_memory();

  Measure measure_;
  const v1::CompileOptions& options_;
  const Backend& backend_;
  const Limits& limits_;
  uint64_t weights_ = 0;  // bytes
  bool opened_ = false;
  std::string machine_;
  std::shared_ptr<Cache> memory_;  // null: none
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<CandidateTimer> timer_;
};

// The members of a choice but its machine.
void write_members(JsonWriter& json, const v1::Choice& choice);

// The decisions as metadata of a model, and back: {"machine", "choices": [{"question", "chosen",
// "source", "nodes", "seconds": {NAME: S}}]}.
std::string print_choices(const std::vector<Decision>& decisions, const std::string& machine);
std::vector<v1::Choice> choices_of(const Model& model);
inline constexpr std::string_view kChoicesKey = "choices";

}  // namespace hone
