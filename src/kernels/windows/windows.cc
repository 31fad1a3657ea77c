#include "kernels/windows/windows.h"

#include <algorithm>

#include "kernels/instruction_set.h"

namespace hone::kernels {

WindowLine window_line(WindowLine line, int64_t outputs) {
  const int64_t room = line.pixels - 1 - (line.taps - 1) * line.dilation + line.before;
  line.inner = std::clamp<int64_t>((line.before + line.stride - 1) / line.stride, 0, outputs);
  line.inner_end = room < 0 ? 0 : std::min(outputs, room / line.stride + 1);
  line.inner_end = std::max(line.inner, line.inner_end);
  return line;
}

const WindowKernels& window_kernels() {
#if defined(__x86_64__)
  static const WindowKernels& best = best_of(kWindowsPortable, kWindowsAvx2, kWindowsAvx512);
  return best;
#else
  return kWindowsPortable;
#endif
}

}  // namespace hone::kernels
