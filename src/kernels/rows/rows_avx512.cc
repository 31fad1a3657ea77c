// Rows with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/rows/rows_impl.h"

namespace hone::kernels {

const RowKernels kRowsAvx512 = kRows;

}  // namespace hone::kernels
