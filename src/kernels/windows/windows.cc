#include "kernels/windows/windows.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const WindowKernels& window_kernels() {
#if defined(__x86_64__)
  static const WindowKernels& best = best_of(kWindowsPortable, kWindowsAvx2, kWindowsAvx512);
  return best;
#else
  return kWindowsPortable;
#endif
}

}  // namespace hone::kernels
