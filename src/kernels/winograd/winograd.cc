#include "kernels/winograd/winograd.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const WinogradKernels& winograd_kernels() {
#if defined(__x86_64__)
  static const WinogradKernels& best = best_of(kWinogradPortable, kWinogradAvx2, kWinogradAvx512);
  return best;
#else
  return kWinogradPortable;
#endif
}

}  // namespace hone::kernels
