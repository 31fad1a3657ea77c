// Copies of elements from one arrangement to another: what transposes, slices, broadcasts and the
// like come down to.
#pragma once

#include <cstddef>
#include <vector>

#include "base/thread_pool.h"
#include "ir/tensor.h"

namespace hone::cpu {

// Element p of `shape` goes from sum p_i * in_i to sum p_i * out_i, in elements; in_i may be 0 or
// negative. No two go to one place.
struct StridedCopy {
  Extents shape;
  std::vector<int64_t> in, out;

  void add(int64_t extent, int64_t in_stride, int64_t out_stride) {
    shape.push_back(extent);
    in.push_back(in_stride);
    out.push_back(out_stride);
  }
};

// `width` is that of an element in bytes: 1, 2, 4, 8 or 16.
void run(const StridedCopy& copy, size_t width, const std::byte* in, std::byte* out,
         ThreadPool& pool);

}  // namespace hone::cpu
