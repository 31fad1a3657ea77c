// Products of bytes with the dot products of AVX-512 VNNI.
#include "kernels/integer_gemm/dots_avx512.h"

namespace hone::kernels {

const IntegerGemmKernel kIntegerGemmAvx512Vnni{
    12,      2,       1,       kDepthGroup, nullptr,     1,       dot_products<WideSums, 12, 2>,
    nullptr, nullptr, nullptr, thin,        kThinPanels, nullptr, nullptr,
    finish,  row_sums};

}  // namespace hone::kernels
