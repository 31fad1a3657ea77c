#include "kernels/paged_attention/paged_attention.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const PagedAttentionKernels& paged_attention_kernels() {
#if defined(__x86_64__)
  static const PagedAttentionKernels& best =
      best_of(kPagedAttentionPortable, kPagedAttentionAvx2, kPagedAttentionAvx512);
  return best;
#else
  return kPagedAttentionPortable;
#endif
}

}  // namespace hone::kernels
