// Products of block-quantized weights with the dot products of AVX-512 VNNI.
#include "kernels/block_gemm/thin_runs_avx512.h"

namespace hone::kernels {
namespace {

void thin(const ThinBlocks& t) { t.weights->in_runs ? thin_in_runs(t) : thin_in_blocks(t); }

void prepare_thin(const ThinBlocks& t) {
  if (!t.weights->levels.none()) prepare_words(t);
}

}  // namespace

const BlockGemmKernel kBlockGemmAvx512Vnni{6,
                                           2,
                                           false,
                                           false,
                                           false,
                                           kBlockUnit,
                                           prepare,
                                           expand,
                                           block_tiles<Dots, 6, 2>,
                                           prepare_thin,
                                           thin,
                                           finish,
                                           nullptr,
                                           nullptr};

}  // namespace hone::kernels
