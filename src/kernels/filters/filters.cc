#include "kernels/filters/filters.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const FilterKernels& filter_kernels() {
#if defined(__x86_64__)
  static const FilterKernels& best = best_of(kFiltersPortable, kFiltersAvx2, kFiltersAvx512);
  return best;
#else
  return kFiltersPortable;
#endif
}

}  // namespace hone::kernels
