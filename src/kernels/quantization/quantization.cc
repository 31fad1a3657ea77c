#include "kernels/quantization/quantization.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const QuantizationKernels& quantization_kernels() {
#if defined(__x86_64__)
  static const QuantizationKernels& best =
      best_of(kQuantizationPortable, kQuantizationAvx2, kQuantizationAvx512);
  return best;
#else
  return kQuantizationPortable;
#endif
}

}  // namespace hone::kernels
