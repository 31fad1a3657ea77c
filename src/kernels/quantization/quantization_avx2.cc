// Quantization with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/quantization/quantization_impl.h"

namespace hone::kernels {

const QuantizationKernels kQuantizationAvx2 = kKernels;

}  // namespace hone::kernels
