// Products of bytes for any CPU.
#include "kernels/integer_gemm/finish_impl.h"

namespace hone::kernels {
namespace {

void tile(const IntegerTile& t) {
  for (int64_t r = 0; r < t.rows; ++r)
    for (int64_t p = 0; p < t.panels; ++p) {
      int32_t* to = t.sums + r * t.sums_step + p * kIntegerPanel;
      // Bytes of any size sum up beyond 32 bits: unsigned, so that this wraps around.
      uint32_t sums[kIntegerPanel] = {};
      const uint8_t* a = t.a + r * t.a_step;
      const int8_t* b = t.b + p * t.panel_step;
      for (int64_t k = 0; k < t.depth; k += kDepthGroup, b += kDepthGroup * kIntegerPanel)
        for (int64_t j = 0; j < kIntegerPanel; ++j)
          for (int64_t i = 0; i < kDepthGroup; ++i)
            sums[j] += uint32_t(int32_t(a[k + i]) * b[j * kDepthGroup + i]);
      for (int64_t j = 0; j < kIntegerPanel; ++j)
        to[j] = int32_t((t.add ? uint32_t(to[j]) : 0) + sums[j]);
    }
}

}  // namespace

const IntegerGemmKernel kIntegerGemmPortable{8,       1,       1,       kDepthGroup, nullptr, 1,
                                             tile,    nullptr, nullptr, nullptr,     nullptr, 0,
                                             nullptr, nullptr, finish,  row_sums};

}  // namespace hone::kernels
