#include "kernels/blends/blends.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const BlendKernels& blend_kernels() {
#if defined(__x86_64__)
  static const BlendKernels& best = best_of(kBlendsPortable, kBlendsAvx2, kBlendsAvx512);
  return best;
#else
  return kBlendsPortable;
#endif
}

}  // namespace hone::kernels
