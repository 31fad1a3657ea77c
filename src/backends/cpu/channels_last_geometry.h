// The windows of operators whose channels are the last axis.
#pragma once

#include "backends/cpu/cpu.h"
#include "ops/window.h"

namespace hone::cpu {

// Everything as three spatial axes; missing leading ones have extent 1.
struct Geometry {
  int64_t images, channels;
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], before[3];
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t positions() const { return kernel[0] * kernel[1] * kernel[2]; }
  // Is each window one pixel, one after the other? Then the rows of a product are the pixels.
  bool covers_pixels() const;
};

// From the first input, [N, in..., C] or [N, C, in...], and the attributes of a window.
Result<Geometry> geometry_of(const Call& c, bool ceil_mode, bool channels_first = false);

// One to three spatial axes.
Support accepts_spatial(const Graph& graph, const Node& node);
// The same, of f32.
Support accepts_channels_last(const Graph& graph, const Node& node);

// Where the pixels under a window lie.
class Taps {
 public:
  Taps(const Geometry& g, const float* image, const float* outside)
      : g_(g), image_(image), outside_(outside) {}

  // Calls f(kernel position, pixel) for the window of output `o`; the pixel is `outside` where the
  // window leaves the image.
  template <class F>
  void each(int64_t o, F f) const {
    const int64_t at[3] = {o / (g_.out[1] * g_.out[2]), o / g_.out[2] % g_.out[1], o % g_.out[2]};
    int64_t k = 0;
    for (int64_t kz = 0; kz < g_.kernel[0]; ++kz) {
      const int64_t z = place(at[0], kz, 0);
      for (int64_t ky = 0; ky < g_.kernel[1]; ++ky) {
        const int64_t y = place(at[1], ky, 1);
        const bool row = z >= 0 && z < g_.in[0] && y >= 0 && y < g_.in[1];
        const float* line = image_ + (z * g_.in[1] + y) * g_.in[2] * g_.channels;
        for (int64_t kx = 0; kx < g_.kernel[2]; ++kx, ++k) {
          const int64_t x = place(at[2], kx, 2);
          f(k, row && x >= 0 && x < g_.in[2] ? line + x * g_.channels : outside_);
        }
      }
    }
  }

 private:
  int64_t place(int64_t o, int64_t k, int axis) const {
    return o * g_.stride[axis] - g_.before[axis] + k * g_.dilation[axis];
  }
  const Geometry& g_;
  const float* image_;
  const float* outside_;
};

}  // namespace hone::cpu
