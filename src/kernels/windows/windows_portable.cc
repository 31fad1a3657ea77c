// Windows with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/windows/windows_impl.h"

namespace hone::kernels {

const WindowKernels kWindowsPortable = kWindows;

}  // namespace hone::kernels
