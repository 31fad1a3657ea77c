#include "calibrate/host_machine.h"

#include "kernels/block_gemm/block_gemm.h"
#include "kernels/gemm/gemm.h"
#include "kernels/instruction_set.h"
#include "kernels/integer_gemm/integer_gemm.h"

namespace hone::calibrate {

estimate::Machine host_machine(const Host& host, int threads) {
  using kernels::InstructionSet;
  estimate::Machine m;
  m.threads = threads;
  for (const Host::Cache& cache : host.caches) {
    if (cache.level == 1 && cache.type != "Instruction") m.l1_bytes = double(cache.bytes);
    if (cache.level == 2) m.l2_bytes = double(cache.bytes);
    if (cache.level == 3) m.l3_bytes = double(cache.bytes);
  }
  m.tile_rows = kernels::gemm_kernel().rows;
  m.tile_columns = kernels::gemm_kernel().columns;
  m.byte_rows = kernels::integer_gemm_kernel().rows;
  m.byte_columns = kernels::integer_gemm_kernel().panels * kernels::kIntegerPanel;
  m.block_rows = kernels::block_gemm_kernel(64, true).rows;
  const InstructionSet set = kernels::vectors();
  m.vector = set == InstructionSet::avx512 ? 16 : set == InstructionSet::avx2 ? 8 : 4;
  return m;
}

}  // namespace hone::calibrate
