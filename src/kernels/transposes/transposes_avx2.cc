// Transposes with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/transposes/transposes_impl.h"

namespace hone::kernels {

const TransposeKernels kTransposesAvx2 = kTransposes;

}  // namespace hone::kernels
