// Reductions with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/reductions/reductions_impl.h"

namespace hone::kernels {

const ReductionKernels kReductionsAvx2 = kReductions;

}  // namespace hone::kernels
