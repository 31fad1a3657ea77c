#include "kernels/byte_depthwise/byte_depthwise.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const ByteDepthwiseKernels& byte_depthwise_kernels() {
#if defined(__x86_64__)
  const InstructionSet set = instruction_set();
  if (set >= InstructionSet::avx512vnni) return kByteDepthwiseAvx512Vnni;
  if (set >= InstructionSet::avx2) return kByteDepthwiseAvx2;
#endif
  return kByteDepthwisePortable;
}

}  // namespace hone::kernels
