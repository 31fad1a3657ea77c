// Products of bytes on all threads, and what the operators on them give to the kernels.
#pragma once

#include <memory>
#include <vector>

#include "base/thread_pool.h"
#include "ir/op.h"
#include "kernels/integer_gemm/integer_gemm.h"
#include "kernels/quantization/quantization.h"

namespace hone::cpu {

// Rows of A and columns of B are cut for the threads. `range`, where it is given, becomes that of
// the result.
void multiply_all(kernels::IntegerProduct product, ThreadPool& pool,
                  kernels::NumberRange* range = nullptr);

// An input of an operator as the kernels take it: signed bytes become unsigned ones, 128
// above.
struct TurnedBytes {
  std::unique_ptr<uint8_t[]> memory;
  const uint8_t* bytes = nullptr;
};
TurnedBytes turned_bytes(const Call& c, ThreadPool& pool, size_t input = 0);

// The epilogue of an operator that takes what quantized_product_inputs() lists, with a result in
// rows of n.
class IntegerRescaling {
 public:
  // x has `depth` elements in a row, as turned_bytes() gives them.
  IntegerRescaling(const Call& c, Tensor& y, int64_t n, int64_t depth);
  // Where weights have zero points: from the rows of x.
  bool needs_row_sums() const { return !column_terms_.empty(); }
  // Of columns from `first` on.
  kernels::IntegerEpilogue of_columns(int64_t first) const;
  // What stands for zero among the unsigned bytes of x.
  uint8_t x_zero() const { return x_zero_; }

 private:
  std::vector<int32_t> offsets_, column_terms_;
  std::vector<float> scales_;
  kernels::IntegerEpilogue epilogue_;
  uint8_t x_zero_ = 0;
};

}  // namespace hone::cpu
