// Functions with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/functions/functions_impl.h"

namespace hone::kernels {

const FunctionKernels kFunctionsAvx2 = kFunctions;

}  // namespace hone::kernels
