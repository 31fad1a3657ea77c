// Windows over lines that are copied with zeros around them: then all rows of a convolution lie
// evenly, and products read them in place.
#pragma once

#include <vector>

#include "backends/cpu/channels_last_geometry.h"
#include "kernels/gemm/gemm.h"

namespace hone::cpu {

class WindowLines {
 public:
  // Of one group: `depth` channels of each pixel, from x on; x [images, in..., channels], or planes
  // [images, channels, in...].
  WindowLines(const Geometry& g, const float* x, int64_t depth, bool planes);

  const kernels::RowLines& lines() const { return lines_; }
  // Lines [line, line + count) of results.
  void lay_out(int64_t line, int64_t count, float* to) const;

 private:
  void copy(const float* line, float* to) const;

  const Geometry& g_;
  const float* x_;
  int64_t depth_;
  bool planes_;
  int64_t pixel_;                  // floats from one to the next
  int64_t pitch_ = 0, plane_ = 0;  // floats of a line, of a plane
  kernels::RowLines lines_;
  std::vector<int32_t> places_;
};

}  // namespace hone::cpu
