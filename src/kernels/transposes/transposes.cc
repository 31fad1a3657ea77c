#include "kernels/transposes/transposes.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const TransposeKernels& transpose_kernels() {
#if defined(__x86_64__)
  static const TransposeKernels& best =
      best_of(kTransposesPortable, kTransposesAvx2, kTransposesAvx512);
  return best;
#else
  return kTransposesPortable;
#endif
}

}  // namespace hone::kernels
