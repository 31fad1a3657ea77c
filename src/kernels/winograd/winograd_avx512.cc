// Winograd's transforms with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/winograd/winograd_impl.h"

namespace hone::kernels {

const WinogradKernels kWinogradAvx512 = kWinograd;

}  // namespace hone::kernels
