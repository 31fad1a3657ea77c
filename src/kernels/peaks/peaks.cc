#include "kernels/peaks/peaks.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const PeakKernels& peak_kernels() {
#if defined(__x86_64__)
  static const PeakKernels& best = best_of(kPeaksPortable, kPeaksAvx2, kPeaksAvx512);
  return best;
#else
  return kPeaksPortable;
#endif
}

}  // namespace hone::kernels
