#include "kernels/windows/windows.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const WindowKernels& window_kernels() {
#if defined(__x86_64__)
  static const WindowKernels& best = has_avx512() ? kWindowsAvx512
                                     : has_avx2() ? kWindowsAvx2
                                                  : kWindowsPortable;
  return best;
#else
  return kWindowsPortable;
#endif
}

}  // namespace hone::kernels
