// Choices that only the machine can answer: which of several forms of a node is fastest on it?
// Passes ask through a callback, and decide by a rule where nobody answers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "ir/model.h"

namespace hone {

// One way to compute a node: a model of it alone. Inputs are activations, constants are weights
// with made-up numbers.
struct Candidate {
  std::string name;  // "winograd"
  std::function<Result<Model>()> build;
};

// f32 numbers in [-0.5, 0.5): ordinary ones, for times depend on numbers only where they are not.
// Fails with `over_memory` where they are larger than a run may be.
Result<Tensor> made_up_weights(Extents shape, const Limits& limits);

// The times of two questions with equal names are the same on one machine.
struct Question {
  std::string name;  // operator, shapes, attributes: what the times depend on
  std::vector<Candidate> candidates;
};

// Seconds that each candidate takes, and how they became known.
struct Times {
  std::vector<double> seconds;  // none: not known
  std::string source;           // "measured", "remembered"
};
using Stopwatch = std::function<Times(const Question&)>;

// What was decided, for the report.
struct Decision {
  std::string question, chosen;
  std::string source;  // of the times; "rule" where there were none
  std::vector<std::pair<std::string, double>> seconds;  // of each candidate; none by rule
  size_t nodes = 0;                                     // for so many nodes of the model
};

// How passes choose.
struct Choosing {
  Stopwatch stopwatch;  // none: by rule alone
};

// A form that is better for other reasons stays unless another takes less than this share of its
// time: what is closer may be noise.
inline constexpr double kClearlyFaster = 0.97;

}  // namespace hone
