// Normalization by neighbours with the vectors of this file's instruction set (see
// cmake/kernels.cmake).
#include "kernels/lrn/lrn_impl.h"

namespace hone::kernels {

const LrnKernels kLrnPortable = kLrn;

}  // namespace hone::kernels
