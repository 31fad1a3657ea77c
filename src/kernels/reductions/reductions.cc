#include "kernels/reductions/reductions.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const ReductionKernels& reduction_kernels() {
#if defined(__x86_64__)
  static const ReductionKernels& best =
      best_of(kReductionsPortable, kReductionsAvx2, kReductionsAvx512);
  return best;
#else
  return kReductionsPortable;
#endif
}

}  // namespace hone::kernels
