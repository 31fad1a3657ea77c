#include "backends/cpu/byte_windows.h"

#include <algorithm>
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
  const int64_t per_plane = g_.out[1] * g_.out[2];
  const uint8_t* end = to + rows * step;
  while (rows > 0) {
    Run run{row / g_.out_size(),
            {row % g_.out_size() / per_plane, row % per_plane / g_.out[2], row % g_.out[2]},
            1};
    run.count = std::min(rows, g_.out[2] - run.at[2]);
    const int64_t blocks = gather_blocks(run, to, step, end);
    if (blocks > 0)
      run.count = blocks;
    else
      run.count = 1, gather_window(run.image, run.at, to);
    row += run.count, rows -= run.count, to += run.count * step;
  }
}

int64_t ByteWindows::gather_blocks(const Run& run, uint8_t* to, int64_t step,
                                   const uint8_t* end) const {
  constexpr int64_t kBlock = 16, kLongest = 64;
  constexpr int64_t kLines = 16;
  const int64_t length = g_.kernel[2] * depth_, lines = g_.kernel[0] * g_.kernel[1];
  if (length > kLongest || lines > kLines || g_.dilation[2] != 1 || depth_ != g_.channels) return 0;
  const int64_t first = run.at[2] * g_.stride[2] - g_.before[2];
  const int64_t inside = g_.in[2] - first - g_.kernel[2];
  // What a block holds beyond a line is overwritten by those behind it.
  const int64_t written = (length + kBlock - 1) / kBlock * kBlock;
  const int64_t room = end - to - (lines - 1) * length - written;
  if (first < 0 || inside < 0 || room < 0) return 0;
  int64_t count = std::min({run.count, inside / g_.stride[2] + 1, room / step + 1});
  const int64_t move = g_.stride[2] * g_.channels;
  const int64_t last = g_.images * g_.in_size() * g_.channels - written;
  int64_t from[kLines];  // of the first window; -1 outside of the image
  for (int64_t k = 0; k < lines; ++k) {
    const int64_t line = line_of(run.image, run.at, k);
    from[k] = line < 0 ? -1 : (line * g_.in[2] + first) * g_.channels;
    if (from[k] > last) return 0;
    if (line >= 0) count = std::min(count, (last - from[k]) / move + 1);
  }
  alignas(kBlock) uint8_t outside[kBlock];
  std::memset(outside, outside_, sizeof outside);
  for (int64_t i = 0; i < count; ++i, to += step)
    for (int64_t k = 0; k < lines; ++k)
      for (int64_t at = 0; at < length; at += kBlock)
        std::memcpy(to + k * length + at, from[k] < 0 ? outside : x_ + from[k] + i * move + at,
                    kBlock);
  return count;
}

int64_t ByteWindows::line_of(int64_t image, const int64_t (&at)[3], int64_t k) const {
  const int64_t z = at[0] * g_.stride[0] - g_.before[0] + k / g_.kernel[1] * g_.dilation[0];
  const int64_t y = at[1] * g_.stride[1] - g_.before[1] + k % g_.kernel[1] * g_.dilation[1];
  const bool inside = z >= 0 && z < g_.in[0] && y >= 0 && y < g_.in[1];
  return inside ? (image * g_.in[0] + z) * g_.in[1] + y : -1;
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
