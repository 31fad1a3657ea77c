#include "kernels/winograd/winograd.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const WinogradKernels& winograd_kernels() {
#if defined(__x86_64__)
  static const WinogradKernels& best = has_avx512() ? kWinogradAvx512
                                       : has_avx2() ? kWinogradAvx2
                                                    : kWinogradPortable;
  return best;
#else
  return kWinogradPortable;
#endif
}

}  // namespace hone::kernels
