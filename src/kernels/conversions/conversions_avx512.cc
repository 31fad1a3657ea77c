// Conversions with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/conversions/conversions_impl.h"

namespace hone::kernels {

const ConversionKernels kConversionsAvx512 = kConversions;

}  // namespace hone::kernels
