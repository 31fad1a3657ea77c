// Runs a kernel for windows over all lines of a result, in pieces for threads and in strips whose
// input stays in the first-level cache from line to line.
#pragma once

#include <functional>

#include "backends/cpu/channels_last_geometry.h"
#include "kernels/windows/windows.h"

namespace hone::cpu {

// A line of results and the lines of the input under it.
struct OutputLine {
  int64_t number;  // of all lines of all images
  int64_t z, y;
  const kernels::InputLine* inputs;
  int64_t count;
};

// The kernel gives the part of a line; the parts of all calls make up the result, each element
// once. `weights` is [positions][channels], or null.
using LineKernel = std::function<void(const kernels::WindowLine& line, const OutputLine& output,
                                      const kernels::WindowPart& part)>;
void each_line(const Geometry& g, const float* x, const float* weights, ThreadPool& pool,
               const LineKernel& kernel);

}  // namespace hone::cpu
