#include "kernels/rows/rows.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const RowKernels& row_kernels() {
#if defined(__x86_64__)
  static const RowKernels& best = has_avx512() ? kRowsAvx512
                                  : has_avx2() ? kRowsAvx2
                                               : kRowsPortable;
  return best;
#else
  return kRowsPortable;
#endif
}

}  // namespace hone::kernels
