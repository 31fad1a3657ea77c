// Rows of operands that are broadcast together.
#pragma once

#include <algorithm>
#include <functional>

#include "backends/cpu/cpu.h"
#include "ops/common.h"

namespace hone::cpu {

// The walk over a result and its operands, axes merged where all of them go on as one. Along a row
// an operand moves by one element or stands still.
class Broadcast {
 public:
  Broadcast(const Extents& out, std::span<const Tensor* const> operands);

  // Calls f(first element of the result, its number, first element of each operand).
  using Row = std::function<void(int64_t to, int64_t n, const int64_t* from)>;
  void each_row(ThreadPool& pool, int64_t grain, const Row& f) const;
  int64_t step(size_t operand) const { return strides_[operand].back(); }

 private:
  Extents shape_;
  std::vector<std::vector<int64_t>> strides_;
};

}  // namespace hone::cpu
