// Paged attention with the vectors of this file's instruction set (see cmake/kernels.cmake).
#include "kernels/paged_attention/paged_attention_impl.h"

namespace hone::kernels {

const PagedAttentionKernels kPagedAttentionAvx512 = kPagedAttention;

}  // namespace hone::kernels
