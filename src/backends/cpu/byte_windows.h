// A convolution of bytes as a product: a row for each result's pixel, made of what its window
// covers.
#pragma once

#include "backends/cpu/channels_last_geometry.h"
#include "kernels/integer_gemm/integer_gemm.h"

namespace hone::cpu {

// Of one group: `depth` channels of each pixel, from x on; x: [images, in..., channels]. What lies
// outside of the image is `outside`.
class ByteWindows : public kernels::ByteRowSource {
 public:
  ByteWindows(const Geometry& g, const uint8_t* x, int64_t depth, uint8_t outside)
      : g_(g), x_(x), depth_(depth), outside_(outside) {}
  void gather(int64_t row, int64_t rows, uint8_t* to, int64_t step) const override;

 private:
  // The windows of some results side by side, from result `at` on.
  struct Run {
    int64_t image, at[3], count;
  };
  // As far as they lie within their lines, and copies in whole blocks stay within all rows; how
  // many they are.
  int64_t gather_blocks(const Run& run, uint8_t* to, int64_t step, const uint8_t* end) const;
  // The line of all images under line k of a window; -1 outside of the image.
  int64_t line_of(int64_t image, const int64_t (&at)[3], int64_t k) const;
  void gather_window(int64_t image, const int64_t (&at)[3], uint8_t* to) const;
  void gather_line(const uint8_t* line, int64_t first, uint8_t* to) const;

  const Geometry& g_;
  const uint8_t* x_;
  int64_t depth_;
  uint8_t outside_;
};

}  // namespace hone::cpu
