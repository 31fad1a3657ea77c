#include "kernels/lrn/lrn.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const LrnKernels& lrn_kernels() {
#if defined(__x86_64__)
  static const LrnKernels& best = best_of(kLrnPortable, kLrnAvx2, kLrnAvx512);
  return best;
#else
  return kLrnPortable;
#endif
}

}  // namespace hone::kernels
