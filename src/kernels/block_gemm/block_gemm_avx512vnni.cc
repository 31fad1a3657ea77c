// Products of block-quantized weights with the dot products of AVX-512 VNNI.
#include "kernels/block_gemm/thin_avx512.h"

namespace hone::kernels {

const BlockGemmKernel kBlockGemmAvx512Vnni{
    6, 2, false, false, prepare, expand, block_tiles<Dots, 6, 2>, thin, finish, nullptr, nullptr};

}  // namespace hone::kernels
