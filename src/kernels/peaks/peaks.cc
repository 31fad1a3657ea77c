#include "kernels/peaks/peaks.h"

#include "kernels/instruction_set.h"

namespace hone::kernels {

const PeakKernels& peak_kernels() {
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::amx) return kPeaksAmx;
  if (instruction_set() == InstructionSet::avx512vnni) return kPeaksAvx512Vnni;
  return best_of(kPeaksPortable, kPeaksAvx2, kPeaksAvx512);
#else
  return kPeaksPortable;
#endif
}

}  // namespace hone::kernels
