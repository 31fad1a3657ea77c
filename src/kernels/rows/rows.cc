#include "kernels/rows/rows.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const RowKernels& row_kernels() {
#if defined(__x86_64__)
  static const RowKernels& best = best_of(kRowsPortable, kRowsAvx2, kRowsAvx512);
  return best;
#else
  return kRowsPortable;
#endif
}

}  // namespace hone::kernels
