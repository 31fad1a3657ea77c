// Weighted sums with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/blends/blends_impl.h"

namespace hone::kernels {

const BlendKernels kBlendsAvx2 = kBlends;

}  // namespace hone::kernels
