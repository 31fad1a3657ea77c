#include "backends/cpu/window_lines.h"

#include <algorithm>

namespace hone::cpu {

WindowLines::WindowLines(const Geometry& g, const float* x, int64_t depth, bool planes)
    : g_(g), x_(x), depth_(depth), planes_(planes), pixel_(planes ? 1 : depth) {
  // One or two spatial axes. Windows of one pixel would not need all that is copied.
  if (g.in[0] != 1 || g.out[0] != 1 || g.kernel[0] != 1 || g.before[0] != 0 || g.positions() == 1 ||
      depth == 0)
    return;
  constexpr int64_t kLine = 16, kNearFloats = 1 << 18;
  const auto reach = [&](int axis) { return (g.kernel[axis] - 1) * g.dilation[axis] + 1; };
  const int64_t most = std::min(kernels::most_lines(g.out[2]), g.out[1]);
  const int64_t lines = (most - 1) * g.stride[1] + reach(1);
  const int64_t pixels = (g.out[2] - 1) * g.stride[2] + reach(2);
  // Each alone first: products of what a file says may not fit.
  if (std::max({lines, pixels, depth}) > kNearFloats) return;
  pitch_ = (pixels * pixel_ + kLine - 1) / kLine * kLine;
  if (pitch_ > kNearFloats) return;
  plane_ = lines * pitch_;
  const int64_t room = planes ? plane_ * depth : plane_;
  if (room > kNearFloats) return;
  for (int64_t ky = 0; ky < g.kernel[1]; ++ky)
    for (int64_t kx = 0; kx < g.kernel[2]; ++kx)
      for (int64_t d = 0; d < depth; ++d)
        places_.push_back(int32_t(ky * g.dilation[1] * pitch_ + kx * g.dilation[2] * pixel_ +
                                  d * (planes ? plane_ : 1)));
  lines_ = {.length = g.out[2],
            .lines = g.out[1],
            .line_step = g.stride[1] * pitch_,
            .step = g.stride[2] * pixel_,
            .places = places_.data(),
            .room = room};
}

void WindowLines::lay_out(int64_t line, int64_t count, float* to) const {
  const int64_t image = line / g_.out[1];
  const int64_t first = line % g_.out[1] * g_.stride[1] - g_.before[1];
  const int64_t lines = (count - 1) * g_.stride[1] + (g_.kernel[1] - 1) * g_.dilation[1] + 1;
  for (int64_t d = 0; d < (planes_ ? depth_ : 1); ++d) {
    for (int64_t l = 0; l < lines; ++l) {
      const int64_t y = first + l;
      const bool inside = y >= 0 && y < g_.in[1];
      const int64_t at = planes_ ? ((image * g_.channels + d) * g_.in[1] + y) * g_.in[2]
                                 : (image * g_.in[1] + y) * g_.in[2] * g_.channels;
      copy(inside ? x_ + at : nullptr, to + d * plane_ + l * pitch_);
    }
  }
}

void WindowLines::copy(const float* line, float* to) const {
  const int64_t width = pitch_ / pixel_;
  const int64_t begin = std::min(width, g_.before[2]);
  const int64_t end = line ? std::min(width, begin + g_.in[2]) : begin;
  std::fill_n(to, begin * pixel_, 0.0f);
  if (planes_ || depth_ == g_.channels)
    std::copy_n(line, (end - begin) * pixel_, to + begin * pixel_);
  else
    kernels::gemm_kernel().copy(line, g_.channels, to + begin * pixel_, pixel_, end - begin,
                                pixel_);
  std::fill(to + end * pixel_, to + pitch_, 0.0f);
}

}  // namespace hone::cpu
