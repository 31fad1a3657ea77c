// Peaks with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/peaks/peaks_impl.h"

namespace hone::kernels {

const PeakKernels kPeaksAvx512 = kPeaks;

}  // namespace hone::kernels
