#include "backends/cpu/byte_windows.h"

#include <cstring>

namespace hone::cpu {

namespace {

// Short runs are the rule in first layers: no call for these.
void copy(const uint8_t* from, int64_t n, uint8_t* to) {
  if (n > 16) {
    std::memcpy(to, from, size_t(n));
  } else if (n >= 8) {
    uint64_t first, last;
    std::memcpy(&first, from, sizeof first);
    std::memcpy(&last, from + n - 8, sizeof last);
    std::memcpy(to, &first, sizeof first);
    std::memcpy(to + n - 8, &last, sizeof last);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i];
  }
}

}  // namespace

void ByteWindows::gather(int64_t row, int64_t rows, uint8_t* to, int64_t step) const {
  const int64_t used = g_.positions() * depth_, per_plane = g_.out[1] * g_.out[2];
  int64_t image = row / g_.out_size(), z = row % g_.out_size() / per_plane;
  int64_t y = row % per_plane / g_.out[2], x = row % g_.out[2];
  for (int64_t r = 0; r < rows; ++r, to += step) {
    const int64_t at[3] = {z, y, x};
    gather_window(image, at, to);
    for (int64_t i = used; i < step; ++i) to[i] = 0;
    if (++x < g_.out[2]) continue;
    x = 0;
    if (++y < g_.out[1]) continue;
    y = 0;
    if (++z == g_.out[0]) z = 0, ++image;
  }
}

void ByteWindows::gather_window(int64_t image, const int64_t (&at)[3], uint8_t* to) const {
  int64_t first[3];
  for (int axis = 0; axis < 3; ++axis) first[axis] = at[axis] * g_.stride[axis] - g_.before[axis];
  const uint8_t* planes = x_ + image * g_.in_size() * g_.channels;
  const int64_t length = g_.kernel[2] * depth_;
  for (int64_t kz = 0; kz < g_.kernel[0]; ++kz) {
    const int64_t z = first[0] + kz * g_.dilation[0];
    for (int64_t ky = 0; ky < g_.kernel[1]; ++ky, to += length) {
      const int64_t y = first[1] + ky * g_.dilation[1];
      if (z < 0 || z >= g_.in[0] || y < 0 || y >= g_.in[1])
        std::memset(to, outside_, size_t(length));
      else
        gather_line(planes + (z * g_.in[1] + y) * g_.in[2] * g_.channels, first[2], to);
    }
  }
}

void ByteWindows::gather_line(const uint8_t* line, int64_t first, uint8_t* to) const {
  const int64_t kernel = g_.kernel[2], dilation = g_.dilation[2];
  const bool inside = first >= 0 && first + (kernel - 1) * dilation < g_.in[2];
  if (inside && dilation == 1 && depth_ == g_.channels)
    return copy(line + first * depth_, kernel * depth_, to);
  for (int64_t kx = 0; kx < kernel; ++kx, to += depth_) {
    const int64_t x = first + kx * dilation;
    if (x < 0 || x >= g_.in[2])
      std::memset(to, outside_, size_t(depth_));
    else
      copy(line + x * g_.channels, depth_, to);
  }
}

}  // namespace hone::cpu
