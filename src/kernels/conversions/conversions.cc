#include "kernels/conversions/conversions.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const ConversionKernels& conversion_kernels() {
#if defined(__x86_64__)
  static const ConversionKernels& best =
      best_of(kConversionsPortable, kConversionsAvx2, kConversionsAvx512);
  return best;
#else
  return kConversionsPortable;
#endif
}

}  // namespace hone::kernels
