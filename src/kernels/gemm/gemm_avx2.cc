// Matrix products with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/gemm/tile.h"

namespace hone::kernels {

const GemmKernel kGemmAvx2{6,    2 * Vector::kWidth, nullptr,     tile<6, 2>,
                           thin, finish_rows,        spread_each, copy};

}  // namespace hone::kernels
