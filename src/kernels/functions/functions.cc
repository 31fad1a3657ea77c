#include "kernels/functions/functions.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const FunctionKernels& function_kernels() {
#if defined(__x86_64__)
  static const FunctionKernels& best =
      best_of(kFunctionsPortable, kFunctionsAvx2, kFunctionsAvx512);
  return best;
#else
  return kFunctionsPortable;
#endif
}

}  // namespace hone::kernels
